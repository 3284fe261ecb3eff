/**
 * Who may say what. A browser's word is a stranger's word: what decides about money, about other people or about the
 * test mode is refused, and what the server knows better is replaced. A server with the secret key may send everything.
 *
 * @module
 */

import { ACTION_SOURCES, type ActionSource } from "./server_event.ts";

/** What one kind of caller may send. */
export interface CallerProfile {
  /** What such a caller is called in messages. */
  readonly name: "browser" | "server";
  /** Events that this caller never sends; the settings' list of allowed events narrows it further. */
  readonly refused_events: readonly string[];
  /** Top-level fields whose presence refuses the event. */
  readonly refused_fields: readonly string[];
  /** Fields of `user_data` that are ignored with a note; the handler supplies what it knows in their place. */
  readonly ignored_user_data: readonly string[];
  /** The only values of `action_source` taken. */
  readonly action_sources: readonly ActionSource[];
  /** Taken where the caller names no `action_source`. */
  readonly default_action_source: ActionSource | undefined;
  /** Whether `user_data` may be missing, because the request itself tells enough. */
  readonly user_data_optional: boolean;
}

/** A web page with the publishable key. */
export const BROWSER: CallerProfile = {
  name: "browser",
  refused_events: ["Purchase", "AppendAttribution", "AppendValue"],
  refused_fields: ["test_event_code", "original_event_data", "attribution_data"],
  ignored_user_data: [
    "client_ip_address",
    "client_user_agent",
    "external_id",
    "subscription_id",
    "fb_login_id",
    "lead_id",
    "anon_id",
    "madid",
    "page_id",
    "page_scoped_user_id",
    "ctwa_clid",
    "ig_account_id",
    "ig_sid",
  ],
  action_sources: ["website"],
  default_action_source: "website",
  user_data_optional: true,
};

/** The application's own server, with the secret key. */
export const SERVER: CallerProfile = {
  name: "server",
  refused_events: [],
  refused_fields: [],
  ignored_user_data: [],
  action_sources: ACTION_SOURCES,
  default_action_source: undefined,
  user_data_optional: false,
};

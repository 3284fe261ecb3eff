/**
 * Which ad click an event belongs to. `fbc` is taken as sent; failing that it is built from the click id, which the
 * event carries itself, in its `user_data`, or in the page's address, and from the time when that click was first seen.
 *
 * @module
 */

import type { Note } from "../../user_data/normalised.ts";
import { buildFbc, fbclidOfFbc, findFbclid, isFbclid } from "../../user_data/click_id.ts";
import type { EventFields } from "./event_schema.ts";
import type { ServerEvent } from "./server_event.ts";

/** A click id and when it was seen. */
export interface Click {
  /** The id as it came, case kept. */
  readonly fbclid: string;
  /** Milliseconds since 1970: as the caller says, else when the event happened. */
  readonly seen_at_ms: number;
  /** Whether `fbc` was built here, so that an earlier sight of the same click may still correct it. */
  readonly built: boolean;
}

/** Finds the click of an event, given the `fbc` that was accepted, if any. */
export function findClick(
  fields: Pick<EventFields, "fbclid" | "fbclid_seen_at" | "event_source_url" | "event_time" | "user_data">,
  fbc: string | undefined,
  now_ms: number,
  notes: Note[],
): Click | undefined {
  if (fbc !== undefined) {
    return { fbclid: fbclidOfFbc(fbc) ?? "", seen_at_ms: Number(fbc.split(".")[2]), built: false };
  }
  const fbclid = givenFbclid(fields, notes) ?? findFbclid(fields.event_source_url ?? "");
  if (fbclid === undefined) return undefined;
  const happened_ms = Math.min((fields.event_time ?? now_ms / 1_000) * 1_000, now_ms);
  return { fbclid, seen_at_ms: firstSeen(fields, now_ms, notes) ?? happened_ms, built: true };
}

function givenFbclid(fields: Pick<EventFields, "fbclid" | "user_data">, notes: Note[]): string | undefined {
  for (const [path, given] of [["fbclid", fields.fbclid], ["user_data.fbclid", fields.user_data?.fbclid]] as const) {
    if (given === undefined || given === null || given === "") continue;
    const fbclid = typeof given === "string" ? given.trim() : "";
    if (isFbclid(fbclid)) return fbclid;
    notes.push({ path, message: "is not a click id and was left out" });
  }
  return undefined;
}

function firstSeen(
  fields: Pick<EventFields, "fbclid_seen_at" | "user_data">,
  now_ms: number,
  notes: Note[],
): number | undefined {
  const given = fields.fbclid_seen_at ?? fields.user_data?.fbclid_seen_at;
  if (given === undefined || given === null || given === "") return undefined;
  if (typeof given === "number" && given >= 1_000_000_000_000 && given <= now_ms) return Math.floor(given);
  notes.push({ path: "fbclid_seen_at", message: "is not a past time in milliseconds and was left out" });
  return undefined;
}

/** Corrects a built `fbc` when the same click was seen before; the time never moves later. */
export function withFirstSeen(event: ServerEvent, click: Click | undefined, first_seen_ms: number): ServerEvent {
  if (click === undefined || !click.built || first_seen_ms >= click.seen_at_ms) return event;
  const fbc = buildFbc(click.fbclid, first_seen_ms);
  return fbc === undefined ? event : { ...event, user_data: { ...event.user_data, fbc } };
}

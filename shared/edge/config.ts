/**
 * The configuration of the functions: environment variables in, one checked object out. An empty string counts as
 * unset, because that is what a cleared secret looks like. A mistake stops the function with all wrong names at once.
 *
 * @module
 */

import { z } from "zod";
import { ConfigError, type FieldProblem } from "../errors.ts";

/** Which of the accounts that the token can read are to be enabled. */
export interface AccountSelection {
  /** `none`: discovered accounts are stored disabled; `all`: `*`; `list`: those in `ids`. */
  mode: "none" | "all" | "list";
  /** Digits, without `act_`; empty unless `mode` is `list`. */
  ids: string[];
}

/** What the functions are configured with. */
export interface Config {
  /** `META_PIXEL_ID`: where server events go (Meta now also says dataset); empty: nowhere. */
  pixel_ids: string[];
  /** `META_API_VERSION`; {@link DEFAULT_API_VERSION} where it is not set. */
  api_version: string;
  /** `META_GRAPH_URL` without a trailing slash: Meta's, or one on loopback. */
  graph_url: string;
  /** `META_TEST_EVENT_CODE`; null outside tests. */
  test_event_code: string | null;
  /** `FB_ADS_ACCOUNT_IDS`. */
  account_ids: AccountSelection;
  /** `FB_ADS_ALLOWED_ORIGINS`: origins whose browsers may send events; empty: none. */
  allowed_origins: string[];
  /** `FB_ADS_DEFAULT_COUNTRY`: ISO 3166-1 alpha-2, upper case; for phone numbers without a country code. */
  default_country: string | null;
  /** `FB_ADS_REQUIRE_CONSENT`: send nothing of a person who has not agreed. */
  require_consent: boolean;
}

/** Meta's own Graph API. */
export const META_GRAPH_URL = "https://graph.facebook.com";
/** Version of the Graph API that the suite is written for; the only place that names it. */
export const DEFAULT_API_VERSION = "v27.0";

/** Whether a URL's host is this very machine, which nobody on the network can pose as. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function listOf(text: string | undefined): string[] {
  return [...new Set((text ?? "").split(/[\s,]+/).filter((entry) => entry !== ""))];
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

const setting = z.string().transform((text) => text.trim()).transform((text) => text === "" ? undefined : text)
  .optional();

const pixelIds = setting.transform(listOf).refine(
  (ids) => ids.every((id) => /^\d{1,20}$/.test(id)),
  "must be pixel ids (digits), separated by commas",
);

const apiVersion = setting.transform((text) => text ?? DEFAULT_API_VERSION).refine(
  (text) => /^v\d{1,3}\.0$/.test(text),
  `must look like ${DEFAULT_API_VERSION}`,
);

const graphUrl = setting.transform((text, context) => {
  if (text === undefined) return META_GRAPH_URL;
  const url = parseUrl(text);
  const isBare = url !== null && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  const isMeta = url?.origin === META_GRAPH_URL && url.pathname === "/";
  const isLoopback = url !== null && /^https?:$/.test(url.protocol) && isLoopbackHost(url.hostname);
  if (isBare && (isMeta || isLoopback)) return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  context.addIssue({ code: "custom", message: `must be ${META_GRAPH_URL} or a URL on loopback` });
  return z.NEVER;
});

const accountIds = setting.transform((text, context): AccountSelection => {
  const entries = listOf(text);
  if (entries.length === 0) return { mode: "none", ids: [] };
  if (entries.length === 1 && entries[0] === "*") return { mode: "all", ids: [] };
  const ids = entries.map((entry) => entry.replace(/^act_/, ""));
  if (ids.every((id) => /^\d{1,20}$/.test(id))) return { mode: "list", ids: [...new Set(ids)] };
  context.addIssue({ code: "custom", message: "must be * or ad account ids (digits), separated by commas" });
  return z.NEVER;
});

const allowedOrigins = setting.transform((text, context) => {
  const origins: string[] = [];
  for (const entry of listOf(text)) {
    const url = parseUrl(entry);
    const isOrigin = url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "" &&
      url.hash === "" && url.username === "";
    if (isOrigin) origins.push(url.origin);
    else context.addIssue({ code: "custom", message: "must be origins such as https://shop.example, comma-separated" });
  }
  return [...new Set(origins)];
});

const defaultCountry = setting.transform((text) => text?.toUpperCase() ?? null).refine(
  (text) => text === null || /^[A-Z]{2}$/.test(text),
  "must be a two-letter country code such as ID",
);

const requireConsent = setting.transform((text, context) => {
  if (text === undefined || /^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  context.addIssue({ code: "custom", message: "must be true or false" });
  return z.NEVER;
});

const environment = z.object({
  META_PIXEL_ID: pixelIds,
  META_API_VERSION: apiVersion,
  META_GRAPH_URL: graphUrl,
  META_TEST_EVENT_CODE: setting,
  FB_ADS_ACCOUNT_IDS: accountIds,
  FB_ADS_ALLOWED_ORIGINS: allowedOrigins,
  FB_ADS_DEFAULT_COUNTRY: defaultCountry,
  FB_ADS_REQUIRE_CONSENT: requireConsent,
});

/**
 * Reads and checks the configuration.
 *
 * @param get Looks a variable up by name.
 * @throws {ConfigError} Naming every wrong variable.
 */
export function loadConfig(get: (name: string) => string | undefined): Config {
  const raw = Object.fromEntries(Object.keys(environment.shape).map((name) => [name, get(name)]));
  const parsed = environment.safeParse(raw);
  if (!parsed.success) {
    const problems = new Map<string, FieldProblem>();
    for (const issue of parsed.error.issues) {
      const path = issue.path.join(".");
      problems.set(path, { path, message: issue.message });
    }
    throw new ConfigError([...problems.values()]);
  }
  const env = parsed.data;
  return {
    pixel_ids: env.META_PIXEL_ID,
    api_version: env.META_API_VERSION,
    graph_url: env.META_GRAPH_URL,
    test_event_code: env.META_TEST_EVENT_CODE ?? null,
    account_ids: env.FB_ADS_ACCOUNT_IDS,
    allowed_origins: env.FB_ADS_ALLOWED_ORIGINS,
    default_country: env.FB_ADS_DEFAULT_COUNTRY,
    require_consent: env.FB_ADS_REQUIRE_CONSENT,
  };
}

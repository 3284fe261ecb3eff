/**
 * The configuration of the functions: environment variables in, one checked object out. An empty string counts as
 * unset, because that is what a cleared secret looks like. A function reads the settings that it needs: a mistake stops
 * those functions alone, with all wrong names at once. Which web apps may call is in `origins.ts`.
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
  /** `FB_ADS_DEFAULT_COUNTRY`: ISO 3166-1 alpha-2, upper case; for phone numbers without a country code. */
  default_country: string | null;
  /** `FB_ADS_REQUIRE_CONSENT`: send nothing of a person who has not agreed. */
  require_consent: boolean;
}

/** Name of a setting. */
export type Setting = keyof Config;

/** Looks an environment variable up by name. */
export type GetVariable = (name: string) => string | undefined;

/** Meta's own Graph API. */
export const META_GRAPH_URL = "https://graph.facebook.com";
/** Version of the Graph API that the suite is written for; the only place that names it. */
export const DEFAULT_API_VERSION = "v27.0";

/** Whether a URL's host is this very machine, which nobody on the network can pose as. */
function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** The entries of a list, separated by commas or white space. */
export function listOf(text: string | undefined): string[] {
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

const testEventCode = setting.transform((text) => text ?? null).refine(
  (text) => text === null || /^[!#-&(-~]+$/.test(text),
  "must be a code of Events Manager, without quotes or spaces",
);

/** The variable behind each setting, and what it may hold. */
const SETTINGS: { [Name in Setting]: [variable: string, schema: z.ZodType<Config[Name], string | undefined>] } = {
  pixel_ids: ["META_PIXEL_ID", pixelIds],
  api_version: ["META_API_VERSION", apiVersion],
  graph_url: ["META_GRAPH_URL", graphUrl],
  test_event_code: ["META_TEST_EVENT_CODE", testEventCode],
  account_ids: ["FB_ADS_ACCOUNT_IDS", accountIds],
  default_country: ["FB_ADS_DEFAULT_COUNTRY", defaultCountry],
  require_consent: ["FB_ADS_REQUIRE_CONSENT", requireConsent],
};

/**
 * Reads and checks the settings of these names.
 *
 * @throws {ConfigError} Naming every wrong variable, never its value.
 */
export function loadConfig<Name extends Setting>(get: GetVariable, names: readonly Name[]): Pick<Config, Name> {
  const problems: FieldProblem[] = [];
  const config: Partial<Record<Name, unknown>> = {};
  for (const name of names) {
    const [variable, schema] = SETTINGS[name];
    const parsed = schema.safeParse(get(variable));
    if (parsed.success) config[name] = parsed.data;
    else problems.push({ path: variable, message: parsed.error.issues[0]?.message ?? "is not usable" });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config as Pick<Config, Name>;
}

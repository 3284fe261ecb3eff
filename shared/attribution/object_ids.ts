/**
 * The ids of ads, ad sets and campaigns that a landing page's address carries. Only digits are ids: a macro that Meta
 * did not expand, a number that a spreadsheet rewrote (`1.2E+17`) and a name are none. Explicit parameters are taken by
 * their name; numbers in UTM parameters are only candidates, because agencies swap them: the catalogue says what they
 * are.
 *
 * @module
 */

import type { ObjectIds } from "../database/touchpoints.ts";

/**
 * Which parameters carry which id, the plainest first; names are compared without regard to case. `hsa_*` is HubSpot's,
 * `tw_adid` Triple Whale's.
 */
const PARAMETERS: readonly (readonly [keyof ObjectIds, readonly string[]])[] = [
  ["fb_ad_id", ["ad_id", "fb_ad_id", "fbadid", "adid", "hsa_ad", "tw_adid"]],
  ["fb_adset_id", ["adset_id", "fb_adset_id", "hsa_grp"]],
  ["fb_campaign_id", ["campaign_id", "fb_campaign_id", "hsa_cam"]],
  ["utm_content_id", ["utm_content"]],
  ["utm_term_id", ["utm_term"]],
  ["utm_campaign_id", ["utm_campaign", "utm_id"]],
];
/** An id at the end of a name: `Video_120210000000000301`, `Video|120210000000000301`. */
const ID_BEHIND_NAME = /[^0-9]([1-9][0-9]{14,19})$/;

/** Parameters that say where a visit came from and nothing about the person; `page_url` keeps these alone. */
const KEPT_PARAMETERS = new Set([
  ...PARAMETERS.flatMap(([, names]) => names),
  "utm_source",
  "utm_medium",
  "placement",
  "site_source_name",
]);

/** What a kept parameter may hold: nothing that could be an address or a number to dial. */
const PLAIN_VALUE = /^[\w.-]{1,100}$/;

/** Tells whether a text is the id of one of Meta's objects: 1 to 30 digits that do not begin with 0. */
function isObjectId(text: string): boolean {
  return /^[1-9][0-9]{0,29}$/.test(text);
}

/** Reads the ids out of an address; of a parameter that is given twice, the first value that is an id. */
export function readObjectIds(url: URL): ObjectIds {
  const values = new Map<string, string[]>();
  for (const [name, value] of [...url.searchParams, ...parametersBehindHash(url)]) {
    const key = name.toLowerCase();
    values.set(key, [...(values.get(key) ?? []), value.trim()]);
  }
  const ids: Record<keyof ObjectIds, string | null> = {
    fb_ad_id: null,
    fb_adset_id: null,
    fb_campaign_id: null,
    utm_content_id: null,
    utm_term_id: null,
    utm_campaign_id: null,
  };
  for (const [field, names] of PARAMETERS) {
    const given = names.flatMap((name) => values.get(name) ?? []);
    ids[field] = given.find(isObjectId) ?? (field.startsWith("utm_") ? idBehindName(given) : null);
  }
  return ids;
}

function idBehindName(given: readonly string[]): string | null {
  for (const text of given) {
    const [, id] = ID_BEHIND_NAME.exec(text) ?? [];
    if (id !== undefined) return id;
  }
  return null;
}

/** Apps of one page keep their parameters there: `#ad_id=1`, `#/sale?ad_id=1`. */
function parametersBehindHash(url: URL): URLSearchParams {
  const behind = url.hash.slice(1);
  return new URLSearchParams(behind.includes("?") ? behind.slice(behind.indexOf("?") + 1) : behind);
}

/**
 * Tells whether an ad's URL parameters (`url_tags`) name the ad in a parameter that is read here, once Meta has filled
 * in its macros.
 */
export function namesItsAd(url_tags: string): boolean {
  const filled = url_tags.replace(/(?:\{\{|%7b%7b)\s*ad\.id\s*(?:\}\}|%7d%7d)/gi, "120210000000000301");
  const url = `https://ad.example/?${filled.replace(/^\?/, "")}`;
  if (!URL.canParse(url)) return false;
  return Object.values(readObjectIds(new URL(url))).includes("120210000000000301");
}

/** Tells whether any id was found. */
export function hasObjectId(ids: ObjectIds): boolean {
  return PARAMETERS.some(([field]) => ids[field] !== null);
}

/**
 * The address without anything that could be personal: origin, path, and the parameters that name a campaign.
 *
 * @param page The same page with personal data taken out of its path.
 */
export function plainPageUrl(url: URL, page: URL = url): string {
  const kept = [...url.searchParams].filter(([name, value]) =>
    KEPT_PARAMETERS.has(name.toLowerCase()) && PLAIN_VALUE.test(value) && !/^(?:0|62|63)\d{8,12}$/.test(value)
  );
  return `${page.origin}${page.pathname}${kept.length === 0 ? "" : `?${new URLSearchParams(kept)}`}`;
}

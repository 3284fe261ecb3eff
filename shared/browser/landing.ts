/**
 * The landing: the last address that a click on an ad led to. A visit that no ad caused never replaces it.
 *
 * @module
 */

import { document, location, stringify } from "./web_page.ts";

/**
 * Parameters that say where a visit came from; the first group is those of an ad's address. Macros that Meta did not
 * expand, and what templates put for nothing, are neither.
 */
const SOURCE = /^(fbclid=(?!(null|undefined)$)[\w-]+|((ad(set)?|campaign)_id|utm_\w+)=[1-9]\d*)$|^utm_\w+=[^{}]+$/;

/** A landing. */
export interface Landing {
  /** When it was first seen, in milliseconds since 1970: the time in `_fbc`. */
  readonly at: number;
  /** `ad_id`, `adset_id`, `campaign_id`, `utm_*` and `fbclid`. */
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Reads the landing in an address; undefined where no ad caused it. Of a parameter given twice the first usable counts.
 */
const readLanding = (href: string): Landing | undefined => {
  const tags: Record<string, string> = {};
  let ad: string | undefined;
  new URL(href).searchParams.forEach((value, name) => {
    const found = SOURCE.exec(`${name}=${value}`);
    if (found) tags[name] ??= value;
    ad ??= found?.[1];
  });
  return ad ? { at: Date.now(), tags } : undefined;
};

/** The landing of the present page, or of the page before on this site: the visitor may have agreed only here. */
export const findLanding = (): Landing | undefined | false => {
  const { referrer } = document;
  return readLanding(location.href) ?? (referrer.startsWith(location.origin) && readLanding(referrer));
};

/** The newer one; of two readings of one landing the first. */
export const newerLanding = (known: Landing | undefined, seen: Landing | undefined | false): Landing | undefined =>
  !seen || (known && (stringify(known.tags) === stringify(seen.tags) || known.at > seen.at)) ? known : seen;

/**
 * Meta's click and browser ids. `fbclid` is the parameter in the address, `fbc` the cookie-format value made from it,
 * `fbp` the browser's id. All are case-sensitive and are passed on as they came, with the suffix that Meta's parameter
 * builder may have appended.
 * Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc
 *
 * @module
 */

/** Milliseconds since 1970 in 13 digits; ten digits would be seconds, the commonest mistake. */
const MILLISECONDS = "[1-9]\\d{12}";
const SUFFIX = "(?:\\.(?:[\\w-]{8}|[\\w-]{2}))?";
const FBC = new RegExp(`^fb\\.\\d{1,2}\\.${MILLISECONDS}\\.([\\w-]{1,1000})${SUFFIX}$`);
const FBP = new RegExp(`^fb\\.\\d{1,2}\\.${MILLISECONDS}\\.\\d{1,20}${SUFFIX}$`);
const FBCLID = /^[\w-]{1,1000}$/;
/** What templates leave behind when there was no click id. */
const PLACE_HOLDERS = new Set(["fbclid", "null", "undefined", "none", "nan", "false", "true"]);

/** Tells whether a text can be a click id: neither empty nor a macro that nobody replaced. */
export function isFbclid(text: string): boolean {
  return FBCLID.test(text) && !PLACE_HOLDERS.has(text.toLowerCase());
}

/** Tells whether a text is a well-formed `fbc`. */
export function isFbc(text: string): boolean {
  const fbclid = FBC.exec(text)?.[1];
  return fbclid !== undefined && isFbclid(fbclid);
}

/** Tells whether a text is a well-formed `fbp`. */
export function isFbp(text: string): boolean {
  return FBP.test(text);
}

/**
 * Builds `fbc` on the server, where no cookie says otherwise: subdomain index 1.
 *
 * @param first_seen_ms When this click id was seen for the first time, in milliseconds; never the time of sending.
 * @returns Undefined where either part is unusable.
 */
export function buildFbc(fbclid: string, first_seen_ms: number): string | undefined {
  const fbc = `fb.1.${Math.floor(first_seen_ms)}.${fbclid}`;
  return isFbc(fbc) ? fbc : undefined;
}

/** Reads the click id out of an `fbc`. */
export function fbclidOfFbc(fbc: string): string | undefined {
  return FBC.exec(fbc)?.[1];
}

/** Finds the click id in a page's address, decoded once; a macro left in front of the real one is passed over. */
export function findFbclid(url: string): string | undefined {
  // A name written with escapes or broken by a tab or a line end is only seen by parsing.
  if (!/fbclid|[%\t\r\n]/.test(url)) return undefined;
  return URL.canParse(url) ? new URL(url).searchParams.getAll("fbclid").find(isFbclid) : undefined;
}

/**
 * Meta's two cookies. `_fbp` names the browser, `_fbc` the last click; both live 90 days, and `_fbc` is replaced only
 * by another click id. Their form is `fb.<subdomain index>.<milliseconds>.<rest>`; the index says on which domain the
 * cookie is (0 `com`, 1 `example.com`, 2 `www.example.com`), which is the widest that the browser takes.
 * Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc
 *
 * @module
 */

import { attempt, document, location, randomDigits } from "./web_page.ts";

/** How long Meta's cookies and the landing are kept. */
export const LIFE_SECONDS = 7_776_000;

/** The ids of a browser, as `user_data` has them; here they stay where cookies are blocked. */
const inMemory: Record<string, string | undefined> = {};

/** Reads an id; nothing is made. Ten digits would be seconds, the commonest mistake of other scripts. */
export const readBrowserId = (name: "fbc" | "fbp"): string | undefined =>
  attempt(() => document.cookie.match(`\\b_${name}=(fb\\.\\d+\\.\\d{13}\\.[\\w.-]+)`)?.[1]) ??
    inMemory[name];

/**
 * Reads both ids, and makes what is missing or of an older click. Another script may have stored a later click than the
 * one that is remembered.
 */
export const ensureBrowserIds = (fbclid: string | undefined, seen_at: number): Record<string, string | undefined> => {
  const [, , known_at, known] = readBrowserId("fbc")?.split(".") ?? [];
  if (fbclid && fbclid !== known && !(Number(known_at) > seen_at)) writeBrowserId("fbc", `${seen_at}.${fbclid}`);
  if (!readBrowserId("fbp")) writeBrowserId("fbp", `${Date.now()}.${randomDigits(2)}`);
  return { fbc: readBrowserId("fbc"), fbp: readBrowserId("fbp") };
};

/** Writes an id on the widest domain that takes it; an empty one deletes it from all. */
export const writeBrowserId = (name: "fbc" | "fbp", rest: string): void => {
  location.hostname.split(".").some((_, index, labels) => {
    const value = inMemory[name] = rest && `fb.${index}.${rest}`;
    return attempt(() => {
      document.cookie = `_${name}=${value};path=/;max-age=${rest ? LIFE_SECONDS : 0};domain=${
        labels.slice(-1 - index).join(".")
      }`;
      return rest && document.cookie.includes(value);
    });
  });
};

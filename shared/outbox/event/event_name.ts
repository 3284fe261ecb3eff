/**
 * Event names. Meta's standard names are case-sensitive: `purchase` would be accepted by Meta as a custom event and
 * counted as no purchase, so a standard name in the wrong case is refused with the right one.
 * Source: https://developers.facebook.com/docs/meta-pixel/reference
 *
 * @module
 */

import { containsEmail } from "../../user_data/personal_text.ts";

/** Meta's standard events. */
export const STANDARD_EVENTS = [
  "AddPaymentInfo",
  "AddToCart",
  "AddToWishlist",
  "CompleteRegistration",
  "Contact",
  "CustomizeProduct",
  "Donate",
  "FindLocation",
  "InitiateCheckout",
  "Lead",
  "PageView",
  "Purchase",
  "Schedule",
  "Search",
  "StartTrial",
  "SubmitApplication",
  "Subscribe",
  "ViewContent",
] as const;

/** Meta's limit for the name of a custom event, in characters. */
const MAX_LENGTH = 50;
const STANDARD: ReadonlySet<string> = new Set(STANDARD_EVENTS);
const STANDARD_BY_LOWER_CASE = new Map(STANDARD_EVENTS.map((name): [string, string] => [name.toLowerCase(), name]));

/** Says what is wrong with an event name; undefined when nothing is. */
export function checkEventName(name: string): string | undefined {
  if (STANDARD.has(name)) return undefined;
  if (name.trim() === "") return "is required";
  if (name !== name.trim() || /\p{Cc}/u.test(name)) return "must not begin or end with a space or contain controls";
  if (containsEmail(name)) return "must not contain an e-mail address";
  if (name.length > MAX_LENGTH) return `must not be longer than ${MAX_LENGTH} characters`;
  const standard = STANDARD_BY_LOWER_CASE.get(name.toLowerCase().replace(/[\s_-]/g, ""));
  if (standard !== undefined && standard !== name) {
    return `is not Meta's name of a standard event, which is ${standard}`;
  }
  return undefined;
}

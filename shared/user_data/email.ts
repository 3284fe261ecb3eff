/**
 * E-mail addresses (`em`): trimmed, lower-cased, and shaped like one. Plus tags and dots stay, because Meta's side of the
 * comparison keeps them.
 *
 * @module
 */

import type { Normalised } from "./normalised.ts";
import { lowerCase } from "./unicode_text.ts";

const ADDRESS = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@(.+)$/u;
const DOMAIN_LABEL = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?$/u;
const MAX_LENGTH = 254;

/** Normalises a trimmed e-mail address; anything that is not exactly one address is refused, never repaired. */
export function normaliseEmail(text: string): Normalised {
  const email = lowerCase(text);
  const domain = email.length <= MAX_LENGTH ? ADDRESS.exec(email)?.[1] : undefined;
  const labels = domain?.split(".") ?? [];
  if (labels.length < 2 || !labels.every((label) => DOMAIN_LABEL.test(label))) {
    return { refused: "is not an e-mail address" };
  }
  return { value: email };
}

/**
 * E-mail addresses (`em`): trimmed, lower-cased, and shaped like one. Plus tags and dots stay, because Meta's side of
 * the comparison keeps them.
 *
 * @module
 */

import type { Normalised } from "./normalised.ts";
import { lowerCase } from "./unicode_text.ts";

const ADDRESS = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@(.+)$/u;
/** Plain addresses, which the two expressions with Unicode classes would take as well. */
const ASCII_ADDRESS =
  /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)+$/;
const DOMAIN_LABEL = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?$/u;
const MAX_LENGTH = 254;

/** Normalises a trimmed e-mail address; anything that is not exactly one address is refused, never repaired. */
export function normaliseEmail(text: string): Normalised {
  const email = lowerCase(text);
  if (email.length <= MAX_LENGTH && ASCII_ADDRESS.test(email)) return { value: email };
  const domain = email.length <= MAX_LENGTH ? ADDRESS.exec(email)?.[1] : undefined;
  const labels = domain?.split(".") ?? [];
  if (labels.length < 2 || !labels.every((label) => DOMAIN_LABEL.test(label))) {
    return { refused: "is not an e-mail address" };
  }
  return { value: email };
}

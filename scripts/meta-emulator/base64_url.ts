/**
 * Base64 in the URL-safe alphabet without padding, for cursors.
 * @module
 */

/** Encodes ASCII text. */
export function encodeBase64Url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Decodes to ASCII text; empty when the input is no base64. */
export function decodeBase64Url(text: string): string {
  try {
    return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return "";
  }
}

/**
 * Money from Postgres (`numeric` as text) to a JSON number without drift. Up to 15 significant digits a decimal
 * survives the way through a JavaScript number and back to text unchanged.
 *
 * @module
 */

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?$/;
const EXACT_DIGITS = 15;

/**
 * Turns a decimal text into the number that serialises to the same value; decimals beyond the 15th significant digit
 * are rounded half up. Undefined when the text is no plain decimal.
 */
export function exactNumber(text: string): number | undefined {
  const match = DECIMAL.exec(text.trim());
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = ""] = match;
  const digits = whole.replace(/^0+/, "");
  const decimals = fraction.replace(/0+$/, "");
  const room = EXACT_DIGITS - digits.length;
  if (decimals.length <= room || decimals === "") return toNumber(sign, `${digits || "0"}.${decimals || "0"}`);
  const kept = Math.max(room, 0);
  const scaled = BigInt(digits + decimals.slice(0, kept)) + (Number(decimals[kept]) >= 5 ? 1n : 0n);
  const padded = String(scaled).padStart(kept + 1, "0");
  const cut = padded.length - kept;
  return toNumber(sign, `${padded.slice(0, cut)}.${padded.slice(cut) || "0"}`);
}

function toNumber(sign: string, decimal: string): number {
  const number = Number(sign + decimal);
  return number === 0 ? 0 : number;
}

/**
 * Budgets come in minor units by Meta's own offsets, which are not ISO 4217's: ISO says 2 digits for HUF, TWD, IDR, COP
 * and CRC, and 3 for KWD. Exact: digits are moved, nothing is divided. (Insights' `spend` is in major units already.)
 * https://developers.facebook.com/docs/marketing-api/currencies
 *
 * @module
 */

const OFFSET_ONE: ReadonlySet<string> = new Set([
  "CLP",
  "COP",
  "CRC",
  "HUF",
  "ISK",
  "IDR",
  "JPY",
  "KRW",
  "PYG",
  "TWD",
  "VND",
]);

/** How many minor units Meta counts to one major unit of a currency. */
export function currencyOffset(currency: string): 1 | 100 {
  return OFFSET_ONE.has(currency.toUpperCase()) ? 1 : 100;
}

/**
 * Turns Meta's minor units into a decimal string of major units: `majorUnits("12345", "USD")` is `"123.45"`, in JPY
 * `"12345"`; `"0"` is `"0"`.
 *
 * @returns null when the amount is absent.
 * @throws {RangeError} When it is not a whole number; the message does not repeat it.
 */
export function majorUnits(minor: string | number | null | undefined, currency: string): string | null {
  if (minor === undefined || minor === null || minor === "") return null;
  const digits = typeof minor === "number" && Number.isSafeInteger(minor) ? String(minor) : minor;
  if (typeof digits !== "string" || !/^-?\d{1,30}$/.test(digits)) {
    throw new RangeError("an amount in minor units is a whole number");
  }
  const sign = digits.startsWith("-") ? "-" : "";
  const whole = digits.replace("-", "").replace(/^0+(?=\d)/, "");
  if (whole === "0") return "0";
  if (currencyOffset(currency) === 1) return sign + whole;
  const padded = whole.padStart(3, "0");
  return `${sign}${padded.slice(0, -2)}.${padded.slice(-2)}`;
}

/**
 * Exact money: whole minor units in, decimal text in major units out. No float ever holds an amount of major units,
 * so that the emulator's sums are the cents themselves.
 * @module
 */

/**
 * Currencies whose smallest unit is the major unit for Meta. All others have 100, whatever ISO 4217 says.
 * https://developers.facebook.com/docs/marketing-api/currencies
 */
const WHOLE_UNIT_CURRENCIES = new Set("CLP COP CRC HUF ISK IDR JPY KRW PYG TWD VND".split(" "));

/** Returns how many minor units make one major unit of a currency: 1 or 100. */
export function minorUnits(currency: string): 1 | 100 {
  return WHOLE_UNIT_CURRENCIES.has(currency) ? 1 : 100;
}

/** Writes minor units as the decimal text of major units that insights carry (`7920` USD is `"79.20"`). */
export function majorText(minor: number, currency: string): string {
  if (!Number.isSafeInteger(minor)) throw new RangeError(`minor units must be a safe integer, found ${minor}`);
  if (minorUnits(currency) === 1 || minor === 0) return String(minor);
  const sign = minor < 0 ? "-" : "";
  const digits = String(Math.abs(minor)).padStart(3, "0");
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

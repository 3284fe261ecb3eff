/**
 * Text for the report's page: escaping, amounts and shares. Amounts become numbers here and only here, to be shown.
 *
 * @module
 */

/** Escapes text for HTML, attributes included. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** An amount with its currency, `IDR 1,234`. Short: `IDR 1.2M`. */
export function formatMoney(amount: string | number | null, currency: string, short = false): string {
  if (amount === null) return "not known";
  const isCode = /^[A-Z]{3}$/.test(currency);
  return new Intl.NumberFormat("en", {
    ...(isCode ? { style: "currency", currency, currencyDisplay: "code", trailingZeroDisplay: "stripIfInteger" } : {}),
    ...(short ? { notation: "compact", maximumSignificantDigits: 3 } : {}),
  }).format(Number(amount)).replace(/\u00a0/g, " ") + (isCode ? "" : ` ${currency}`);
}

/** A whole number with separators. */
export function formatCount(count: number): string {
  return new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format(count);
}

/** A part of a whole in percent; a dash where there is no whole. */
export function formatShare(part: number, whole: number): string {
  return whole === 0
    ? "–"
    : new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 }).format(part / whole);
}

/** Return on ad spend; a dash without spend or where the revenue is not known. */
export function formatRoas(revenue: string | number | null, spend: string | number): string {
  if (revenue === null || Number(spend) === 0) return "–";
  return (Number(revenue) / Number(spend)).toFixed(2);
}

/** A time as one reads it, in UTC. */
export function formatTime(iso: string | null): string {
  return iso === null ? "–" : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** Sums amounts for display; null where any of them is not known. */
export function sumOf(amounts: readonly (string | null)[]): number | null {
  let total = 0;
  for (const amount of amounts) {
    if (amount === null) return null;
    total += Number(amount);
  }
  return total;
}

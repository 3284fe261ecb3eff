/**
 * Figures as a reader of one locale sees them, and text for HTML. Amounts become numbers here and only here, to be
 * shown.
 *
 * @module
 */

/** What a figure is. */
export type Kind = "money" | "count" | "share" | "ratio" | "change";

/** A figure as it is known: an exact decimal text or a number; null where it is not known. */
export type Figure = string | number | null;

/** How each kind is written; the page's script uses the same. */
export const NUMBER_OPTIONS: Readonly<Record<Exclude<Kind, "money">, Intl.NumberFormatOptions>> = {
  count: { maximumFractionDigits: 0 },
  share: { style: "percent", maximumFractionDigits: 1 },
  // 1.92, and 0.0030 where two digits after the point would say nothing.
  ratio: {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
    minimumSignificantDigits: 2,
    maximumSignificantDigits: 2,
    roundingPriority: "morePrecision",
  },
  change: { style: "percent", maximumFractionDigits: 0, signDisplay: "exceptZero" },
};

/** How an amount is written: whole from a thousand on. The files of `--csv` have every digit. */
export const AMOUNT_OPTIONS: Readonly<Record<"small" | "large", Intl.NumberFormatOptions>> = {
  small: { maximumFractionDigits: 2 },
  large: { maximumFractionDigits: 0 },
};

const isCode = (currency: string): boolean => /^[A-Z]{3}$/.test(currency);

/** The same with its currency. */
function moneyOptions(currency: string, size: "small" | "large"): Intl.NumberFormatOptions {
  const options = { minimumFractionDigits: 0, ...AMOUNT_OPTIONS[size] };
  return isCode(currency) ? { ...options, style: "currency", currency, currencyDisplay: "code" } : options;
}

/** What writes figures, days and times. */
export interface Formats {
  /** BCP 47. */
  locale: string;
  /** A figure of any kind, an amount without its currency; a dash where it is not known. */
  figure(value: Figure, kind: Kind): string;
  /** An amount, `IDR 1,234`. */
  money(amount: Figure, currency: string): string;
  /** A short amount, `IDR 1.2M`. */
  shortMoney(amount: Figure, currency: string): string;
  /** A whole number with separators. */
  count(count: number): string;
  /** A part of a whole in percent; a dash where there is no whole. */
  share(part: number, whole: number): string;
  /** A calendar day, `YYYY-MM-DD`, as one reads it. */
  day(day: string): string;
  /** A time in the account's zone; a dash for null. */
  time(iso: string | null): string;
}

/** Makes them for a locale, and a time zone for times. */
export function makeFormats(locale: string, time_zone: string): Formats {
  const days = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
  const times = new Intl.DateTimeFormat(locale, {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZone: time_zone,
    timeZoneName: "short",
  });
  const plain = new Map<string, Intl.NumberFormat>();
  const write = (value: number, key: string, options: Intl.NumberFormatOptions) => {
    const known = plain.get(key) ?? new Intl.NumberFormat(locale, options);
    plain.set(key, known);
    return known.format(value).replaceAll("\u00a0", " ");
  };
  const suffix = (currency: string) => isCode(currency) ? "" : ` ${currency}`;
  const sizeOf = (amount: Figure) => Math.abs(Number(amount)) < 1_000 ? "small" : "large";
  const count = (value: number) => write(value, "count", NUMBER_OPTIONS.count);
  return {
    locale,
    figure(value, kind) {
      if (value === null) return "–";
      if (kind !== "money") return write(Number(value), kind, NUMBER_OPTIONS[kind]);
      return write(Number(value), sizeOf(value), AMOUNT_OPTIONS[sizeOf(value)]);
    },
    money(amount, currency) {
      if (amount === null) return "–";
      const size = sizeOf(amount);
      return write(Number(amount), `${size} ${currency}`, moneyOptions(currency, size)) + suffix(currency);
    },
    shortMoney(amount, currency) {
      if (amount === null) return "not known";
      const options = { ...moneyOptions(currency, "small"), notation: "compact", maximumSignificantDigits: 3 } as const;
      return write(Number(amount), `short ${currency}`, options) + suffix(currency);
    },
    count,
    share: (part, whole) => whole === 0 ? "–" : write(part / whole, "share", NUMBER_OPTIONS.share),
    day: (day) => days.format(Date.parse(day)),
    time: (iso) => iso === null ? "–" : times.format(Date.parse(iso)),
  };
}

/** Escapes text for HTML, attributes included. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Divides; null where there is nothing to divide by, or a part is not known. */
export function divide(part: Figure, whole: Figure): number | null {
  return part === null || whole === null || Number(whole) === 0 ? null : Number(part) / Number(whole);
}

/** Sums amounts for display; null where any of them is not known. */
export function sumOf(amounts: readonly Figure[]): number | null {
  let total = 0;
  for (const amount of amounts) {
    if (amount === null) return null;
    total += Number(amount);
  }
  return total;
}

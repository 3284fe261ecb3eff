/**
 * Whether an ad earns its money back, and how sure that is. One sale is not five hundred: sales come by chance, so the
 * ROAS that an ad would show in the long run lies in an interval around the one that it showed.
 *
 * @module
 */

import type { Spender } from "./data.ts";

/** 90 of 100 such intervals hold the true value: 5 miss it on either side. */
const STANDARD_DEVIATIONS = 1.645;

/** What can be said of an ad: it earns, it loses, or neither for certain; null where its revenue is not known. */
export type Verdict = "earns" | "loses" | "open";

/** What its figures say of an ad, ad set or campaign. */
export interface Judgement {
  /** What can be said. */
  verdict: Verdict | null;
  /** Net revenue divided by spend. */
  roas: number | null;
  /** Lower end of the interval around it. */
  roas_low: number | null;
  /** Upper end. */
  roas_high: number | null;
  /** What it earned beyond what it cost (revenue / break-even - spend); negative: the money lost. */
  balance: number | null;
}

/**
 * Lower and upper end of the number of sales to expect where `sales` came: Byar's approximation of the Poisson
 * interval. Source: Breslow & Day, Statistical Methods in Cancer Research II (1987), p. 69.
 */
export function salesInterval(sales: number): [low: number, high: number] {
  const end = (count: number, direction: number) =>
    count * (1 - 1 / (9 * count) + direction * STANDARD_DEVIATIONS / (3 * Math.sqrt(count))) ** 3;
  return [sales === 0 ? 0 : end(sales, -1), end(sales + 1, 1)];
}

/** Judges by a break-even ROAS. `usual_value` is what a sale of that currency is worth, for an ad that sold nothing. */
export function judge(
  { spend, revenue, sales }: Pick<Spender, "spend" | "revenue" | "sales">,
  break_even_roas: number,
  usual_value: number | null,
): Judgement {
  const none = { verdict: null, roas: null, roas_low: null, roas_high: null, balance: null };
  if (revenue === null) return none;
  const balance = Number(revenue) / break_even_roas - Number(spend);
  if (Number(spend) === 0) return { ...none, balance };
  const roas = Number(revenue) / Number(spend);
  const value = sales === 0 ? usual_value : Number(revenue) / sales;
  if (value === null) return { ...none, roas, balance };
  const [roas_low, roas_high] = salesInterval(sales).map((count) => count * value / Number(spend)) as [number, number];
  const verdict = roas_high < break_even_roas ? "loses" : roas_low >= break_even_roas ? "earns" : "open";
  return { verdict, roas, roas_low, roas_high, balance };
}

/** How a verdict is written. */
export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  earns: "Earns",
  loses: "Loses",
  open: "Too early to say",
};

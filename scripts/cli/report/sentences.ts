/**
 * What a reader should know first, in sentences made from the figures. A sentence that the figures do not carry is left
 * out.
 *
 * @module
 */

import type { CurrencyFigures, ReportData } from "./data.ts";
import { divide, type Formats, sumOf } from "./format.ts";
import { isLive, judgeAll, type Judged, usualValue } from "./tables.ts";

/** Ads that a sentence names; the table has the others. */
const MOST_NAMED = 3;

/** The sentences of one currency: spent and earned; which live ads lose; which earn and could have more. */
export function makeSentences(data: ReportData, figures: CurrencyFigures, formats: Formats): string[] {
  const live = judgeAll(figures.ads, data.break_even_roas, usualValue(figures)).filter(isLive);
  const losing = live.filter(({ verdict }) => verdict === "loses");
  const earning = live
    .filter(({ verdict }) => verdict === "earns")
    .toSorted((one, other) => Number(other.roas_low) - Number(one.roas_low));
  return [
    spentAndEarned(data, figures, formats),
    losing.length === 0
      ? null
      : `${losing.length === 1 ? "One live ad loses" : `${formats.count(losing.length)} live ads lose`} money: ${
        nameAll(losing, (ad) => loss(ad, figures.currency, formats))
      }.`,
    earning.length === 0
      ? null
      : `${
        earning.length === 1 ? "One live ad earns" : `${formats.count(earning.length)} live ads earn`
      } for certain and could have more: ${nameAll(earning, (ad) => gain(ad, figures, formats))}.`,
  ].filter((sentence) => sentence !== null);
}

function spentAndEarned(
  { since, until, break_even_roas }: ReportData,
  { currency, periods, before }: CurrencyFigures,
  formats: Formats,
): string | null {
  const spend = sumOf(periods.day.map((day) => day.spend)) ?? 0;
  if (spend === 0) return null;
  const money = (amount: number | string) => formats.money(amount, currency);
  const cost = `From ${formats.day(since)} to ${formats.day(until)} the ads cost ${money(spend)}`;
  const revenue = sumOf(periods.day.map((day) => day.click_revenue));
  if (revenue === null) return `${cost}; what they earned is not known, for some sale has no value in ${currency}.`;
  const sales = periods.day.reduce((sum, day) => sum + day.click_sales, 0);
  if (sales === 0) return `${cost}, and no sale was credited to them.`;
  const roas = divide(revenue, spend);
  const was = divide(before.revenue, before.spend);
  const compared = was === null ? "" : `, after ${formats.figure(was, "ratio")} in as many days before`;
  const short = roas !== null && roas < break_even_roas
    ? `: less than the ${formats.figure(break_even_roas, "ratio")} at which they pay for themselves`
    : "";
  return `${cost} and earned ${money(revenue)} with ${formats.count(sales)} ${
    sales === 1 ? "sale" : "sales"
  }, a ROAS of ${formats.figure(roas, "ratio")}${compared}${short}.`;
}

function nameAll(ads: readonly Judged[], say: (ad: Judged) => string): string {
  const named = ads.slice(0, MOST_NAMED).map(say);
  const left = ads.length - named.length;
  return [...named, ...(left === 0 ? [] : [`and ${left} more in the table`])].join("; ");
}

function loss(ad: Judged, currency: string, formats: Formats): string {
  const roas = formats.figure(ad.roas, "ratio");
  return `“${ad.name ?? ad.fb_id}” has lost ${formats.money(ad.lost_since, currency)}${
    ad.losing_since === null ? "" : ` since ${formats.day(ad.losing_since)}`
  } (ROAS ${roas})`;
}

function gain(ad: Judged, { periods }: CurrencyFigures, formats: Formats): string {
  const all = sumOf(periods.day.map((day) => day.spend)) ?? 0;
  return `“${ad.name ?? ad.fb_id}” with a ROAS of ${formats.figure(ad.roas, "ratio")} on ${
    formats.share(Number(ad.spend), all)
  } of the spend`;
}

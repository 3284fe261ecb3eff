/**
 * Which amounts of the report can be added up: all, where every day of every currency has an exchange rate into the
 * home currency; else those of one currency. Each day is converted by its own rate, so that a day's ROAS stays what it
 * was, and products are not rounded, so that ads, campaigns and periods add up to the same totals.
 *
 * @module
 */

import type { Sql } from "../operator/database.ts";
import type { HomeCurrency, MissingRates, ReportRange } from "./data.ts";

/** Amounts that are shown in one currency. */
export interface CurrencyGroup {
  /** ISO 4217. */
  currency: string;
  /** JSON list of `{currency, date, rate}`: a row of the views is in the group where its currency and day are here. */
  rates: string;
}

/** A day on which there are figures in a currency. */
interface DayRate {
  /** ISO 4217 of the ad accounts; `?` where it is not known. */
  currency: string;
  /** `YYYY-MM-DD`. */
  date: string;
  /** What one unit is worth in the home currency; null where it is not known. */
  rate: string | null;
}

/** Groups the currencies of the range and of the days before it. */
export async function groupCurrencies(
  sql: Sql,
  range: ReportRange,
  before_since: string,
): Promise<{ home: HomeCurrency | null; groups: CurrencyGroup[] }> {
  const currencies = await readCurrencies(sql, range);
  const home_currency = range.home_currency ?? currencies[0];
  if (currencies.length === 0 || home_currency === undefined) return { home: null, groups: [] };
  const days = await readRates(sql, before_since, range.until, home_currency);
  const others = [...new Set(days.map(({ currency }) => currency))].filter((currency) => currency !== home_currency);
  const missing_rates = others.flatMap((currency) => findMissing(days, currency));
  if (missing_rates.length === 0) {
    return {
      home: { currency: home_currency, converted: others, missing_rates },
      groups: [{ currency: home_currency, rates: JSON.stringify(days) }],
    };
  }
  return {
    home: { currency: home_currency, converted: [], missing_rates },
    groups: currencies.map((currency) => ({
      currency,
      rates: JSON.stringify(days.filter((day) => day.currency === currency).map((day) => ({ ...day, rate: "1" }))),
    })),
  };
}

function findMissing(days: readonly DayRate[], from_currency: string): MissingRates[] {
  const [first, ...more] = days.filter(({ currency, rate }) => currency === from_currency && rate === null);
  return first === undefined ? [] : [{ from_currency, first_date: first.date, days: 1 + more.length }];
}

async function readCurrencies(sql: Sql, { since, until }: ReportRange): Promise<string[]> {
  const found = await sql<{ currency: string }[]>`
    select coalesce(currency, '?') as currency from public.fb_campaign_performance
    where date between ${since} and ${until}
    group by 1 order by count(*) desc, sum(spend) desc, 1`;
  return found.map(({ currency }) => currency);
}

/** The days with figures, oldest first; each takes its day's rate, or else the newest of the 7 days before. */
async function readRates(sql: Sql, since: string, until: string, home_currency: string): Promise<DayRate[]> {
  return [
    ...await sql<DayRate[]>`
    select
      day.currency, day.date::text,
      case when day.currency = ${home_currency} then '1' else known.rate::text end as rate
    from (
      select distinct coalesce(currency, '?') as currency, date
      from public.fb_campaign_performance where date between ${since} and ${until}
    ) as day
    left join lateral (
      select exchange.rate from fb_ads.exchange_rates as exchange
      where exchange.from_currency = day.currency and exchange.to_currency = ${home_currency}
        and exchange.date between day.date - 7 and day.date
      order by exchange.date desc
      limit 1
    ) as known on true
    order by day.date, day.currency`,
  ];
}

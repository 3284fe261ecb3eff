/**
 * The charts of one currency by day, week or month, with a table of each. The script shows the chosen one; without it
 * the charts are empty and all three tables are there.
 *
 * @module
 */

import type { CurrencyFigures, Period } from "./data.ts";
import type { Formats } from "./format.ts";
import { makeTable } from "./table.ts";
import { periodColumns, PERIODS } from "./tables.ts";

/** What can be chosen, as a caption says it. The first of each is chosen at the beginning. */
export const CHOICE_WORDS = {
  day: "day",
  week: "week",
  month: "month",
  click: "click",
  paid: "payment",
} as const;

/** A row for the script: first day, last day, spend, net revenue by click day and by payment day. */
export type PeriodRow = [since: string, until: string, spend: number, click: number | null, paid: number | null];

const toNumber = (amount: string | null): number | null => amount === null ? null : Number(amount);

/** Makes what the script draws. */
export function periodData({ periods }: CurrencyFigures): Record<Period, PeriodRow[]> {
  const rowsOf = (period: Period) =>
    periods[period].map(({ since, until, spend, click_revenue, paid_revenue }): PeriodRow => [
      since,
      until,
      Number(spend),
      toNumber(click_revenue),
      toNumber(paid_revenue),
    ]);
  return { day: rowsOf("day"), week: rowsOf("week"), month: rowsOf("month") };
}

/** Builds charts and tables. */
export function periodCharts({ currency, periods }: CurrencyFigures, index: number, formats: Formats): string {
  const choice = (name: string, value: keyof typeof CHOICE_WORDS, label: string, checked: boolean) =>
    `<label><input type="radio" name="${name}-${index}" value="${value}"${checked ? " checked" : ""}> ${label}</label>`;
  const word = (name: "period" | "basis", first: keyof typeof CHOICE_WORDS) =>
    `<span data-chosen="${name}-${index}">${CHOICE_WORDS[first]}</span>`;
  const chart = (kind: string, style: string, caption: string) =>
    `<figure><figcaption id="${kind}-${index}">${caption}</figcaption>
<div class="${style}" data-currency="${index}" data-kind="${kind}" role="img" aria-labelledby="${kind}-${index}"></div></figure>`;
  const by = `by ${word("period", "day")}, a sale on the day of its ${word("basis", "click")}`;
  const tables = PERIODS.map((period) =>
    `<details data-period="${period}" data-currency="${index}"><summary>The figures by ${period} as a table</summary>${
      makeTable(
        `Figures by ${period}, amounts in ${currency}`,
        periodColumns(period),
        periods[period].toReversed(),
        formats,
      )
    }</details>`
  );
  return `<fieldset class="basis" hidden>
<legend>Figures by</legend>
${PERIODS.map((period, place) => choice("period", period, CHOICE_WORDS[period], place === 0)).join("\n")}
</fieldset>
<fieldset class="basis" hidden>
<legend>A sale counts on the day of</legend>
${choice("basis", "click", "its click, as Meta counts", true)}
${choice("basis", "paid", "its payment", false)}
</fieldset>
${chart("money", "chart", `Spend and net revenue ${by}. The table below has the figures.`)}
${chart("roas", "chart low", `ROAS ${by}`)}
<p class="note">The last day may not be over. Weeks begin on Monday; the first and the last week or month have only the
days of this report.</p>
${tables.join("\n")}`;
}

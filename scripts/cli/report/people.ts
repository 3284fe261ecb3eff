/**
 * What people did: the funnel of events, and how many sales found their ad.
 *
 * @module
 */

import type { Coverage, ReportData } from "./data.ts";
import { escapeHtml, formatCount, formatShare } from "./format.ts";
import { emptyNote } from "./table.ts";

const REASONS: Readonly<Record<string, readonly [string, string]>> = {
  no_touch: [
    "No landing is known",
    "The buyer never came by an ad, or on another device, or before the client was on the page.",
  ],
  outside_window: ["The click is too old", "It was longer before the checkout than the attribution window."],
  click_after_purchase: ["The click came after the checkout", "It cannot have caused the sale."],
  ambiguous: ["Nobody can choose", "Two ads in the same second, or a browser with two users."],
  ad_unknown: [
    "From Meta, but which ad?",
    "The ads’ addresses lack ad_id={{ad.id}}: add the URL parameters in Ads Manager.",
  ],
  no_consent: ["The buyer did not agree", "Nothing of the visit was kept."],
  waiting: ["Waiting", "An ad is being read by its id."],
};

/** Bars one under another, each with its figure. */
function bars(rows: readonly { name: string; note: string; count: number; figure: string; style: string }[]): string {
  const most = Math.max(1, ...rows.map(({ count }) => count));
  return `<ol class="bars">${
    rows.map(({ name, note, count, figure, style }) =>
      `<li><span class="name">${escapeHtml(name)}</span><span class="figure">${escapeHtml(figure)}</span>` +
      `<span class="track" aria-hidden="true"><span class="bar ${style}" style="width:${
        (count / most * 100).toFixed(2)
      }%"></span></span>` +
      `<span class="hint">${escapeHtml(note)}</span></li>`
    ).join("\n")
  }</ol>`;
}

/** Builds the funnel. */
export function funnelSection({ funnel, funnel_days }: ReportData): string {
  const heading = `<section aria-labelledby="funnel"><h2 id="funnel">From page view to purchase</h2>`;
  if (funnel.length === 0) return `${heading}${emptyNote("No event has come in lately.")}</section>`;
  const first = funnel[0]?.events ?? 0;
  const rows = funnel.map(({ event_name, events, suppressed }, index) => ({
    name: event_name,
    count: events,
    figure: formatCount(events),
    note: [
      index === 0 ? "" : `${formatShare(events, first)} of page views`,
      suppressed === 0 ? "" : `${formatCount(suppressed)} without consent, not sent`,
    ].filter((part) => part !== "").join("; "),
    style: "spend",
  }));
  return `${heading}<p class="note">Events of the last ${
    formatCount(funnel_days)
  } days: page views are kept no longer.</p>${bars(rows)}</section>`;
}

/** Builds the coverage. */
export function coverageSection(coverage: Coverage): string {
  const heading = `<section aria-labelledby="coverage"><h2 id="coverage">Sales that found their ad</h2>`;
  const { sales, attributed_to_ads, attributed_to_adsets, attributed_to_campaigns, reasons } = coverage;
  if (sales === 0) return `${heading}${emptyNote("No paid sale has been looked at on these days.")}</section>`;
  const credited = attributed_to_ads + attributed_to_adsets + attributed_to_campaigns;
  const row = (name: string, note: string, count: number, style: string) => ({
    name,
    note,
    count,
    figure: `${formatCount(count)} (${formatShare(count, sales)})`,
    style,
  });
  const rows = [
    row("Credited to an ad", "", attributed_to_ads, "revenue"),
    row("Credited to an ad set", "The address named no ad.", attributed_to_adsets, "revenue"),
    row("Credited to a campaign", "The address named neither ad nor ad set.", attributed_to_campaigns, "revenue"),
    ...reasons.map(({ reason, sales: count }) => {
      const [name, note] = REASONS[reason] ?? [reason, ""];
      return row(name, note, count, "quiet");
    }),
  ].filter(({ count }) => count > 0);
  return `${heading}<p class="note">${formatCount(credited)} of ${formatCount(sales)} paid sales are credited (${
    formatShare(credited, sales)
  }).</p>${bars(rows)}</section>`;
}

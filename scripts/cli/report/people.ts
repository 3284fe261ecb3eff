/**
 * What people did: the funnel of events, and how many sales found their ad.
 *
 * @module
 */

import type { Coverage, ReportData } from "./data.ts";
import type { Section } from "./figures.ts";
import { escapeHtml, type Formats } from "./format.ts";
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

/** Names of events as a marketer says them. */
const EVENTS: Readonly<Record<string, string>> = {
  PageView: "Page views",
  Lead: "Leads",
  InitiateCheckout: "Checkouts begun",
  Purchase: "Purchases",
};

/** Bars one under another, each with its figure; a full track is the whole. */
function bars(
  rows: readonly { name: string; note: string; count: number; figure: string; style: string }[],
  whole: number,
): string {
  return `<ol class="bars">${
    rows.map(({ name, note, count, figure, style }) =>
      `<li><span class="name">${escapeHtml(name)}</span><span class="figure">${escapeHtml(figure)}</span>` +
      `<span class="track" aria-hidden="true"><span class="bar ${style}" style="width:${
        Math.min(100, count / Math.max(1, whole) * 100).toFixed(2)
      }%"></span></span>` +
      `<span class="hint">${escapeHtml(note)}</span></li>`
    ).join("\n")
  }</ol>`;
}

/** Builds the funnel. */
export function funnelSection({ funnel }: ReportData, formats: Formats): Section {
  const place = { id: "funnel", title: "From page view to purchase" };
  if (funnel.length === 0) return { ...place, content: emptyNote("No event came in on these days.") };
  const first = funnel[0]?.events ?? 0;
  const rows = funnel.map(({ event_name, events, suppressed }, index) => ({
    name: EVENTS[event_name] ?? event_name,
    count: events,
    figure: formats.count(events),
    note: [
      index === 0 || first === 0 ? "" : `${formats.share(events, first)} of page views`,
      suppressed === 0 ? "" : `${formats.count(suppressed)} without consent, not sent to Meta`,
    ].filter((part) => part !== "").join("; "),
    style: "spend",
  }));
  const whole = Math.max(...funnel.map(({ events }) => events));
  return {
    ...place,
    content: `<p class="note">All visitors, whether from ads or not; days in UTC.</p>${bars(rows, whole)}`,
  };
}

/** Builds the coverage. */
export function coverageSection(coverage: Coverage, formats: Formats): Section {
  const place = { id: "coverage", title: "Sales that found their ad" };
  const { sales, attributed_to_ads, attributed_to_adsets, attributed_to_campaigns, reasons } = coverage;
  if (sales === 0) return { ...place, content: emptyNote("No paid sale has been looked at on these days.") };
  const credited = attributed_to_ads + attributed_to_adsets + attributed_to_campaigns;
  const row = (name: string, note: string, count: number, style: string) => ({
    name,
    note,
    count,
    figure: `${formats.count(count)} (${formats.share(count, sales)})`,
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
  const summary = `${formats.count(credited)} of ${formats.count(sales)} paid sales are credited (${
    formats.share(credited, sales)
  }).`;
  return { ...place, content: `<p class="note">${escapeHtml(summary)}</p>${bars(rows, sales)}` };
}

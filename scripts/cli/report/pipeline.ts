/**
 * The section on the data itself: what needs a person, the last reads, what waits, what Meta's limits hold up, and days
 * that differ.
 *
 * @module
 */

import type { PipelineHealth } from "./health_data.ts";
import type { Section } from "./figures.ts";
import { escapeHtml, type Formats } from "./format.ts";
import { buildTable, emptyNote } from "./table.ts";

/** What a function does, as a marketer says it. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  "fb-sync-insights": "Daily figures from Meta",
  "fb-sync-metadata": "Campaigns, ad sets and ads from Meta",
  "capi-event": "Events to Meta",
  "attribute-purchase": "Sales to their ads",
};

/** What a state of a read or an event means. */
const STATES: Readonly<Record<string, string>> = {
  pending: "waiting",
  running: "under way",
  sending: "being sent",
  suppressed: "not sent, no consent",
  expired: "too old to be sent",
  blocked: "held until Meta gives access again",
  dead: "refused by Meta",
};

/** Builds it. */
export function healthSection(health: PipelineHealth, formats: Formats): Section {
  const content = [
    alerts(health, formats),
    runs(health, formats),
    queues(health, formats),
    throttled(health, formats),
    differences(health, formats),
  ].filter((part) => part !== "").join("\n");
  return { id: "health", title: "Is the data complete?", content };
}

function alerts({ alerts }: PipelineHealth, formats: Formats): string {
  if (alerts.length === 0) return `<p class="good">Nothing needs a person.</p>`;
  return `<ul class="alerts">${
    alerts.map(({ severity, problem, cost, remedy, since }) =>
      `<li class="${severity === "error" ? "error" : "warning"}"><strong>${
        severity === "error" ? "Error" : "Warning"
      }: ${escapeHtml(problem)}</strong> ${escapeHtml(cost)} <span class="remedy">${escapeHtml(remedy)}</span>${
        since === null ? "" : ` <span class="hint">Since ${escapeHtml(formats.time(since))}.</span>`
      }</li>`
    ).join("\n")
  }</ul>`;
}

function runs({ runs }: PipelineHealth, formats: Formats): string {
  if (runs.length === 0) return emptyNote("Nothing was read from Meta yet.");
  return buildTable(
    "The last reads and what they brought",
    [
      { title: "What" },
      { title: "Began" },
      { title: "Seconds", kind: "count" },
      { title: "Parts done", kind: "count" },
      { title: "Parts failed", kind: "count" },
      { title: "Rows", kind: "count" },
      { title: "Requests to Meta", kind: "count" },
      { title: "Why it stopped" },
    ],
    runs.map((run) => [
      FUNCTIONS[run.function_slug] ?? run.function_slug,
      formats.time(run.started_at),
      run.seconds === null ? "running" : run.seconds.toFixed(1),
      formats.count(run.jobs_done),
      formats.count(run.jobs_failed),
      formats.count(run.rows),
      formats.count(run.graph_calls),
      run.error ?? "",
    ]),
  );
}

function queues({ queues }: PipelineHealth, formats: Formats): string {
  if (queues.length === 0) return "";
  return buildTable(
    "What is done and what waits",
    [{ title: "What" }, { title: "State" }, { title: "Count", kind: "count" }],
    queues.map(({ queue, state, count }) => [queue, STATES[state] ?? state, formats.count(count)]),
  );
}

function throttled({ throttled }: PipelineHealth, formats: Formats): string {
  if (throttled.length === 0) return "";
  return buildTable(
    "Held up by Meta’s limits",
    [{ title: "What" }, { title: "Name" }, { title: "Until" }],
    throttled.map(({ scope, name, throttled_until, stopped_at }) => [
      scope,
      name,
      stopped_at === null ? formats.time(throttled_until) : `a person acts (since ${formats.time(stopped_at)})`,
    ]),
  );
}

function differences({ differing_days }: PipelineHealth, formats: Formats): string {
  if (differing_days.length === 0) return "";
  return buildTable(
    "Days on which our sum is not Meta’s",
    [
      { title: "Account" },
      { title: "Day" },
      { title: "Ours", kind: "money" },
      { title: "Meta’s", kind: "money" },
    ],
    differing_days.map(({ account_name, date, currency, our_spend, meta_spend }) => [
      account_name,
      formats.day(date),
      formats.money(our_spend, currency),
      formats.money(meta_spend, currency),
    ]),
  );
}

/**
 * The section on the machinery: what needs a person, the last runs, queues, what is parked, and days that differ.
 *
 * @module
 */

import type { PipelineHealth } from "./data.ts";
import { escapeHtml, formatCount, formatMoney, formatTime } from "./format.ts";
import { buildTable, emptyNote } from "./table.ts";

/** Builds it. */
export function healthSection(health: PipelineHealth): string {
  return `<section aria-labelledby="health"><h2 id="health">Pipeline</h2>
${alerts(health)}
${runs(health)}
${queues(health)}
${parked(health)}
${differences(health)}
</section>`;
}

function alerts({ alerts }: PipelineHealth): string {
  if (alerts.length === 0) return `<p class="good">Nothing needs a person.</p>`;
  return `<ul class="alerts">${
    alerts.map(({ severity, problem, cost, remedy, since }) =>
      `<li class="${severity === "error" ? "error" : "warning"}"><strong>${
        severity === "error" ? "Error" : "Warning"
      }: ${escapeHtml(problem)}</strong> ${escapeHtml(cost)} <span class="remedy">${escapeHtml(remedy)}</span>${
        since === null ? "" : ` <span class="hint">Since ${formatTime(since)}.</span>`
      }</li>`
    ).join("\n")
  }</ul>`;
}

function runs({ runs }: PipelineHealth): string {
  if (runs.length === 0) return emptyNote("No sync has run yet.");
  return buildTable(
    "Last runs",
    [
      { title: "Function" },
      { title: "Started" },
      { title: "Seconds", numeric: true },
      { title: "Jobs", numeric: true },
      { title: "Failed", numeric: true },
      { title: "Rows", numeric: true },
      { title: "Calls to Meta", numeric: true },
      { title: "Error" },
    ],
    runs.map((run) => [
      run.function_slug,
      formatTime(run.started_at),
      run.seconds === null ? "running" : run.seconds.toFixed(1),
      formatCount(run.jobs_done),
      formatCount(run.jobs_failed),
      formatCount(run.rows),
      formatCount(run.graph_calls),
      run.error ?? "",
    ]),
  );
}

function queues({ queues }: PipelineHealth): string {
  if (queues.length === 0) return "";
  return buildTable(
    "Queues",
    [{ title: "Queue" }, { title: "State" }, { title: "Count", numeric: true }],
    queues.map(({ queue, state, count }) => [queue, state, formatCount(count)]),
  );
}

function parked({ parked }: PipelineHealth): string {
  if (parked.length === 0) return "";
  return buildTable(
    "Parked or stopped at Meta",
    [{ title: "What" }, { title: "Name" }, { title: "Until" }],
    parked.map(({ scope, name, parked_until, stopped_at }) => [
      scope,
      name,
      stopped_at === null ? formatTime(parked_until) : `a person acts (since ${formatTime(stopped_at)})`,
    ]),
  );
}

function differences({ differing_days }: PipelineHealth): string {
  if (differing_days.length === 0) return "";
  return buildTable(
    "Days on which our sum is not Meta’s",
    [
      { title: "Account" },
      { title: "Day" },
      { title: "Ours", numeric: true },
      { title: "Meta’s", numeric: true },
    ],
    differing_days.map(({ account_name, date, currency, our_spend, meta_spend }) => [
      account_name,
      date,
      formatMoney(our_spend, currency),
      formatMoney(meta_spend, currency),
    ]),
  );
}

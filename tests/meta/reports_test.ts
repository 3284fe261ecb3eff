/**
 * Asynchronous reports and tokens: what is asked, and what each state of an answer becomes.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { ACCOUNT_DAYS, AD_DAYS } from "../../shared/meta/insights.ts";
import { fetchReport, fetchReportPage, startReport } from "../../shared/meta/reports.ts";
import { fingerprintToken, probeToken } from "../../shared/meta/tokens.ts";
import { API_VERSION, listAnswer, serveGraph } from "./graph_server.ts";

const RANGE = { fb_account_id: "1001", since: "2026-11-01", until: "2026-11-07" };
const REPORT = { report_run_id: "6023920149050", fb_account_id: "1001" };

Deno.test("startReport() posts the same parameters as a read at once, and gives the id", async () => {
  await using server = serveGraph(() => Response.json({ report_run_id: "6023920149050" }));
  const report = await startReport(server.client, AD_DAYS, RANGE);
  assertEquals(report.report_run_id, "6023920149050");
  const [request] = server.seen;
  const form = Object.fromEntries(new URLSearchParams(request?.body));
  assertEquals([request?.method, request?.path, request?.query], ["POST", `/${API_VERSION}/act_1001/insights`, {}]);
  assertEquals([form.level, form.time_increment, form.time_range], [
    "ad",
    "1",
    '{"since":"2026-11-01","until":"2026-11-07"}',
  ]);
  assertEquals(JSON.parse(form.filtering ?? "[]")[0].value.includes("DELETED"), true);
});

Deno.test("startReport() posts what an account's total is asked for, of everything", async () => {
  await using server = serveGraph(() => Response.json({ report_run_id: "6023920149050" }));
  await startReport(server.client, ACCOUNT_DAYS, RANGE);
  const { level, fields, filtering } = Object.fromEntries(new URLSearchParams(server.seen[0]?.body));
  assertEquals(
    [level, fields, filtering],
    ["account", "account_id,date_start,date_stop,account_currency,spend,impressions,clicks", undefined],
  );
});

Deno.test("startReport() refuses an answer without an id", async () => {
  await using server = serveGraph(() => Response.json({ success: true }));
  const start = () => startReport(server.client, AD_DAYS, RANGE);
  assertEquals((await assertRejects(start, GraphApiError)).action, "retry");
});

type StatusCase = [body: Record<string, unknown>, state: string, action: string | null, reason: string | null];
const STATUSES: StatusCase[] = [
  [{ async_status: "Job Not Started", async_percent_completion: 0 }, "running", null, null],
  [{ async_status: "Job Started", async_percent_completion: 0, is_running: true }, "running", null, null],
  [{ async_status: "Job Running", async_percent_completion: 45, is_running: true }, "running", null, null],
  [{ async_status: "Job Running", async_percent_completion: 100 }, "running", null, null],
  [{ async_status: "Job Completed", async_percent_completion: 100, is_running: true }, "running", null, null],
  [{ async_status: "Job Completed", async_percent_completion: 99 }, "running", null, null],
  [{ async_status: "Job Completed", async_percent_completion: 100, is_running: false }, "done", null, null],
  [{ async_status: "Job Completed", async_percent_completion: "100" }, "done", null, null],
  [{ async_status: "Job Reticulating", async_percent_completion: 100 }, "running", null, null],
  [{ async_status: "Job Failed", async_percent_completion: 0 }, "failed", "resubmit", "report_failed"],
  [{ async_status: "Job Failed", error_code: -2, error_subcode: 2490547 }, "failed", "resubmit", "report_failed"],
  [{ async_status: "Job Failed", error_code: 100, error_subcode: 1487534 }, "failed", "split", "data_limit"],
  [{ async_status: "Job Failed", error_code: -3, error_subcode: 1504045 }, "failed", "split", "request_too_large"],
  [{ async_status: "Job Failed", error_code: 2, error_subcode: 1504042 }, "failed", "fail", "invalid_metric"],
  [{ async_status: "Job Failed", error_code: 2 }, "failed", "resubmit", "service_unavailable"],
  [{ async_status: "Job Failed", error_code: 31337 }, "failed", "resubmit", "unknown_code"],
  [{ async_status: "Job Failed", error_code: 80000 }, "failed", "throttle_account", "insights_limit"],
  [
    { async_status: "Job Failed", error_code: 1, error_message: "Please reduce the amount of data you're asking for" },
    "failed",
    "split",
    "too_much_data",
  ],
  [{ async_status: "Job Skipped" }, "skipped", "resubmit", "report_skipped"],
];
for (const [body, state, action, reason] of STATUSES) {
  Deno.test(`fetchReport() takes ${JSON.stringify(body)} for ${state}`, async () => {
    await using server = serveGraph(() => Response.json({ id: REPORT.report_run_id, account_id: "1001", ...body }));
    const status = await fetchReport(server.client, REPORT);
    assertEquals([status.state, status.action, status.reason], [state, action, reason]);
    assertEquals([server.seen[0]?.path, server.seen[0]?.query], [`/${API_VERSION}/6023920149050`, {}]);
  });
}

Deno.test("fetchReport() takes 100/33 for a report to be started anew", async () => {
  const error = { message: "Unsupported get request.", code: 100, error_subcode: 33 };
  await using server = serveGraph(() => Response.json({ error }, { status: 400 }));
  const thrown = await assertRejects(() => fetchReport(server.client, REPORT), GraphApiError);
  assertEquals([thrown.action, thrown.reason, thrown.retryable], ["resubmit", "report_missing", true]);
});

Deno.test("fetchReportPage() reads a page by its cursor, and polls again on 2601", async () => {
  const row = {
    ad_id: "9",
    adset_id: "5",
    campaign_id: "1",
    spend: "1.00",
    date_start: "2026-11-01",
    date_stop: "2026-11-01",
  };
  const error = { message: "not ready", code: 2601, error_subcode: 1815107, is_transient: true };
  await using server = serveGraph((index) =>
    index === 0 ? listAnswer([row], "NDk5") : Response.json({ error }, { status: 400 })
  );
  const page = await fetchReportPage(server.client, AD_DAYS, { ...REPORT, limit: 500, after: "MAZDZD" });
  assertEquals([page.rows[0]?.fb_account_id, page.rows[0]?.spend, page.after], ["1001", "1.00", "NDk5"]);
  assertEquals(server.seen[0]?.path, `/${API_VERSION}/6023920149050/insights`);
  assertEquals(server.seen[0]?.query, { limit: "500", after: "MAZDZD" });
  const thrown = await assertRejects(
    () => fetchReportPage(server.client, AD_DAYS, { ...REPORT, limit: 500 }),
    GraphApiError,
  );
  assertEquals(thrown.action, "poll");
});

Deno.test("fingerprintToken() is the head of the token's SHA-256", () => {
  assertEquals(fingerprintToken("abc"), "ba7816bf8f01cfea");
});

Deno.test("probeToken() tells a dead token from a fault of Meta's", async () => {
  const answers = [
    Response.json({ id: "1" }),
    Response.json({ error: { code: 190, error_subcode: 463, message: "expired" } }, { status: 400 }),
    Response.json({ error: { code: 2, message: "later" } }, { status: 500 }),
  ];
  await using server = serveGraph((index) => answers[index] ?? Response.error());
  assertEquals(await probeToken(server.client), { is_valid: true, reason: null, usage: [] });
  assertEquals(await probeToken(server.client), { is_valid: false, reason: "token_expired", usage: [] });
  await assertRejects(() => probeToken(server.client), GraphApiError);
});

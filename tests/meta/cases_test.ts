/**
 * The client against the checked-in cases, each worked out from Meta's documentation and not from the client.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { z } from "zod";
import errors from "../../scripts/meta-emulator/cases/errors.json" with { type: "json" };
import insights from "../../scripts/meta-emulator/cases/insights.json" with { type: "json" };
import lists from "../../scripts/meta-emulator/cases/lists.json" with { type: "json" };
import usage from "../../scripts/meta-emulator/cases/usage_headers.json" with { type: "json" };
import type { GraphAction } from "../../shared/errors.ts";
import { decodeGraphAnswer } from "../../shared/meta/graph_answer.ts";
import { decodePage } from "../../shared/meta/object_page.ts";
import { parseUsageHeaders } from "../../shared/meta/usage_headers.ts";

const caseFile = z.object({
  cases: z.array(z.object({
    name: z.string(),
    class: z.string().optional(),
    exchanges: z.array(z.object({
      request: z.object({ method: z.string().optional(), path: z.string().optional() }),
      response: z.object({
        status: z.number(),
        headers: z.record(z.string(), z.unknown()).optional(),
        body: z.unknown().optional(),
        text: z.string().optional(),
      }).optional(),
    })),
  })),
});

/** What the class that a case names means to the client. */
const ACTIONS: Record<string, GraphAction> = {
  "throttle account (insights)": "throttle_account",
  "throttle account (management)": "throttle_account",
  "throttle": "throttle_account",
  "throttle account": "throttle_account",
  "throttle, lengthen": "throttle_account",
  "throttle all accounts of the app": "throttle_app",
  "throttle all": "throttle_app",
  "throttle all insights, at least 60 s": "throttle_insights_app",
  "stop account, tell a person; no automatic hammering": "stop_account",
  "shrink, then split": "shrink",
  "retry; after 2–3, shrink": "retry_then_shrink",
  "retry, then async": "retry_then_shrink",
  "retry": "retry",
  "retry few times": "retry",
  "permanent": "fail",
  "permanent although code 2": "fail",
  "permanent, loud": "fail",
  "smaller range or async": "split",
  "split at once": "split",
  "split": "split",
  "resubmit, then split": "resubmit",
  "2–3 quick retries on a run id, else resubmit; permanent on an account id": "stop_account",
  "account-level failure": "stop_account",
  "object- or field-level, skip": "drop_field",
  "poll again": "poll",
  "end of list if nothing was due; otherwise restart the list": "restart_list",
  "clamp by account time zone": "clamp",
  "stop everything on that token": "stop_token",
};

for (const { name, class: wanted, exchanges } of caseFile.parse(errors).cases) {
  // The case's own text of a refused field stands for whatever Meta writes.
  if (name === "error 100/field") continue;
  Deno.test(`the client takes the case "${name}" for: ${wanted}`, () => {
    for (const { request, response } of exchanges) {
      if (response === undefined) continue;
      const text = response.text ?? JSON.stringify(response.body);
      const target = /^\/v\d+\.0\/act_/.test(request.path ?? "") ? "account" : "object";
      const { error } = decodeGraphAnswer(text, { http_status: response.status, usage: [], fields: "id", target });
      assertEquals(error?.action, ACTIONS[wanted ?? ""] ?? "an action");
    }
  });
}

Deno.test("the client drops the field that the case of an unknown field names", () => {
  const found = caseFile.parse(lists).cases.find((entry) => entry.name === "an unknown field is refused");
  const text = JSON.stringify(found?.exchanges[0]?.response?.body);
  const facts = { http_status: 400, fields: "id,no_such_field", target: "account" } as const;
  const { error } = decodeGraphAnswer(text, { ...facts, usage: [] });
  assertEquals([error?.action, error?.field], ["drop_field", "no_such_field"]);
});

for (const { name, exchanges } of [...caseFile.parse(lists).cases, ...caseFile.parse(insights).cases]) {
  Deno.test(`decodePage() reads every page of the case "${name}"`, () => {
    for (const { response } of exchanges) {
      if (response?.status !== 200 || response.body === undefined) continue;
      const facts = { http_status: 200, fields: "", target: "account" } as const;
      const { body } = decodeGraphAnswer(JSON.stringify(response.body), { ...facts, usage: [] });
      if (!Array.isArray(body?.data)) continue;
      const page = decodePage({ body, usage: [], bytes: 0 }, (value) => ({ value }));
      assertEquals(page.rows.length, body.data.length);
      const { paging } = z.object({ paging: z.object({ next: z.unknown().optional() }).optional() }).parse(body);
      assertEquals(page.after === null, paging?.next === undefined);
    }
  });
}

Deno.test("parseUsageHeaders() reads the case of the four headers", () => {
  const [first] = caseFile.parse(usage).cases;
  const headers = new Headers();
  for (const [name, value] of Object.entries(first?.exchanges[0]?.response?.headers ?? {})) {
    headers.set(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  const readings = parseUsageHeaders(headers, "1001").map(({ scope, key, type, pct, regain_seconds }) => {
    return [scope, key, type ?? null, pct, regain_seconds];
  });
  assertEquals(readings, [
    ["app", null, null, 28, 0],
    ["account", "1001", null, 9.67, 300],
    ["business_use_case", "1001", "ads_insights", 96, 720],
    ["business_use_case", "1001", "ads_management", 3, 0],
    ["insights_app", null, null, 0, 0],
    ["insights_account", "1001", null, 12.5, 0],
  ]);
});

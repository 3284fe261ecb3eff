/**
 * One JSON object a line, and no secret in any of them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { waitUntil } from "../../shared/edge/background.ts";
import { createLog, redactSecrets } from "../../shared/edge/log.ts";
import { DatabaseError } from "../../shared/errors.ts";
import { transportError } from "../../shared/meta/graph_answer.ts";

const clock = { now: () => new Date("2026-11-22T10:00:00Z") };

function capture() {
  const lines: [string, string][] = [];
  const log = createLog(clock, { run_id: "r1" }, (level, line) => lines.push([level, line]));
  return { log, lines, last: () => JSON.parse(lines.at(-1)?.[1] ?? "null") };
}

Deno.test("createLog() writes one JSON object a line, with its base fields", () => {
  const { log, lines } = capture();
  log.with({ fb_account_id: "1001" }).info("page read", {
    rows: 500,
    fbtrace_id: "A1b2C3",
    at: new Date(0),
    skip: undefined,
  });
  assertEquals(lines, [[
    "info",
    '{"time":"2026-11-22T10:00:00.000Z","level":"info","message":"page read","run_id":"r1","fb_account_id":"1001","rows":500,"fbtrace_id":"A1b2C3","at":"1970-01-01T00:00:00.000Z"}',
  ]]);
});

Deno.test("createLog() lets no field stand for what the line says", () => {
  const { log, last } = capture();
  log.warn("job released", { message: "Meta answered 17", level: 3, code: "x" });
  assertEquals(last(), {
    time: "2026-11-22T10:00:00.000Z",
    level: "warn",
    message: "job released",
    run_id: "r1",
    message_detail: "Meta answered 17",
    level_detail: 3,
    code: "x",
  });
});

Deno.test("createLog() writes each level to its own console method", () => {
  const { log, lines } = capture();
  log.debug("a\nb");
  log.warn("c");
  log.error("d");
  assertEquals(lines.map(([level]) => level), ["debug", "warn", "error"]);
  assert(lines.every(([, line]) => !line.includes("\n")));
});

Deno.test("createLog() keeps every line under 10,000 characters, and the short fields readable", () => {
  const { log, lines, last } = capture();
  log.info("much", { rows: 7, list: Array.from({ length: 5000 }, () => "x".repeat(500)), text: "y".repeat(50_000) });
  assert((lines[0]?.[1].length ?? 0) <= 10_000);
  assertEquals([last().message, last().rows, last().run_id, last().truncated], ["much", 7, "r1", true]);
});

const SECRETS: [string, string][] = [
  ["https://x/?access_token=EAAabc123&limit=2", "https://x/?access_token=[redacted]&limit=2"],
  ["https://x/?limit=2&input_token=whatever", "https://x/?limit=2&input_token=[redacted]"],
  ['{"access_token":"1|2|3"}', '{"access_token":"[redacted]"}'],
  ["Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"],
  ["token EAAGm0PX4ZCpsBA failed", "token [redacted] failed"],
  ["key sb_secret_abc-DEF_123!", "key [redacted]!"],
  ["key sb_publishable_abc", "key [redacted]"],
  [`key fb_ads_${"0a".repeat(32)} of fb_ads_function_key`, "key [redacted] of fb_ads_function_key"],
  ["jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "jwt [redacted] end"],
  ["nothing to hide", "nothing to hide"],
];
for (const [text, clean] of SECRETS) {
  Deno.test(`redactSecrets() makes "${clean}"`, () => assertEquals(redactSecrets(text), clean));
}

Deno.test("createLog() blanks fields by their name, however deep, and texts in errors and their causes", () => {
  const { log, lines, last } = capture();
  const cause = new TypeError("fetch of https://x/?access_token=EAAabcdefghijk failed");
  log.error("failed", {
    apikey: "k",
    inner: { service_role_key: "k2", list: [{ token: "k3" }] },
    error: new DatabaseError("database_unavailable", "fb_claim_jobs", "57014", { cause }),
  });
  const line = last();
  assertEquals([line.apikey, line.inner], ["[redacted]", {
    service_role_key: "[redacted]",
    list: [{ token: "[redacted]" }],
  }]);
  assertEquals([line.error.name, line.error.code, line.error.operation, line.error.sqlstate], [
    "DatabaseError",
    "database_unavailable",
    "fb_claim_jobs",
    "57014",
  ]);
  assertEquals(line.error.cause.message, "fetch of https://x/?access_token=[redacted] failed");
  assert(!lines.join().includes("EAAabcdef"));
});

Deno.test("createLog() writes what is known of a failed Graph call", () => {
  const { log, last } = capture();
  log.warn("call failed", { error: transportError("timeout", { http_status: null, usage: [] }) });
  assertEquals([last().error.reason, last().error.action, last().error.retryable], ["timeout", "retry", true]);
});

Deno.test("createLog() survives cycles, functions and big integers", () => {
  const { log, last } = capture();
  const cycle: Record<string, unknown> = { n: 2n ** 60n, f: () => 1 };
  cycle.self = cycle;
  log.info("odd", { cycle });
  assertEquals([last().cycle.n, last().cycle.f], ["1152921504606846976", "[function]"]);
});

Deno.test("waitUntil() hands its work to EdgeRuntime where there is one", async () => {
  const kept: Promise<unknown>[] = [];
  Reflect.set(globalThis, "EdgeRuntime", { waitUntil: (work: Promise<unknown>) => kept.push(work) });
  const errors: unknown[] = [];
  try {
    waitUntil(() => Promise.reject("fault"), (error) => errors.push(error));
    assertEquals(kept.length, 1);
    await kept[0];
    assertEquals(errors, ["fault"]);
  } finally {
    Reflect.deleteProperty(globalThis, "EdgeRuntime");
  }
});

/**
 * The batches of pg_net, which wait for their slowest request: the same claims hold for the real extension and for the
 * stand-in.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { startPlatform } from "../mod.ts";
import { post, responseOf } from "./fixtures/net_requests.ts";
import { startRecorder } from "./fixtures/recorder.ts";
import { until } from "../waiting.ts";

Deno.test("a slow request holds up what is queued after it, and a batch's answers appear together", async () => {
  await using recorder = startRecorder(async ({ path }) => {
    if (path === "/slow") await new Promise((resolve) => setTimeout(resolve, 1_500));
    return new Response();
  });
  await using platform = await startPlatform({ migrations: false, schedule: false });
  const { sql } = platform;
  const [slow = "", beside = ""] = await sql.begin(async (transaction) => {
    const ids = [];
    for (const path of ["/slow", "/beside"]) {
      const [row] = await transaction<{ id: string }[]>`select net.http_post(${recorder.url + path}) as id`;
      ids.push(row?.id ?? "");
    }
    return ids;
  });
  await until("both requests came", () => recorder.requests.length === 2);
  const later = await post(sql, `${recorder.url}/later`);
  assertEquals((await sql`select from net._http_response`).length, 0, "the fast one's answer is not visible yet");
  await responseOf(sql, slow);
  assertEquals((await sql`select from net._http_response where id = ${beside}`).length, 1, "both at once");
  await responseOf(sql, later);
  const at = (path: string) => recorder.requests.find((request) => request.path === path)?.at ?? 0;
  assert(at("/later") - at("/slow") > 1_500, "it waited for the slow one");
});

Deno.test("a batch has 200 requests, and a second lies between two", async () => {
  await using recorder = startRecorder();
  await using platform = await startPlatform({ migrations: false, schedule: false });
  await platform.sql`select count(net.http_get(${recorder.url} || '/' || n)) from generate_series(1, 450) as n`;
  await until("all 450 requests came", () => recorder.requests.length === 450);
  const times = recorder.requests.map(({ at }) => at);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  const pauses = gaps.flatMap((gap, index) => gap > 700 ? [index + 1] : []);
  assertEquals(pauses, [200, 400]);
});

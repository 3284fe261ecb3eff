/**
 * Refusals that are about the app, the token or the pixel, under codes that events share: no event is lost for them, no
 * round costs more than it must, and work resumes by itself.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  answersOf,
  clearEvents,
  dispatchNow,
  lead,
  PIXEL,
  startCapiSuite,
} from "../../scripts/dev/testing/shop_suite.ts";

const APP_SECRET = "0123456789abcdef0123456789abcdef";
/** HMAC-SHA-256 of `emulator-capi-token` and `emulator-marketing-token` under it, worked out by Python's `hmac`. */
const PROOFS = [
  "c8bc2ef9aa97fc36ab3d2d56ba555f3cc4791de13d94b39a8e6ab1cbc0877ea0",
  "6257c58fefba8f02fde41f4ddb5ea8e7cd4f9e389bc4816c711a5ccfbfc66da2",
];
const IDS = ["a", "b", "c", "d", "e", "f"];

Deno.test("what refuses every event of a pixel blocks it, loses none, and ends by itself", async (t) => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  const { capi, faults, ledger, tokens } = graph;

  async function tally(): Promise<Record<string, number>> {
    const rows = await sql`select state, count(*)::int as n from fb_ads.event_deliveries group by state order by state`;
    return Object.fromEntries(rows.map((row) => [row.state, row.n]));
  }
  /** Stores the six while nothing can be sent, so that they are one batch. */
  async function store(): Promise<void> {
    await sql`insert into fb_ads.pixels (pixel_id, throttled_until) values (${PIXEL}, now() + interval '1 hour')
      on conflict (pixel_id) do update set throttled_until = excluded.throttled_until`;
    await answersOf(await platform.invoke("capi-event", { events: IDS.map((id) => lead(id)) }));
    await sql`update fb_ads.pixels set throttled_until = null`;
  }
  const nextMinute = () => sql`update fb_ads.pixels set probed_at = now() - interval '1 minute'`;
  const requests = () => capi.requests.length;
  const counted = () => IDS.map((id) => capi.timesCounted(PIXEL, "Lead", id));
  const pixel = async () =>
    (await sql`select state, reason, code from fb_ads.pixels where pixel_id = ${PIXEL}`)[0] ?? null;

  const refusals: [name: string, error: string, reason: string, first: number][] = [
    ["a method that Meta does not take", "100/method", "configuration", 1],
    ["an app that Meta does not know", "101", "app_invalid", 1],
    ["an app that Meta has blocked", "200/app", "app_blocked", 1],
    ["a parameter that all requests share", "100/parameter", "parameter_invalid", 3],
  ];
  for (const [name, error, reason, first] of refusals) {
    await t.step(name, async () => {
      await store();
      faults.add({ match: { route: "events" }, action: { kind: "error", error } });
      const calls = () => ledger.countByRoute()["events"] ?? 0;
      await dispatchNow(platform);
      assertEquals([await tally(), calls()], [{ blocked: 6 }, first]);
      assertEquals((await pixel())?.reason, reason);
      await dispatchNow(platform);
      assertEquals(calls(), first);
      for (let minute = 1; minute <= 2; minute += 1) {
        await nextMinute();
        await dispatchNow(platform);
        assertEquals([await tally(), calls()], [{ blocked: 6 }, first + minute]);
      }
      faults.clear();
      await nextMinute();
      await dispatchNow(platform);
      assertEquals([await tally(), (await pixel())?.state, counted()], [{ sent: 6 }, "open", [1, 1, 1, 1, 1, 1]]);
      await clearEvents(suite);
    });
  }

  await t.step("an app that requires its secret, and then has it", async () => {
    for (const name of ["capi", "marketing"]) {
      Object.assign(tokens.named(name) ?? {}, { requires_proof: true, app_secret: APP_SECRET });
    }
    await store();
    await dispatchNow(platform);
    assertEquals([await tally(), requests()], [{ blocked: 6 }, 0]);
    assertEquals(await pixel(), { state: "blocked", reason: "app_secret_missing", code: 100 });
    const refused = await platform.invoke("fb-sync-metadata", {});
    assertEquals(refused.status, 502);
    assertStringIncludes(await refused.text(), "app_secret_missing");
    assertEquals(ledger.calls.filter((call) => call.token === "marketing").length, 1);

    await sql`select vault.create_secret('a-secret-of-another-app', 'meta_capi_app_secret')`;
    await nextMinute();
    await dispatchNow(platform);
    assertEquals([await tally(), (await pixel())?.reason], [{ blocked: 6 }, "app_secret_wrong"]);
    await sql`select vault.update_secret(id, ${
      APP_SECRET + "\n"
    }) from vault.secrets where name = 'meta_capi_app_secret'`;
    await nextMinute();
    await dispatchNow(platform);
    assertEquals([await tally(), counted()], [{ sent: 6 }, [1, 1, 1, 1, 1, 1]]);

    await sql`select vault.create_secret(${APP_SECRET}, 'meta_marketing_app_secret')`;
    await sql`update fb_ads.quotas set probe_after = now() where stopped_at is not null`;
    const resumed = await platform.invoke("fb-sync-metadata", { resume: true });
    assertEquals(resumed.status, 200, await resumed.text());
  });

  await t.step("no log line and no table holds a secret or a proof", async () => {
    const logs = ["capi-event", "fb-sync-metadata"].flatMap((slug) => platform.functionLogs(slug)).join("\n");
    const [row] = await sql`select
      (select jsonb_agg(to_jsonb(job)) from fb_ads.sync_jobs as job)::text ||
      (select jsonb_agg(to_jsonb(run)) from fb_ads.sync_runs as run)::text ||
      (select jsonb_agg(to_jsonb(quota)) from fb_ads.quotas as quota)::text ||
      (select jsonb_agg(to_jsonb(delivery)) from fb_ads.event_deliveries as delivery)::text as tables`;
    for (const secret of [APP_SECRET, ...PROOFS]) {
      assert(!logs.includes(secret) && !String(row?.tables).includes(secret));
    }
    assert(logs.length > 0 && String(row?.tables).length > 100);
  });
});

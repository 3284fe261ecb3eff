/**
 * Who asks Meta again after a refusal that was not about one account: one job, for an app that is throttled, a token
 * that is dead, or a token or app that Meta refuses under any other code.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { manyAccountsWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { assertTree, startOver } from "../catalogue/metadata_expectations.ts";

const NOW = new Date("2026-11-22T03:00:00Z");
const METADATA = "fb-sync-metadata";
const INSIGHTS = "fb-sync-insights";
const threeAccounts = () => manyAccountsWorld(NOW, { accounts: 3, ads: 6, plain: true });

Deno.test("one job probes", async (t) => {
  await using suite = await startSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  const refused = () => graph.ledger.calls.filter((call) => call.code !== null).length;
  const alerts = async () =>
    (await sql<{ key: string }[]>`select key from public.fb_alerts
      where key ~ '^(token_dead|permission_lost|sync_failed)' order by key`).map(({ key }) => key);
  const throttlesEnd = async () => {
    await sql`update fb_ads.sync_jobs set not_before = now() where state = 'pending' and not_before > now()`;
    await sql`update fb_ads.quotas set throttled_until = now()`;
  };
  const invoke = (slug: string, body: unknown) =>
    platform.invoke(slug, body).then(async (response) => {
      await response.body?.cancel();
    });

  await t.step("a throttled app: the calls under way are refused, then one a minute", async () => {
    await startOver(suite, threeAccounts());
    await sync(platform, METADATA);
    graph.settings.latency_ms = { min: 30, max: 30 };
    graph.ledger.reset();
    graph.faults.add({ match: { route: "insights*" }, action: { kind: "error", error: "4/1504022" } });
    await invoke(INSIGHTS, {});
    assert(refused() <= 3, `${refused()} calls under way`);
    for (let minute = 1; minute <= 3; minute++) {
      graph.ledger.reset();
      await throttlesEnd();
      await invoke(INSIGHTS, { resume: true });
      assertEquals(refused(), 1, `probe ${minute}`);
    }
    graph.faults.clear();
    graph.settings.latency_ms = { min: 0, max: 0 };
    await throttlesEnd();
    assertEquals((await sync(platform, INSIGHTS, { resume: true })).jobs.left, 0, "a good probe is followed by all");
  });

  await t.step("a probe that is never heard of again is followed by another after a minute", async () => {
    await sql`select fb_ads.throttle_sync_jobs('app', 'default', '', 60, '{}')`;
    await sql`select fb_ads.begin_probe('0', 'ads')`;
    const waiting = async () => (await sql`select fb_ads.unprobed_kinds() as kinds`)[0]?.kinds.length;
    assertEquals(await waiting(), 10);
    await sql`update fb_ads.quotas set probe_after = probe_after - interval '1 minute' where scope = 'app'`;
    assertEquals(await waiting(), 0);
  });

  for (const error of ["101", "100/proof_missing", "200/app"]) {
    await t.step(`${error}: one refusal, one probe, one alert`, async () => {
      await startOver(suite, threeAccounts());
      await sync(platform, METADATA);
      graph.ledger.reset();
      graph.faults.add({ match: {}, action: { kind: "error", error } });
      await invoke(METADATA, {});
      assertEquals(refused(), 1);
      await invoke(METADATA, { resume: true });
      assertEquals(refused(), 1, "no call before the probe is due");
      await sql`update fb_ads.quotas set probe_after = now() where scope = 'token'`;
      await invoke(METADATA, { resume: true });
      assertEquals(refused(), 2);
      const keys = await alerts();
      assertEquals(keys.map((key) => key.split(":")[0]), ["token_dead"]);
      const [alert] = await sql`select remedy from public.fb_alerts where key like 'token_dead:%'`;
      const remedies: Record<string, string> = {
        "101": "with another app",
        "100/proof_missing": "meta_marketing_app_secret",
        "200/app": "A new token of the same app does not help",
      };
      assert(alert?.remedy.includes(remedies[error]), alert?.remedy);
    });
  }

  for (const error of ["10", { code: 3999, message: "(#3999) Something new" }] as const) {
    const name = typeof error === "string" ? error : error.code;
    await t.step(
      `${name} for every account alike is the token's: one stop, one alert, and nothing is lost`,
      async () => {
        const world = manyAccountsWorld(NOW, { accounts: 8, ads: 3, plain: true });
        await startOver(suite, world);
        await sync(platform, METADATA);
        await sql`update fb_ads.sync_jobs set finished_at = finished_at - interval '1 day', created_at = created_at - interval '1 day'`;
        graph.ledger.reset();
        graph.faults.add({ match: {}, action: { kind: "error", error } });
        await syncToEnd(platform, METADATA, {}, 2).catch(() => undefined);
        const first = refused();
        // The accounts' list, the three accounts that tell it, and two that are under way then.
        assert(first <= 1 + 3 + 2, `${first} refusals`);
        assertEquals((await alerts()).filter((key) => key.startsWith("token_dead")).length, 1);
        assertEquals((await alerts()).filter((key) => key.startsWith("permission_lost")).length, 0);
        await invoke(METADATA, { resume: true });
        assertEquals(refused(), first, "no call before the probe is due");

        graph.faults.clear();
        await sql`update fb_ads.quotas set probe_after = now() where scope = 'token'`;
        await syncToEnd(platform, METADATA, { resume: true });
        await assertTree(platform, world.accounts);
        assertEquals((await sql`select from fb_ads.quotas where scope = 'token' and stopped_at is not null`).length, 0);
      },
    );
  }
});

Deno.test("a dead token is stopped and probed once, and the new one in Vault is taken up", async () => {
  await using suite = await startSuite({
    graph: { world: manyAccountsWorld(NOW, { accounts: 8, ads: 3, plain: true }) },
  });
  const { platform, graph } = suite;
  const { sql } = platform;
  await sync(platform, METADATA);
  const token = graph.tokens.named("marketing");
  assert(token);
  token.dead = "190/463";
  graph.ledger.reset();
  const refused = await platform.invoke(METADATA, {});
  assertEquals(refused.status, 502);
  assertEquals((await refused.json()).error.code, "meta_token_invalid");
  assertEquals(graph.ledger.count, 1);
  const [stop] =
    await sql`select key, stop_error ->> 'meta_code' as code, stop_error ->> 'error_subcode' as subcode from fb_ads.quotas where scope = 'token' and stopped_at is not null`;
  assertEquals({ code: stop?.code, subcode: stop?.subcode }, { code: "190", subcode: "463" });
  assert(!stop?.key.includes(graph.token));

  const [work] = await sql`select fb_ads.has_sync_work(${METADATA}) as due`;
  assertEquals(work?.due, false);
  await platform.invoke(METADATA, { resume: true }).then((response) => response.body?.cancel());
  assertEquals(graph.ledger.count, 1, "no call before the probe is due");
  await sql`update fb_ads.quotas set probe_after = now() where scope = 'token'`;
  assertEquals((await sql`select fb_ads.has_sync_work(${METADATA}) as due`)[0]?.due, true);
  await platform.invoke(METADATA, { resume: true }).then((response) => response.body?.cancel());
  assertEquals(graph.ledger.count, 2, "one probe");

  token.dead = null;
  await sql`update fb_ads.quotas set probe_after = now() where scope = 'token'`;
  assertEquals(
    (await sync(platform, METADATA, { resume: true })).jobs.left,
    0,
    "a probe that goes well is followed by all",
  );
  assertEquals((await sql`select from fb_ads.quotas where stopped_at is not null`).length, 0);

  token.dead = "190/460";
  await platform.invoke(METADATA, {}).then((response) => response.body?.cancel());

  graph.tokens.add("another-marketing-token", { name: "renewed", scopes: ["ads_read"] });
  await sql`select vault.update_secret(id, 'another-marketing-token') from vault.secrets where name = 'meta_marketing_api_token'`;
  await syncToEnd(platform, METADATA, { resume: true });
  await assertTree(platform, graph.world.accounts);
});

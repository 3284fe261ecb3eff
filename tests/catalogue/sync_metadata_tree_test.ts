/**
 * `fb-sync-metadata` on a real database: what is stored, what is left alone, what counts as deleted.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { manyAccountsWorld, smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { accountAt, assertTree, pageReads, startOver } from "./metadata_expectations.ts";

const NOW = new Date("2026-11-22T03:00:00Z");
const SLUG = "fb-sync-metadata";

Deno.test("fb-sync-metadata stores the ad tree", async (t) => {
  await using suite = await startSuite();
  const { platform, graph } = suite;
  const { sql } = platform;

  await t.step("every listed object, archived ones included, once and with its parents", async () => {
    await startOver(suite, smallWorld(NOW));
    const answer = await sync(platform, SLUG);
    assertEquals(answer.jobs, { done: 7, left: 0, failed: 0 });
    await assertTree(platform, graph.world.accounts);
    const [archived] =
      await sql`select count(*)::int as n from public.ad_campaigns where effective_status = 'ARCHIVED'`;
    assert(archived?.n > 0, "the world has archived campaigns");
    const orphans = await sql`
      select from public.ad_ads a join public.ad_adsets s on s.id = a.adset_id where a.account_id <> s.account_id`;
    assertEquals(orphans.length, 0);
    assertEquals([...pageReads(graph).values()].filter((reads) => reads > 1), []);
  });

  await t.step("accounts with name, currency, time zone and status in words", async () => {
    const rows = await sql`
      select fb_account_id, name, currency, timezone_name, status, enabled from public.ad_accounts order by fb_account_id`;
    assertEquals([...rows].map((row) => ({ ...row })), [
      {
        fb_account_id: "102938475000001",
        name: "Kelas Canva Indonesia",
        currency: "IDR",
        timezone_name: "Asia/Jakarta",
        status: "ACTIVE",
        enabled: true,
      },
      {
        fb_account_id: "102938475000002",
        name: "Bili't Benta PH 🇵🇭",
        currency: "PHP",
        timezone_name: "Asia/Manila",
        status: "ACTIVE",
        enabled: true,
      },
    ]);
  });

  await t.step("a second sync of the same reads everything and writes no row version", async () => {
    const versions = () =>
      sql`
      select 'c' as t, xmin::text, ctid::text from public.ad_campaigns union all select 's', xmin::text, ctid::text from public.ad_adsets
      union all select 'a', xmin::text, ctid::text from public.ad_ads union all select 'x', xmin::text, ctid::text from public.ad_accounts
      order by 1, 2, 3`;
    const before = await versions();
    const answer = await sync(platform, SLUG);
    assertEquals(answer.rows, { campaigns: 11, adsets: 28, ads: 103 });
    assertEquals(await versions(), before);
  });

  await t.step('budgets in major units by Meta\'s offsets, absent as null and "0" as 0', async () => {
    const world = manyAccountsWorld(NOW, { accounts: 4, ads: 1 });
    await startOver(suite, world);
    const budgets = [["IDR", "15000000"], ["PHP", "15050"], ["JPY", "1500"], ["USD", "1999"]] as const;
    const ids = budgets.map(([currency, daily_budget], index) => {
      const account = accountAt(world, index);
      assertEquals(account.plan.currency, currency);
      const campaign = account.addCampaign();
      return account.addAdSet(campaign, { name: `budget ${currency}`, daily_budget, lifetime_budget: "0" }).id;
    });
    const bare = accountAt(world, 3);
    ids.push(bare.addAdSet(bare.addCampaign(), { daily_budget: null, lifetime_budget: null }).id);
    world.touch();
    await sync(platform, SLUG);
    const rows = await sql`
      select daily_budget::text, lifetime_budget::text from public.ad_adsets where fb_adset_id = any (${ids}) order by array_position(${ids}, fb_adset_id)`;
    assertEquals([...rows].map((row) => [row.daily_budget, row.lifetime_budget]), [
      ["15000000", "0"],
      ["150.50", "0"],
      ["1500", "0"],
      ["19.99", "0"],
      [null, null],
    ]);
  });

  await t.step("a change of name and status is taken over, also without a newer updated_time", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sync(platform, SLUG);
    const campaign = accountAt(world, 0).campaigns.find((node) => node.status === "ACTIVE");
    assert(campaign);
    world.edit(campaign.id, { status: "PAUSED", name: "Dijeda 🛑" }, null);
    await sync(platform, SLUG);
    await assertTree(platform, world.accounts);
  });

  await t.step("an object that a list no longer shows is deleted only when its id says so", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sync(platform, SLUG);
    const account = accountAt(world, 0);
    const [gone, hidden, refused] = account.ads.filter((ad) => ad.status === "ACTIVE" && !ad.hidden);
    assert(gone && hidden && refused);
    world.edit(gone.id, { status: "DELETED" }, null);
    world.edit(hidden.id, { hidden: true, name: "Still here" }, null);
    world.edit(refused.id, { hidden: true, unreadable: true }, null);
    await syncToEnd(platform, SLUG);
    const rows = await sql`
      select fb_ad_id, name, effective_status from public.ad_ads where fb_ad_id = any (${[
      gone.id,
      hidden.id,
      refused.id,
    ]})`;
    const byId = new Map([...rows].map((row) => [row.fb_ad_id, row]));
    assertEquals(byId.get(gone.id)?.effective_status, "DELETED");
    assertEquals(byId.get(gone.id)?.name, gone.name);
    assert(byId.get(hidden.id)?.effective_status !== "DELETED");
    assertEquals(byId.get(hidden.id)?.name, "Still here");
    assertEquals(byId.get(refused.id)?.effective_status, "DELETED");
    // What is known to be deleted is not looked up again.
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    assertEquals(graph.ledger.calls.filter((call) => call.path.endsWith(gone.id)), []);
  });

  await t.step("a broken creative costs the creatives of its page and of no other", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sql`update fb_ads.settings set metadata_page_size = 20, metadata_page_size_max = 20`;
    graph.faults.add({
      match: { route: "ads", page: 2, account: "102938475000001", params_contain: "creative" },
      action: { kind: "error", error: "100/2446289" },
    });
    assertEquals((await sync(platform, SLUG)).jobs, { done: 7, left: 0, failed: 0 });
    await sql`update fb_ads.settings set metadata_page_size = default, metadata_page_size_max = default`;
    await assertTree(platform, world.accounts);
    const [without] = await sql`select count(*)::int as ads from public.ad_ads where creative_id is null`;
    assertEquals(without?.ads, 20);
  });

  await t.step("a field that is refused by id keeps its old value", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sync(platform, SLUG);
    const adset = accountAt(world, 0).adsets.find((one) => one.status === "ACTIVE" && one.daily_budget !== null);
    assert(adset);
    const read = () =>
      sql`select targeting_summary, daily_budget from public.ad_adsets where fb_adset_id = ${adset.id}`;
    const [before] = await read();
    assert(before?.targeting_summary !== null && before?.daily_budget !== null);
    world.edit(adset.id, { hidden: true }, null);
    graph.faults.add({ match: { route: "object" }, action: { kind: "error", error: "100/2446289" }, times: 1 });
    await syncToEnd(platform, SLUG);
    assertEquals(graph.faults.list()[0]?.acted, 1);
    assertEquals({ ...(await read())[0] }, { ...before });
  });

  for (const error of ["100/3191001", "200"]) {
    await t.step(`an id that Meta refuses with ${error} does not keep the others from being looked up`, async () => {
      const world = smallWorld(NOW);
      await startOver(suite, world);
      await sync(platform, SLUG);
      const ads = accountAt(world, 0).ads.filter((ad) => ad.status === "ACTIVE" && !ad.hidden).slice(0, 3);
      for (const ad of ads) world.edit(ad.id, { status: "DELETED" }, null);
      const [refused, ...others] = ads.map((ad) => ad.id).sort();
      graph.faults.add({ match: { path: `/${refused}$` }, action: { kind: "error", error } });
      const answers = await syncToEnd(platform, SLUG);
      assertEquals(answers.map((answer) => answer.jobs.failed), [0]);
      const deleted = await sql`
      select fb_ad_id from public.ad_ads
      where effective_status = 'DELETED' and fb_ad_id = any (${ads.map((ad) => ad.id)}) order by 1`;
      assertEquals(deleted.map((row) => row.fb_ad_id), others);
      assertEquals((await sql`select from fb_ads.quotas where stopped_at is not null`).length, 0);
    });
  }

  await t.step("a look-up of twenty ids that are all forbidden is the account's own error", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sync(platform, SLUG);
    for (const ad of accountAt(world, 0).ads.filter((one) => !one.hidden).slice(0, 30)) {
      world.edit(ad.id, { status: "DELETED" }, null);
    }
    graph.faults.add({ match: { route: "object" }, action: { kind: "error", error: "200" } });
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    // The first of them twice: the permission may be missing for an optional field alone.
    assertEquals(graph.ledger.calls.filter((call) => call.route === "object").length, 21);
    const stops = await sql`select key from fb_ads.quotas where scope = 'account' and stopped_at is not null`;
    assertEquals(stops.map((stop) => stop.key), ["102938475000001"]);
  });

  await t.step("a wanted id that is another kind of object, or another's, stops no account", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sync(platform, SLUG);
    const [campaign] = accountAt(world, 0).campaigns;
    assert(campaign);
    for (const id of [campaign.id, "6000000000001"]) {
      await sql`
        insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, params)
        select id, 'objects', 40, 'ad', array[${id}], '{"find_owner": true}' from public.ad_accounts limit 1`;
    }
    graph.faults.add({ match: { path: "/6000000000001$" }, action: { kind: "error", error: "10" } });
    assertEquals((await sync(platform, SLUG, { resume: true })).jobs, { done: 2, left: 0, failed: 0 });
    assertEquals((await sql`select from fb_ads.quotas where stopped_at is not null`).length, 0);
  });

  await t.step("ids that a later list shows again are not looked up any more", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sync(platform, SLUG);
    const [ad] = accountAt(world, 0).ads.filter((one) => one.status === "ACTIVE" && !one.hidden);
    assert(ad);
    world.edit(ad.id, { hidden: true }, null);
    graph.faults.add({ match: { route: "object" }, action: { kind: "error", error: "80004" }, times: 1 });
    assertEquals((await sync(platform, SLUG)).jobs.left, 1);
    world.edit(ad.id, { hidden: false }, null);
    await sql`update fb_ads.quotas set throttled_until = null`;
    assertEquals((await sync(platform, SLUG)).jobs.left, 0);
    assertEquals(graph.ledger.calls.filter((call) => call.route === "object").length, 1);
  });

  await t.step("looking up ids ends where a usage header says so", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sync(platform, SLUG);
    const account = accountAt(world, 0);
    for (const ad of account.ads.filter((one) => one.status === "ACTIVE").slice(0, 5)) {
      world.edit(ad.id, { status: "DELETED", unreadable: true }, null);
    }
    const usage = JSON.stringify({ acc_id_util_pct: 96.5, reset_time_duration: 300 });
    graph.faults.add({
      match: { route: "object" },
      action: { kind: "headers", headers: { "X-Ad-Account-Usage": usage } },
      times: 1,
    });
    graph.ledger.reset();
    await sync(platform, SLUG);
    assertEquals(graph.ledger.calls.filter((call) => call.route === "object").length, 1);
    const [job] = await sql`
      select cursor, extract(epoch from not_before - now())::int as seconds from fb_ads.sync_jobs where state = 'pending'`;
    assertEquals(job?.cursor, "1");
    assert(job?.seconds > 290 && job?.seconds <= 300, `${job?.seconds} s`);
  });

  await t.step("lost page records make no deletions: the list is read again", async () => {
    const world = smallWorld(NOW);
    await startOver(suite, world);
    await sync(platform, SLUG);
    // As after a crash of the server: unlogged rows are gone while a list is half read.
    await sql`update fb_ads.settings set metadata_page_size = 10, metadata_page_size_max = 10`;
    graph.faults.add({ match: { route: "ads", page: 2 }, action: { kind: "error", error: "80004/2446079" }, times: 2 });
    await sync(platform, SLUG);
    await sql`truncate fb_ads.sync_seen_pages`;
    await syncToEnd(platform, SLUG, { resume: true });
    await sql`update fb_ads.settings set metadata_page_size = default, metadata_page_size_max = default`;
    const [deleted] = await sql`select count(*)::int as n from public.ad_ads where effective_status = 'DELETED'`;
    assertEquals(deleted?.n, 0);
    await assertTree(platform, world.accounts);
    assertEquals(graph.ledger.calls.filter((call) => call.route === "object").length, 0);
  });

  await t.step("an ad whose parents no list has shown yet gets stubs, which a later sync fills", async () => {
    const world = smallWorld(NOW);
    const account = accountAt(world, 0);
    const campaign = account.addCampaign({ hidden: true, name: "Late campaign" });
    const adset = account.addAdSet(campaign, { hidden: true, name: "Late ad set" });
    const ad = account.addAd(adset, { name: "Early ad" });
    world.touch();
    await startOver(suite, world);
    await syncToEnd(platform, SLUG);
    const read = () =>
      sql`
      select a.name as ad, s.name as adset, c.name as campaign from public.ad_ads a join public.ad_adsets s on s.id = a.adset_id
      join public.ad_campaigns c on c.id = s.campaign_id where a.fb_ad_id = ${ad.id}`;
    assertEquals({ ...(await read())[0] }, { ad: "Early ad", adset: null, campaign: null });
    world.edit(campaign.id, { hidden: false }, null);
    world.edit(adset.id, { hidden: false }, null);
    await syncToEnd(platform, SLUG);
    assertEquals({ ...(await read())[0] }, { ad: "Early ad", adset: "Late ad set", campaign: "Late campaign" });
  });
});

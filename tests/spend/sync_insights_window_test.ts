/**
 * `fb-sync-insights` against an ordinary day at Meta and the days after it: what the database says an account spent is
 * what Meta says, to the cent, and stays so when Meta restates, takes rows back, or breaks off in the middle.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { currenciesWorld, dayText, smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { accountAt, startOver } from "../catalogue/metadata_expectations.ts";
import {
  adCalls,
  assertSpend,
  expectedRows,
  jobsOf,
  rangeOf,
  SLUG,
  storedRows,
  today,
  windowOnly,
} from "./sync_insights_expectations.ts";

const ALL_STATUSES = [
  "ACTIVE",
  "ADSET_PAUSED",
  "ARCHIVED",
  "CAMPAIGN_PAUSED",
  "DELETED",
  "DISAPPROVED",
  "IN_PROCESS",
  "PAUSED",
  "PENDING_BILLING_INFO",
  "PENDING_REVIEW",
  "PREAPPROVED",
  "WITH_ISSUES",
];

function statusesAsked(filtering: unknown): string[] {
  const filters = typeof filtering === "string" ? JSON.parse(filtering) : filtering;
  const filter = filters.find((one: { field: string }) => one.field === "ad.effective_status");
  return [...filter.value].sort();
}

/** Days of a range, one by one. */
function daysOf(range: string): string[] {
  const [since = "", until = ""] = range.split("..");
  const days: string[] = [];
  for (let at = Date.parse(since); at <= Date.parse(until); at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}

Deno.test("fb-sync-insights stores every cent of five accounts in five currencies and time zones", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(currenciesWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await sync(platform, "fb-sync-metadata");
  graph.ledger.reset();
  const first = await sync(platform, SLUG);

  await t.step("every row of 90 local days, archived, deleted and hidden ads included", async () => {
    assertEquals(first.jobs.left, 0);
    assertEquals(first.jobs.failed, 0);
    await assertSpend(suite, 90);
    const expected = graph.world.accounts.reduce((sum, account) => sum + expectedRows(graph, account, 90).length, 0);
    assertEquals(first.rows, { insights: expected });
    assertEquals(first.graph_calls, graph.ledger.calls.length);
  });

  await t.step("every request names every status, no day twice, none of the future, newest first", () => {
    for (const account of graph.world.accounts) {
      const calls = adCalls(graph).filter((call) => call.account === account.plan.account_id);
      for (const call of calls) assertEquals(statusesAsked(call.params.filtering), ALL_STATUSES);
      const ranges = [...new Set(calls.map(rangeOf))];
      const days = ranges.flatMap(daysOf);
      assertEquals(new Set(days).size, days.length, "a day is in one range");
      assertEquals(days.length, 90);
      assertEquals(days.reduce((a, b) => a > b ? a : b), dayText(today(graph, account)));
      assertEquals(ranges, [...ranges].sort().reverse());
    }
  });

  await t.step("what Meta says of actions is kept as it came, repeated types included", async () => {
    const rows = await sql`
      select count(*)::int as rows, count(actions)::int as with_actions,
        count(*) filter (where (select count(*) > count(distinct one ->> 'action_type') from jsonb_array_elements(actions) as one))::int as repeated,
        count(missing_fields)::int as incomplete from public.ad_spend`;
    assert(rows[0]?.with_actions > 0 && rows[0]?.repeated > 0, JSON.stringify(rows[0]));
    assertEquals(rows[0]?.incomplete, 0);
  });

  await t.step("an ad that lists never show is read by id, and its spend refers to it", async () => {
    const hidden = graph.world.accounts.flatMap((account) => account.ads.filter((ad) => ad.hidden));
    const ids = hidden.map((ad) => ad.id);
    const rows = await sql`
      select a.name, count(s.id)::int as days from public.ad_ads a left join public.ad_spend s on s.ad_id = a.id
      where a.fb_ad_id = any (${ids}) group by a.id, a.name`;
    assertEquals([...rows].map((row) => row.name).sort(), hidden.map((ad) => ad.name).sort());
    assert(rows.every((row) => row.days > 0));
    assertEquals((await sql`select from public.ad_ads where name is null`).length, 0);
  });

  await t.step("each account and day is compared with Meta's total", async () => {
    const [row] = await sql`
      select count(*)::int as days, count(*) filter (where state = 'equal')::int as equal, sum(abs(difference)) as off
      from public.ad_spend_reconciliation`;
    assertEquals({ ...row }, { days: 450, equal: 450, off: "0.00" });
  });

  await t.step("the progress of a backfill is visible", async () => {
    const rows =
      await sql`select reason, days, days_done, jobs_left::int, jobs_failed::int from fb_ads.backfill_progress`;
    assertEquals(rows.length, 5);
    for (const row of rows) {
      assertEquals({ ...row }, { reason: "new_account", days: 62, days_done: 62, jobs_left: 0, jobs_failed: 0 });
    }
  });

  await t.step("a second run reads the window anew and writes nothing", async () => {
    const before = await sql`select id, xmin::text, updated_at::text from public.ad_spend order by id`;
    graph.ledger.reset();
    const again = await sync(platform, SLUG);
    assertEquals(again.jobs, { done: 30, left: 0, failed: 0 });
    const days = new Set(adCalls(graph).map((call) => `${call.account} ${rangeOf(call)}`));
    assertEquals(days.size, 25);
    assertEquals(await sql`select id, xmin::text, updated_at::text from public.ad_spend order by id`, before);
  });
});

Deno.test("fb-sync-insights follows what Meta changes afterwards", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;

  async function begin() {
    await startOver(suite, atNoon(smallWorld));
    await windowOnly(platform);
    await sql`update fb_ads.settings set insights_page_size = 40, insights_page_size_max = 40`;
    await sync(platform, "fb-sync-metadata");
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
    graph.ledger.reset();
    return accountAt(graph.world, 0);
  }

  await t.step("restated days are replaced, others left alone", async () => {
    const account = await begin();
    const day = today(graph, account) - 20;
    graph.world.restate(
      { account_id: account.plan.account_id, since: dayText(day), until: dayText(day + 4), percent: 83, add_spend: 7 },
      graph.clock.now(),
    );
    const before = await sql`select id, xmin::text from public.ad_spend where date not between ${dayText(day)} and ${
      dayText(day + 4)
    } order by id`;
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
    assertEquals(
      await sql`select id, xmin::text from public.ad_spend where date not between ${dayText(day)} and ${
        dayText(day + 4)
      } order by id`,
      before,
    );
  });

  await t.step("a day beyond the window keeps what was stored", async () => {
    const account = await begin();
    const [row] = await sql`select id, ad_id from public.ad_spend where account_id = (
      select id from public.ad_accounts where fb_account_id = ${account.plan.account_id}) limit 1`;
    await sql`update public.ad_spend set date = ${dayText(today(graph, account) - 40)} where id = ${row?.id}`;
    await syncToEnd(platform, SLUG);
    assertEquals((await sql`select from public.ad_spend where id = ${row?.id}`).length, 1);
  });

  await t.step("rows that Meta takes back go once the whole day was read", async () => {
    const account = await begin();
    const day = dayText(today(graph, account) - 9);
    graph.world.restate(
      { account_id: account.plan.account_id, since: day, every: 2, vanish: true },
      graph.clock.now(),
    );
    const left = expectedRows(graph, account, 28).filter((row) => row.startsWith(day)).length;
    const was = (await storedRows(platform, account)).filter((row) => row.startsWith(day)).length;
    assert(left < was, "the restatement takes rows back");
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
  });

  await t.step("a day that Meta empties is emptied", async () => {
    const account = await begin();
    const day = dayText(today(graph, account) - 3);
    graph.world.restate({ account_id: account.plan.account_id, since: day, vanish: true }, graph.clock.now());
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
  });

  await t.step("a run that breaks off leaves no day lower, and the next one finishes it", async () => {
    const account = await begin();
    const sums = async () =>
      new Map([
        ...await sql`select account_id || ' ' || date as day, sum(spend)::float8 as spend from public.ad_spend group by 1`,
      ].map((row) => [row.day, row.spend]));
    const before = await sums();
    const since = dayText(today(graph, account) - 27);
    graph.world.restate({
      account_id: account.plan.account_id,
      since,
      until: dayText(today(graph, account)),
      add_spend: 5,
    }, 0);
    graph.faults.add({
      match: { route: "insights", account: account.plan.account_id, page: [2, 3], params_contain: '"ad"' },
      action: { kind: "error", error: "2" },
    });
    await sync(platform, SLUG);
    const broken = (await jobsOf(platform)).filter((job) => job.state === "pending");
    assert(broken.length > 0, "some ranges wait for another try");
    for (const [day, spend] of await sums()) assert(spend >= (before.get(day) ?? 0), `${day} is lower`);
    graph.faults.clear();
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 28);
  });

  await t.step("after a pause the days that left the window unsettled are read again", async () => {
    const account = await begin();
    const day = today(graph, account);
    await sql`update fb_ads.account_reads set window_until = ${dayText(day - 10)}`;
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    const ranges = adCalls(graph).filter((call) => call.account === account.plan.account_id).map(rangeOf);
    const days = new Set(ranges.flatMap(daysOf));
    assertEquals([...days].sort()[0], dayText(day - 10 - 27));
    assertEquals(days.size, 38);
  });
});

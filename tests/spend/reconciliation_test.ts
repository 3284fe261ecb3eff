/**
 * Comparing our sums with Meta's totals: the tolerance by currency, young days, one more reading, then a warning.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { TransactionSql } from "postgres";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { noonZone } from "../../scripts/dev/testing/worlds.ts";

/** Currency, our rows, Meta's total, whether that is within half a minor unit × (rows + 1). */
const TOLERANCES: [string, string[], string, boolean][] = [
  ["USD", ["10.00"], "10.01", true],
  ["USD", ["10.00"], "10.02", false],
  ["USD", ["5.00", "5.00"], "10.015", true],
  ["USD", ["5.00", "5.00"], "10.02", false],
  ["USD", [], "0.005", true],
  ["USD", [], "0.01", false],
  ["IDR", ["1000"], "1001", true],
  ["IDR", ["1000"], "1002", false],
  ["JPY", ["1", "2", "3"], "8", true],
  ["JPY", ["1", "2", "3"], "9", false],
  ["KWD", ["1.000"], "1.011", false],
];

Deno.test("reconciliation", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;

  async function begin(
    currency: string,
    spends: string[],
    daysAgo = 5,
    timezone_name = noonZone(new Date()),
    sql: TransactionSql | Platform["sql"] = platform.sql,
  ) {
    await sql`truncate public.ad_accounts, fb_ads.sync_jobs cascade`;
    const [account] = await sql`insert into public.ad_accounts (fb_account_id, timezone_name, currency, enabled)
      values ('1', ${timezone_name}, ${currency}, true) returning id`;
    const id = account?.id;
    await sql`insert into public.ad_campaigns (account_id, fb_campaign_id) values (${id}, '1')`;
    await sql`insert into public.ad_adsets (account_id, campaign_id, fb_adset_id) select ${id}, id, '1' from public.ad_campaigns`;
    const [day] =
      await sql`select fb_ads.local_day(${timezone_name}) - ${daysAgo}::integer as date, (fb_ads.local_day(${timezone_name}) - ${daysAgo}::integer)::text as text`;
    for (const [index, spend] of spends.entries()) {
      await sql`insert into public.ad_ads (account_id, adset_id, fb_ad_id) select ${id}, id, ${
        String(index + 1)
      } from public.ad_adsets`;
      await sql`insert into public.ad_spend (date, account_id, campaign_id, adset_id, ad_id, spend)
        select ${day?.text}, ${id}, s.campaign_id, s.id, a.id, ${spend} from public.ad_ads a join public.ad_adsets s on s.id = a.adset_id where a.fb_ad_id = ${
        String(index + 1)
      }`;
    }
    return { id, day: day?.text };
  }

  /** A job that compares one day, as a worker holds it; returns what storing said. */
  async function compare(
    id: string,
    day: string,
    meta: string | null,
    purpose = "window",
    until = day,
    sql: TransactionSql | Platform["sql"] = platform.sql,
    params: Record<string, boolean> = {},
  ) {
    const [job] = await sql`
      insert into fb_ads.sync_jobs (account_id, kind, purpose, plan_id, since, until, state, lease_id, lease_until)
      values (${id}, 'reconciliation', ${purpose}, gen_random_uuid(), ${day}, ${until}, 'running', gen_random_uuid(), now() + interval '90 seconds')
      returning id, lease_id`;
    await sql`
      insert into fb_ads.sync_jobs (account_id, kind, purpose, plan_id, since, until, state, finished_at, params)
      select account_id, 'insights', purpose, plan_id, since, since, 'done', now(), ${
      sql.json(params)
    } from fb_ads.sync_jobs where id = ${job?.id}`;
    const request = {
      job_id: job?.id,
      lease_id: job?.lease_id,
      rows: meta === null ? [] : [{ date: day, spend: meta }],
      done: true,
      row_count: 1,
    };
    const [row] = await sql.unsafe("select public.fb_store_account_days($1::text::jsonb) as answer", [
      JSON.stringify(request),
    ]);
    const [known] =
      await sql`select state, our_spend::text, meta_spend::text, difference::text from fb_ads.reconciliations where date = ${day}`;
    const { state, our_spend, meta_spend, difference } = known ?? {};
    return { differences: row?.answer.differences, state, our_spend, meta_spend, difference };
  }
  const planned = async () =>
    (await sql`select kind, purpose, since::text, until::text from fb_ads.sync_jobs where state = 'pending' order by id`)
      .map((job) => ({ ...job }));

  for (const [currency, spends, meta, within] of TOLERANCES) {
    await t.step(
      `${currency}: ${spends.join(" + ") || "nothing"} beside ${meta} is ${within ? "equal" : "off"}`,
      async () => {
        const { id, day } = await begin(currency, spends);
        const { state } = await compare(id, day, meta);
        assertEquals(state, within ? "equal" : "rereading");
      },
    );
  }

  const unfiltered = { is_unfiltered: true };

  await t.step("a day that is off is read once more, then without a filter, then it is a warning", async () => {
    const { id, day } = await begin("USD", ["10.00"]);
    const first = await compare(id, day, "12.50");
    assertEquals(first, {
      differences: [],
      state: "rereading",
      our_spend: "10.00",
      meta_spend: "12.50",
      difference: "-2.50",
    });
    assertEquals(await planned(), [{ kind: "insights", purpose: "recheck", since: day, until: day }]);
    await sql`delete from fb_ads.sync_jobs`;
    const second = await compare(id, day, "12.50", "recheck");
    assertEquals([second.state, second.differences], ["rereading", []]);
    const [again] = await sql`select params from fb_ads.sync_jobs where state = 'pending'`;
    assertEquals(again?.params, { read: "sync", is_unfiltered: true, keep_rows: true });
    await sql`delete from fb_ads.sync_jobs`;
    const third = await compare(id, day, "12.50", "recheck", day, sql, unfiltered);
    assertEquals(third.state, "off");
    assertEquals(third.differences, [{ date: day, our_spend: "10.00", meta_spend: "12.50", difference: "-2.50" }]);
    assertEquals(await planned(), []);
    const [row] = await sql`select is_warning, difference::text from public.ad_spend_reconciliation`;
    assertEquals({ ...row }, { is_warning: true, difference: "-2.50" });
    assertEquals((await compare(id, day, "10.00", "recheck")).state, "equal");
    assertEquals((await sql`select from public.ad_spend_reconciliation where is_warning`).length, 0);
  });

  await t.step("a comparison after reading again compares only the days that were read again", async () => {
    const { id, day } = await begin("USD", ["10.00"]);
    const [next] = await sql`select (${day}::date + 1)::text as day`;
    await sql`update public.ad_spend set date = ${next?.day}`;
    const answer = await compare(id, day, "3.00", "recheck", next?.day, sql, unfiltered);
    assertEquals(answer.differences, [{ date: day, our_spend: "0", meta_spend: "3.00", difference: "-3.00" }]);
    assertEquals((await sql`select from fb_ads.reconciliations where date = ${next?.day}`).length, 0);
  });

  await t.step("a day on which Meta knows of no spend is compared with 0", async () => {
    const { id, day } = await begin("USD", ["10.00"]);
    assertEquals((await compare(id, day, null)).state, "rereading");
    const empty = await begin("USD", []);
    assertEquals((await compare(empty.id, empty.day, null)).state, "equal");
  });

  for (
    const [refused, ago, read] of [
      [null, 0, "sync"],
      [0, 0, "report"],
      [2, 0, "report"],
      [3, 0, "sync"],
      [0, 8, "sync"],
    ] as const
  ) {
    const name = refused === null ? "no refusal" : `ranges above ${refused} days refused ${ago} days ago`;
    await t.step(`three days are compared by ${read} after ${name}`, async () => {
      const { id, day } = await begin("USD", ["10.00"]);
      if (refused !== null) {
        await sql`insert into fb_ads.account_reads (account_id, sync_max_days, sync_refused_at)
          values (${id}, ${refused}, now() - make_interval(days => ${ago}))`;
        await sql`select fb_ads.forget_findings('')`;
      }
      await sql`
        insert into fb_ads.sync_jobs (account_id, kind, purpose, plan_id, since, until, state, finished_at)
        values (${id}, 'insights', 'window', gen_random_uuid(), ${day}::date - 2, ${day}, 'done', now())`;
      await sql`select fb_ads.end_insights_plan(job) from fb_ads.sync_jobs as job`;
      const [job] = await sql`select params ->> 'read' as read from fb_ads.sync_jobs where kind = 'reconciliation'`;
      assertEquals(job?.read, read);
    });
  }

  for (const [daysAgo, state] of [[0, "young"], [1, "young"], [2, "rereading"]] as const) {
    await t.step(`a day ${daysAgo} days ago at the account is ${state}`, async () => {
      for (const zone of ["Pacific/Kiritimati", "Pacific/Pago_Pago"]) {
        // One transaction, and so one instant: no day ends between the two.
        await sql.begin(async (tx) => {
          const { id, day } = await begin("USD", ["10.00"], daysAgo, zone, tx);
          const answer = await compare(id, day, "11.00", "window", day, tx);
          assertEquals([answer.state, answer.differences], [state, []]);
        });
      }
    });
  }
});

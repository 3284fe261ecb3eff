/**
 * Keeping results: the same as often as one likes, many sales at once, other hosts, and when a sale is looked at.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import {
  AD,
  attribute,
  BUDI,
  BUDI_DIGEST,
  credited,
  DAY,
  fbp,
  forget,
  makeAttributionShop,
  makeHostShop,
  OTHER_AD,
  outcomeOf,
  page,
  pay,
  SITI,
  SITI_DIGEST,
  uncredited,
  visit,
} from "./attribution_shop.ts";

async function hasWork({ sql }: Platform): Promise<boolean> {
  const [row] = await sql`select fb_ads.has_attribution_work() as work`;
  return row?.work === true;
}

Deno.test("results of attribution are kept once", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  await makeHostShop(platform);
  const now = Math.floor(Date.now() / 1_000) - 60;

  const step = (name: string, work: () => Promise<void>) =>
    t.step(name, async () => {
      await forget(platform);
      await work();
    });

  await step("three times in a row and twice at once is one row a sale, and nothing is written again", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
    const refs: string[] = [];
    for (let sale = 0; sale < 20; sale++) {
      refs.push(await pay(platform, { at: now - sale, user: sale % 2 ? BUDI : SITI }));
    }
    const counts = await Promise.all([attribute(platform, ...refs), attribute(platform, ...refs.toReversed())]);
    assertEquals(counts, [
      { attributed: 10, unattributed: 10, waiting: 0 },
      { attributed: 10, unattributed: 10, waiting: 0 },
    ]);
    const read = async () =>
      (await sql`
        select count(*)::int as results, (select count(*)::int from public.ad_attributions) as attributions, sum(jsonb_array_length(history))::int as superseded,
          string_agg(ctid::text || xmin::text, ',' order by transaction_ref) as versions,
          (select string_agg(ctid::text || xmin::text, ',' order by transaction_ref) from public.ad_attributions) as attribution_versions
        from fb_ads.attribution_results`)[0];
    const first = await read();
    assertEquals([first?.results, first?.attributions, first?.superseded], [20, 10, 0]);
    await attribute(platform, ...refs);
    await attribute(platform, ...refs);
    assertEquals({ ...await read() }, { ...first });
  });

  await step("what was never paid is no sale", async () => {
    const ref = await pay(platform, { at: now, user: SITI, status: "pending" });
    assertEquals(await attribute(platform, ref), { attributed: 0, unattributed: 0, waiting: 0 });
    const never = await pay(platform, { at: now, user: SITI, status: "refunded" });
    assertEquals(await attribute(platform, never), { attributed: 0, unattributed: 0, waiting: 0 });
  });

  await step(
    "a better touch supersedes the ad; one that is gone takes the row away; the history keeps both",
    async () => {
      await visit(platform, { at: now - 900, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
      const ref = await pay(platform, { at: now, user: SITI });
      await attribute(platform, ref);
      const [first] = await sql`select id::text from public.ad_attributions`;
      await visit(platform, { at: now - 300, url: page(`ad_id=${OTHER_AD}&fbclid=IwAR0x`), user: SITI_DIGEST });
      await attribute(platform, ref);
      assertEquals(await outcomeOf(platform, ref), credited(OTHER_AD, "user_id"));
      const [second] = await sql`select id::text, fb_click_id from public.ad_attributions`;
      assertEquals({ ...second }, { id: first?.id, fb_click_id: "IwAR0x" });
      await sql`delete from fb_ads.touchpoints`;
      await attribute(platform, ref);
      assertEquals(await outcomeOf(platform, ref), uncredited("no_touch"));
      assertEquals((await sql`select from public.ad_attributions`).length, 0);
      const [row] = await sql`
      select array(select ad.fb_ad_id from jsonb_array_elements(history) as entry join public.ad_ads as ad on ad.id = (entry ->> 'ad_id')::uuid) as ads
      from fb_ads.attribution_results`;
      assertEquals(row?.ads, [AD, OTHER_AD]);
    },
  );

  await step("a credited sale stays credited while a later touch's ad is being read", async () => {
    await visit(platform, { at: now - 900, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
    const ref = await pay(platform, { at: now, user: SITI });
    await attribute(platform, ref);
    await visit(platform, { at: now - 300, url: page("ad_id=120218888888888888"), user: SITI_DIGEST });
    assertEquals(await attribute(platform, ref), { attributed: 1, unattributed: 0, waiting: 0 });
    assertEquals(await outcomeOf(platform, ref), credited(AD, "user_id"));
    const [row] = await sql`
      select job.kind, job.object_level, job.object_ids, job.params from fb_ads.ad_lookups as lookup join fb_ads.sync_jobs as job on job.id = lookup.job_id`;
    assertEquals({ ...row }, {
      kind: "objects",
      object_level: "ad",
      object_ids: ["120218888888888888"],
      params: { find_owner: true },
    });
  });

  await step("no account is enabled: nobody can be asked, and the sale does not wait", async () => {
    await sql`update public.ad_accounts set enabled = false`;
    try {
      await visit(platform, { at: now - 300, url: page("ad_id=120217777777777777"), user: SITI_DIGEST });
      const ref = await pay(platform, { at: now, user: SITI });
      assertEquals(await attribute(platform, ref), { attributed: 0, unattributed: 1, waiting: 0 });
      assertEquals(await outcomeOf(platform, ref), uncredited("ad_unknown"));
    } finally {
      await sql`update public.ad_accounts set enabled = true`;
    }
  });

  await step("a sale that waits too long for its ad is decided without it", async () => {
    await visit(
      platform,
      { at: now - 900, url: page(`ad_id=${AD}`), user: SITI_DIGEST },
      { at: now - 300, url: page("ad_id=120216666666666666"), user: SITI_DIGEST },
    );
    const ref = await pay(platform, { at: now, user: SITI });
    assertEquals(await attribute(platform, ref), { attributed: 0, unattributed: 0, waiting: 1 });
    assertEquals(await hasWork(platform), false);
    await sql`update fb_ads.ad_lookups set requested_at = now() - interval '1 day'`;
    assertEquals(await hasWork(platform), true);
    await (await platform.invoke("attribute-purchase", {})).body?.cancel();
    assertEquals(await outcomeOf(platform, ref), credited(AD, "user_id"));
  });

  await step(
    "a sale is due when its event is sent, suppressed, expired or dead, or an hour after it was paid",
    async () => {
      const ref = await pay(platform, { at: now, user: SITI });
      const due = async (set: string) => {
        await sql.unsafe(`
        delete from fb_ads.event_deliveries;
        update fb_ads.conversion_events set state = 'waiting', content = null, final_at = null, event_time = to_timestamp(${now});
        ${set}`);
        return await hasWork(platform);
      };
      const stored = "update fb_ads.conversion_events set state = 'stored', content = '{}';";
      const delivery = (state: string, more = "") =>
        `insert into fb_ads.event_deliveries (event_row_id, pixel_id, state${
          more && ", reason"
        }) select id, '1', '${state}'${more} from fb_ads.conversion_events;`;
      assertEquals(await due(""), false);
      assertEquals(await due(stored + delivery("pending")), false);
      assertEquals(await due(stored + delivery("blocked")), false);
      assertEquals(await due(stored + delivery("dead", ", 'bad'")), true);
      assertEquals(await due("update fb_ads.conversion_events set final_at = now(), state = 'stored';"), true);
      assertEquals(await due("update fb_ads.conversion_events set state = 'suppressed';"), true);
      assertEquals(await due("update fb_ads.conversion_events set state = 'expired';"), true);
      assertEquals(
        await due(`update fb_ads.conversion_events set event_time = now() - interval '59 minutes 50 seconds';`),
        false,
      );
      assertEquals(await due(`update fb_ads.conversion_events set event_time = now() - interval '60 minutes';`), true);
      await (await platform.invoke("attribute-purchase", {})).body?.cancel();
      assertEquals(await outcomeOf(platform, ref), uncredited("no_touch"));
      assertEquals(await hasWork(platform), false);
    },
  );

  await step(
    "a purchase that the host takes back to unpaid is looked at again later, and never in a circle",
    async () => {
      const ref = await pay(platform, { at: now - 2 * DAY, user: SITI });
      await sql`update public.transactions set status = 'pending' where id = ${ref}`;
      assertEquals(await hasWork(platform), true);
      await (await platform.invoke("attribute-purchase", {})).body?.cancel();
      assertEquals(await hasWork(platform), false);
      await sql`update public.transactions set status = 'completed' where id = ${ref}`;
      await sql`update fb_ads.conversion_events set attribution_not_before = now()`;
      await (await platform.invoke("attribute-purchase", {})).body?.cancel();
      assertEquals(await outcomeOf(platform, ref), uncredited("no_touch"));
    },
  );

  await step("a bulk import of 3,000 sales is worked out in batches", async () => {
    await visit(platform, { at: now - DAY, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
    await sql`
      insert into public.transactions (user_id, status, amount, currency, created_at, completed_at)
      select case when n % 3 = 0 then ${SITI}::uuid end, 'paid', 1000, 'IDR', to_timestamp(${
      now - 7_200
    }), to_timestamp(${now - 7_200})
      from generate_series(1, 3000) as n`;
    const answer = await platform.invoke("attribute-purchase", {});
    assertEquals(await answer.json(), { attributed: 1000, unattributed: 2000, waiting: 0 });
    const [row] = await sql`select count(*)::int as rows, sum(net_value)::text as value from public.ad_attributions`;
    assertEquals({ ...row }, { rows: 1000, value: "1000000" });
  });

  await step("a buyer whom the host has deleted does not stop the batch", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
    const ref = await pay(platform, { at: now, user: SITI });
    await attribute(platform, ref);
    await sql`delete from public.transactions where id = ${ref}`;
    const [row] = await sql`select transaction_id, transaction_ref from public.ad_attributions`;
    assertEquals({ ...row }, { transaction_id: null, transaction_ref: ref });
  });

  await step("an erased person's sale is accounted for and tells nothing", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), user: SITI_DIGEST, fbp: fbp(1) });
    await visit(platform, { at: now - 600, url: page(`ad_id=${OTHER_AD}`), user: BUDI_DIGEST, fbp: fbp(2) });
    const ref = await pay(platform, { at: now, user: SITI });
    await sql`select public.fb_erase_person(${SITI})`;
    await attribute(platform, ref);
    assertEquals(await outcomeOf(platform, ref), uncredited("no_consent"));
    const [row] = await sql`
      select (select count(*)::int from fb_ads.touchpoints) as touches, (select count(*)::int from fb_ads.browser_people) as people,
        (select count(*)::int from fb_ads.attribution_results where match_keys is not null) as keys`;
    assertEquals({ ...row }, { touches: 1, people: 1, keys: 0 });
  });
});

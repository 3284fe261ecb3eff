/**
 * All four functions at work at once, killed at any instant: no event and no sale is lost or counted twice, every copy
 * that Meta sees of an event is identical, tree and figures end exact, and each sale is credited once, to its ad.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { manyAccountsWorld } from "../../scripts/meta-emulator/mod.ts";
import {
  dispatchAll,
  lead,
  makeShop,
  nowSeconds,
  PIXEL,
  startCapiSuite,
} from "../../scripts/dev/testing/shop_suite.ts";
import { answerIfAny, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { assertTree } from "../catalogue/metadata_expectations.ts";
import { momentOfKill } from "../kill_moments.ts";
import { SLUGS } from "../open_functions.ts";
import { seededFraction } from "../seeded_random.ts";
import { assertSpend, windowOnly } from "../spend/sync_insights_expectations.ts";

const KILLS = howMany({ usually: 12, thoroughly: 60, exhaustively: 500 });
/** Sales at a time. */
const BATCH = 5;

Deno.test(`${KILLS} kills over all four functions lose nothing and double nothing`, async () => {
  const world = atNoon((now) => manyAccountsWorld(now, { accounts: 3, ads: 20, plain: true }));
  await using suite = await startCapiSuite({ graph: { world } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await makeShop(platform);
  await windowOnly(platform);
  await sql`update fb_ads.settings set metadata_page_size = 4, metadata_page_size_max = 4, insights_page_size = 20,
    insights_page_size_max = 20`;
  graph.settings.latency_ms = { min: 1, max: 20 };
  const random = seededFraction(500);
  const ads = world.accounts.flatMap((account) => account.ads.map(({ id }) => id));

  let kills = 0;
  let hasFailed = false;
  const goesOn = () => !hasFailed && kills < KILLS;
  /** Which ad each sale came from. */
  const sold = new Map<string, string>();
  const leads: string[] = [];

  /** Posts until it is answered, as a client that keeps its events does. */
  async function post(events: Record<string, unknown>[]): Promise<void> {
    for (;;) {
      const answer = await answerIfAny(platform, "capi-event", { events });
      if (answer?.status === 202) return;
      assert(answer === null || answer.status >= 500, answer?.text);
    }
  }
  /** Each buyer lands from an ad, and pays. */
  async function sell(): Promise<void> {
    while (goesOn()) {
      const called = graph.ledger.whenCalled(() => true);
      const buyers = await sql<{ id: string; email: string }[]>`
        insert into public.unified_profiles (email)
        select 'buyer' || gen_random_uuid() || '@example.com' from generate_series(1, ${BATCH}::integer)
        returning id, email`;
      await sql`insert into fb_ads.consents (subject_kind, subject, state, since, source)
        select 'user', fb_ads.digest_of(id), 'granted', now(), 'test' from unnest(${
        buyers.map(({ id }) => id)
      }::text[]) as id`;
      const landed = buyers.map(({ email }, index) => ({
        email,
        event_id: `lead-${leads.length + index}`,
        ad: ads[Math.floor(random() * ads.length)] ?? "",
      }));
      leads.push(...landed.map(({ event_id }) => event_id));
      await post(landed.map(({ email, event_id, ad }) =>
        lead(event_id, {
          event_time: nowSeconds() - 1,
          action_source: "website",
          event_source_url: `https://shop.example/?ad_id=${ad}`,
          user_data: { em: email, client_user_agent: "Mozilla/5.0 (test)" },
        })
      ));
      const sales = await sql<{ id: string; user_id: string }[]>`
        insert into public.transactions (user_id, status, amount, currency, completed_at)
        select id::uuid, 'completed', 150000, 'IDR', now() from unnest(${buyers.map(({ id }) => id)}::text[]) as id
        returning id, user_id`;
      for (const sale of sales) {
        sold.set(sale.id, landed[buyers.findIndex(({ id }) => id === sale.user_id)]?.ad ?? "");
      }
      await answerIfAny(platform, "capi-event", { dispatch: true });
      await called;
    }
  }
  async function keepSyncing(slug: string): Promise<void> {
    while (goesOn()) {
      const [open] = await sql`select fb_ads.open_job_count(${slug}, null) as jobs`;
      await answerIfAny(platform, slug, open?.jobs > 0 ? { resume: true } : {});
    }
  }
  async function keepAttributing(): Promise<void> {
    while (goesOn()) await answerIfAny(platform, "attribute-purchase", {});
  }
  /** What a killed worker held is free at once. */
  async function freeWhatWasHeld(): Promise<void> {
    await sql`update fb_ads.event_deliveries set lease_until = now() where state = 'sending'`;
    await sql`update fb_ads.conversion_events set not_before = now() where state = 'waiting'`;
    await sql`update fb_ads.event_deliveries set next_attempt_at = now() where state = 'pending'`;
    await sql`update fb_ads.sync_jobs set lease_until = now() where state = 'running'`;
    await sql`update fb_ads.sync_jobs set not_before = now() where state = 'pending'`;
  }
  async function kill(): Promise<void> {
    while (goesOn()) {
      await momentOfKill(graph, random, 3);
      const slug = SLUGS[Math.floor(random() * SLUGS.length)] ?? "capi-event";
      await platform.killFunction(slug);
      kills += 1;
      await freeWhatWasHeld();
    }
  }
  // All to their end, so that what one says is not hidden by the others' loss of their database.
  const work = [sell(), keepSyncing("fb-sync-metadata"), keepSyncing("fb-sync-insights"), keepAttributing(), kill()];
  const ends = await Promise.allSettled(work.map((each) =>
    each.catch((error) => {
      hasFailed = true;
      throw error;
    })
  ));
  for (const end of ends) if (end.status === "rejected") throw end.reason;

  graph.settings.latency_ms = { min: 0, max: 0 };
  await freeWhatWasHeld();
  await dispatchAll(platform);
  await syncToEnd(platform, "fb-sync-metadata");
  await syncToEnd(platform, "fb-sync-insights");
  await answerIfAny(platform, "attribute-purchase", {});

  const [counts] = await sql`select
    (select count(*)::int from fb_ads.conversion_events) as events,
    (select count(*)::int from fb_ads.event_deliveries where state = 'sent') as sent`;
  assertEquals(counts, { events: leads.length + sold.size, sent: leads.length + sold.size });
  const wrong = [
    ...leads.filter((id) => graph.capi.timesCounted(PIXEL, "Lead", id) !== 1),
    ...[...sold.keys()].filter((id) => graph.capi.timesCounted(PIXEL, "Purchase", id) !== 1),
  ];
  assertEquals(wrong, []);
  assertEquals(graph.capi.violations(), []);
  // Every copy that Meta saw of an event is the identical event.
  const texts = new Map<string, string>();
  for (const { event } of graph.capi.events) {
    const text = JSON.stringify(event);
    const key = `${event.event_name} ${event.event_id}`;
    assertEquals(texts.get(key) ?? text, text);
    texts.set(key, text);
  }

  await assertTree(platform, world.accounts);
  await assertSpend(suite, 28);
  const credits = await sql`select credit.transaction_ref as sale, ad.fb_ad_id as ad
    from public.ad_attributions as credit left join public.ad_ads as ad on ad.id = credit.ad_id`;
  assertEquals(new Map(credits.map(({ sale, ad }) => [sale, ad])), sold);
  assertEquals(credits.length, sold.size);
});

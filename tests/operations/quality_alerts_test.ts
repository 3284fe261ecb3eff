/**
 * Alerts about how well Meta recognises the people behind the events: what they say, and what they keep quiet about.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";

/** Scores from today backwards. */
async function setScores({ sql }: Platform, scores: (number | null)[], event = "Purchase"): Promise<void> {
  await sql`delete from public.ad_event_quality where event_name = ${event}`;
  await sql`
    insert into public.ad_event_quality (date, pixel_id, event_name, composite_score)
    select (now() at time zone 'UTC')::date - (day - 1)::int, '4711', ${event}, score
    from unnest(${scores}::numeric[]) with ordinality as told (score, day)`;
}

/** How many of 100 events a day carried a key, from today backwards. */
async function setShares({ sql }: Platform, key: string, shares: number[]): Promise<void> {
  await sql`
    insert into fb_ads.sent_event_keys (date, pixel_id, event_name, key, events)
    select (now() at time zone 'UTC')::date - (day - 1)::int, '4711', 'Purchase', ${key}, events
    from unnest(${shares}::bigint[]) with ordinality as told (events, day) where events > 0`;
}

async function alertsOf({ sql }: Platform): Promise<{ key: string; problem: string; cost: string; remedy: string }[]> {
  const rows = await sql<{ key: string; problem: string; cost: string; remedy: string }[]>`
    select key, problem, cost, remedy from fb_ads.quality_alerts() order by key`;
  return [...rows];
}

const keysOf = async (platform: Platform) => (await alertsOf(platform)).map(({ key }) => key);

Deno.test("a score that falls is an alert, with what the shop stopped sending", async (t) => {
  await using platform = await startPlatform({ schedule: false });

  await t.step("by a point against the median of the seven days before, and not by less", async () => {
    // The median of the seven is 7.4; the day before them does not count.
    const before = [7.4, 7.4, 7.3, 9.9, 7.4, 7.5, 2.1, 1];
    await setScores(platform, [6.5, ...before]);
    assertEquals(await keysOf(platform), []);
    await setScores(platform, [6.4, ...before]);
    assertEquals((await alertsOf(platform)).map(({ problem }) => problem), [
      "Meta recognises the people behind Purchase of pixel 4711 worse: 6.4 of 10, after 7.4 in the week before.",
    ]);
  });

  await t.step("neither in the first days, nor without a score, nor of figures that are old", async () => {
    await setScores(platform, [5, 8, 8]);
    assertEquals(await keysOf(platform), []);
    await setScores(platform, [null, 8, 8, 8]);
    assertEquals(await keysOf(platform), []);
    await setScores(platform, [5, 8, 8, 8]);
    assertEquals(await keysOf(platform), ["match_quality_fell:4711:Purchase"]);
    // In two steps, so that no day meets its neighbour.
    await platform.sql`update public.ad_event_quality set date = date - 1000`;
    await platform.sql`update public.ad_event_quality set date = date + 997`;
    assertEquals(await keysOf(platform), []);
  });

  await t.step("keys that the events carry less often are named, the largest fall first", async () => {
    await setScores(platform, [5, 8, 8, 8]);
    await setShares(platform, "event_id", Array(9).fill(100));
    await setShares(platform, "email", [95, 96, 98, 98, 98, 98, 98, 98, 98]);
    await setShares(platform, "phone", [20, 20, 80, 80, 80, 80, 80, 80, 80]);
    await setShares(platform, "fbc", [0, 0, 30, 30, 30, 30, 30, 30, 30]);
    const [alert] = await alertsOf(platform);
    assertStringIncludes(
      alert?.problem ?? "",
      "Of the events sent, phone fell from 80 % to 20 %, fbc fell from 30 % to 0 %.",
    );
    const [query] = /select [^;]+;/.exec(alert?.remedy ?? "") ?? [];
    const shown = await platform.sql.unsafe(query ?? "");
    assertEquals(shown.length, 9 * 3 + 7, "the remedy's query shows them");
  });
});

Deno.test("coverage and diagnostics are told in Meta's words, one alert a pixel or a problem", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await setScores(platform, [7, 7, 7, 7]);
  await setScores(platform, [7, 7, 7, 7], "Lead");

  await t.step("nothing where no Pixel runs, or Meta names no goal", async () => {
    await sql`update public.ad_event_quality set event_coverage = 10 where event_name = 'Lead'`;
    assertEquals(await keysOf(platform), []);
  });
  await t.step("events under the goal are listed, the worst first", async () => {
    await sql`update public.ad_event_quality set event_coverage_goal = 75, event_coverage = case event_name
      when 'Lead' then 34.1 else 60.0 end`;
    assertEquals((await alertsOf(platform)).map(({ problem }) => problem), [
      "Of what the browser's Pixel 4711 sends, Meta gets too little from the server too: Lead 34.1 % (goal 75 %), " +
      "Purchase 60 % (goal 75 %).",
    ]);
    await sql`update public.ad_event_quality set event_coverage = 75`;
  });
  await t.step("a diagnostic of two events is one alert, with Meta's cure", async () => {
    const diagnostics = sql.json([
      { name: "Mismatched IP addresses", description: "They differ.", solution: "Send the buyer's.", percentage: 12.5 },
      { description: "A problem without a name." },
    ]);
    await sql`update public.ad_event_quality set diagnostics = ${diagnostics}`;
    assertEquals(await alertsOf(platform), [{
      key: "quality_diagnostic:4711:Mismatched IP addresses",
      problem: "Meta finds on pixel 4711: Mismatched IP addresses (Lead 12.5 %, Purchase 12.5 %).",
      cost: "They differ.",
      remedy: "Send the buyer's.",
    }]);
  });
  await t.step("one that is gone today is over", async () => {
    await sql`update public.ad_event_quality set diagnostics = '[]' where date = (now() at time zone 'UTC')::date`;
    assertEquals(await keysOf(platform), []);
  });
});

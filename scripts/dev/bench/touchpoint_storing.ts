/**
 * What it costs to store an event with an ad click among many touchpoints, of its own browser and of others: pages of
 * the database, counted while one event after the other is stored.
 *
 * @module
 */

import { buildTouchpoint } from "../../../shared/attribution/touchpoint.ts";
import { BROWSER } from "../../../shared/outbox/event/caller_profile.ts";
import { validateEvents } from "../../../shared/outbox/event/validate_events.ts";
import { buildEventRow } from "../../../shared/outbox/event_row.ts";
import { digestBrowserId } from "../../../shared/user_data/digest.ts";
import type { EventRow } from "../../../shared/database/events.ts";
import { makeShop } from "../testing/shop_suite.ts";
import { type Platform, startPlatform } from "../../supabase-local/mod.ts";
import { costOf } from "./explained.ts";
import type { Figure } from "./figure.ts";

const SIZES = [0, 10_000, 1_000_000];
/** Fewer than a browser may store in an hour. */
const WARM_UP = 5;
const MEASURED = 20;
const FBP = "fb.1.1795300000000.4711";
const GOAL = 1.2;

/** A page view that an ad brought, as `capi-event` has it stored. */
function landing(event_id: string, fbclid: string, fbp: string): EventRow {
  const now_ms = Date.now();
  const event_source_url = `https://shop.example/?ad_id=120210000000010001&fbclid=${fbclid}`;
  const event_time = Math.floor(now_ms / 1_000);
  const read = validateEvents(
    {
      event_name: "PageView",
      event_id,
      event_time,
      event_source_url,
      consent: "granted",
      user_data: { fbp },
    },
    {
      now_ms,
      profile: BROWSER,
      default_country: "ID",
      known: { client_ip_address: "203.0.113.7", client_user_agent: "Mozilla/5.0 (Linux; Android 14)" },
    },
  );
  const [accepted] = "problems" in read ? [] : read.events;
  if (accepted?.ok !== true) throw new Error("the event is not valid");
  const row = buildEventRow(accepted, false);
  const browser_digest = digestBrowserId(fbp);
  return {
    ...row,
    browser_digest,
    touchpoint: buildTouchpoint(accepted.event, {
      now_ms,
      reported_by: "browser",
      click: accepted.click,
      page_url: event_source_url,
      browser_digest,
    }),
  };
}

/** So many older touchpoints: all of one browser, or each of its own. */
async function fill({ sql }: Platform, browser: "one" | "many", size: number): Promise<void> {
  const digest = browser === "one" ? `'${digestBrowserId(FBP)}'` : "encode(sha256(n::text::bytea), 'hex')";
  await sql.unsafe("truncate fb_ads.touchpoints, fb_ads.conversion_events, fb_ads.browser_people cascade");
  await sql.unsafe(`
    set statement_timeout = 0;
    insert into fb_ads.touchpoints (
      clicked_at, received_at, reported_by, touchpoint_key, fb_ad_id, fbclid, fbc_digest, browser_digest)
    select moment.at, moment.at, 'browser', sha256(n::text::bytea), '120210000000010001', 'IwAR1' || n,
      encode(sha256(('click' || n)::bytea), 'hex'), ${digest}
    from generate_series(1, ${size}) as n
    cross join lateral (select now() - interval '1 day' - n * interval '1 second') as moment (at)`).simple();
  await sql.unsafe("vacuum (analyze) fb_ads.touchpoints");
}

/** Mean buffers of one event, which is charged and stored, in a session whose plans are made. */
async function buffersOfAnEvent({ sql }: Platform, browser: "one" | "many", size: number): Promise<number> {
  let buffers = 0;
  for (let index = 0; index < WARM_UP + MEASURED; index += 1) {
    const fbp = browser === "one" ? FBP : `${FBP}${size}${index}`;
    const event = landing(`${browser}-${size}-${index}`, `IwAR2-${size}-${index}`, fbp);
    const request = { origin: "browser", pixel_ids: ["1"], require_consent: true, remembers_denials: true };
    const charge = { visitor: "203.0.113.7", network: "203.0.113.0/24", events: 1, denials: 0 };
    const charged = await costOf(
      sql`explain (analyze, buffers, format json) select public.fb_charge_visitor(${sql.json(charge)})`,
    );
    const stored = await costOf(
      sql`explain (analyze, buffers, format json)
        select public.fb_store_events(${sql.json(JSON.parse(JSON.stringify({ ...request, events: [event] })))})`,
    );
    if (index >= WARM_UP) buffers += charged.buffers + stored.buffers;
  }
  const [stored] = await sql`select count(*)::int as n from fb_ads.touchpoints where fbclid like 'IwAR2-%'`;
  if (stored?.n !== WARM_UP + MEASURED) throw new Error(`${stored?.n} touchpoints were stored`);
  return buffers / MEASURED;
}

/** Measures all sizes in one run. */
export async function benchTouchpoints(): Promise<Figure[]> {
  await using platform = await startPlatform({ schedule: false });
  await makeShop(platform);
  const figures: Figure[] = [];
  for (const browser of ["one", "many"] as const) {
    const costs: number[] = [];
    for (const size of SIZES) {
      await fill(platform, browser, size);
      costs.push(await buffersOfAnEvent(platform, browser, size));
    }
    const [none = NaN, ...others] = costs;
    others.forEach((cost, index) => {
      const ratio = cost / none;
      figures.push({
        name: `an event stored beside ${SIZES[index + 1]?.toLocaleString("en")} touchpoints of ${browser} browser${
          browser === "one" ? "" : "s"
        }`,
        value: `${cost.toFixed(1)} buffers`,
        baseline: `${none.toFixed(1)} beside none`,
        ratio,
        goal: `at most ${GOAL} times the buffers`,
        ok: ratio <= GOAL,
      });
    });
  }
  return figures;
}

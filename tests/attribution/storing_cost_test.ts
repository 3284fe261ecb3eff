/**
 * Storing a touchpoint costs the same whatever a visitor was filled with before. `npm run bench -- touchpoints` has the
 * figures; this holds that no question reads all of them.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { fbp, page, touchpointOf } from "./attribution_shop.ts";

const STORED = 20_000;

/** The least of a few, for the first ones make plans. */
async function buffersOfStoring({ sql }: Platform, fbclid: string): Promise<number> {
  await using session = await reserve(sql);
  let least = Infinity;
  for (let ad_id = 1; ad_id <= 4; ad_id++) {
    const now = Math.floor(Date.now() / 1_000);
    // Told late, so that it is asked whether the visitor is known from then.
    const url = page(`ad_id=${ad_id}&fbclid=${fbclid}`);
    const late = touchpointOf({ at: now - 3_600, received_at: now, fbp: fbp(1), url });
    const rows = session.client.json(JSON.parse(JSON.stringify([late])));
    const [row] = await session
      .client`explain (analyze, buffers, format json) select fb_ads.store_touchpoints(${rows})`;
    const [explained] = row?.["QUERY PLAN"] ?? [];
    least = Math.min(least, explained.Plan["Shared Hit Blocks"] + explained.Plan["Shared Read Blocks"]);
  }
  return least;
}

async function reserve(sql: Platform["sql"]) {
  const client = await sql.reserve();
  return {
    client,
    [Symbol.asyncDispose]() {
      client.release();
      return Promise.resolve();
    },
  };
}

Deno.test("storing a touchpoint reads no more beside 20,000 of the same browser or click", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  const alone = await buffersOfStoring(platform, "IwAR-alone");
  const click = touchpointOf({ at: 1_795_000_000, fbp: fbp(1), url: page("fbclid=IwAR-shared") });
  for (const same of ["browser", "click"]) {
    await sql`
      insert into fb_ads.touchpoints (clicked_at, received_at, reported_by, touchpoint_key, fb_ad_id, fbclid, fbc_digest, browser_digest)
      select moment.at, moment.at, 'browser', sha256((${same} || n)::bytea), '1', 'x',
        case when ${same} = 'click' then ${click?.fbc_digest ?? null} else encode(sha256(n::text::bytea), 'hex') end,
        case when ${same} = 'browser' then ${
      click?.browser_digest ?? null
    } else encode(sha256(n::text::bytea), 'hex') end
      from generate_series(1, ${STORED}::integer) as n
      cross join lateral (select now() - interval '2 hours' + n * interval '1 millisecond') as moment (at)`;
    await sql.unsafe("vacuum (analyze) fb_ads.touchpoints");
  }
  const beside = await buffersOfStoring(platform, "IwAR-shared");
  assert(beside < 2 * alone, `${beside} buffers, ${alone} alone`);
});

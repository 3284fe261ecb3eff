/**
 * Creatives: five kinds, read with their ads by ids, and pictures whose links end.
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { isRecord, type JsonRecord, parseJson } from "../json_value.ts";
import { type GraphEmulator, manyAccountsWorld, startGraphEmulator } from "../mod.ts";

const NOW = new Date("2026-11-22T04:00:00Z");
const FIELDS =
  "id,title,object_type,link_url,image_hash,image_url,video_id,thumbnail_url,object_story_spec,asset_feed_spec,degrees_of_freedom_spec";

async function start(): Promise<GraphEmulator> {
  const emulator = await startGraphEmulator({ world: manyAccountsWorld(NOW, { accounts: 1, ads: 5, plain: true }) });
  emulator.clock.stopAt(NOW);
  return emulator;
}

/** Reads the creatives of ads by the ads' ids, in the order of those. */
async function readCreatives(emulator: GraphEmulator): Promise<JsonRecord[]> {
  const [account] = emulator.world.accounts;
  const ids = account?.ads.map(({ id }) => id) ?? [];
  const params = new URLSearchParams({
    fields: `id,creative{${FIELDS}}`,
    filtering: JSON.stringify([{ field: "id", operator: "IN", value: ids }]),
  });
  const response = await fetch(`${emulator.url}/v27.0/act_${account?.plan.account_id}/ads?${params}`, {
    headers: { authorization: `Bearer ${emulator.token}` },
  });
  const body = parseJson(await response.text());
  assert(isRecord(body) && Array.isArray(body["data"]));
  const byAd = new Map(body["data"].filter(isRecord).map((ad) => [ad["id"], ad["creative"]]));
  return ids.map((id) => byAd.get(id)).filter(isRecord);
}

function inside(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined,
    value,
  );
}

Deno.test("a picture, a video, a carousel, a dynamic creative and one of Advantage+ each show their kind", async () => {
  await using emulator = await start();
  const [image, video, carousel, dynamic, advantage] = await readCreatives(emulator);
  assert(
    image?.["image_url"] !== undefined && inside(image, "object_story_spec", "link_data", "image_hash") !== undefined,
  );
  assertEquals([video?.["object_type"], video?.["link_url"]], ["VIDEO", undefined]);
  assertEquals(video?.["video_id"], inside(video, "object_story_spec", "video_data", "video_id"));
  const cards = inside(carousel, "object_story_spec", "link_data", "child_attachments");
  assert(Array.isArray(cards) && cards.length === 3);
  for (const fed of [dynamic, advantage]) {
    assert(Array.isArray(inside(fed, "asset_feed_spec", "titles")) && fed?.["title"] === undefined);
  }
  assertEquals([dynamic, advantage].map((fed) => inside(fed, "asset_feed_spec", "optimization_type")), [
    undefined,
    "DEGREES_OF_FREEDOM",
  ]);
});

Deno.test("a picture's link ends after some days, and a later read gives another to the same picture", async () => {
  await using emulator = await start();
  const link = async (): Promise<string> => String((await readCreatives(emulator))[0]?.["thumbnail_url"]);
  const fetched = async (url: string): Promise<[status: number, type: string | null]> => {
    const response = await fetch(url);
    await response.body?.cancel();
    return [response.status, response.headers.get("content-type")];
  };
  const first = await link();
  assertEquals(await link(), first);
  assertEquals(await fetched(first), [200, "image/png"]);
  emulator.clock.advance(5 * 86_400_000);
  assertEquals((await fetched(first))[0], 403);
  const second = await link();
  assertNotEquals(second, first);
  assertEquals(new URL(second).pathname, new URL(first).pathname);
  assertEquals((await fetched(second))[0], 200);
});

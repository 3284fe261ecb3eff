/**
 * What of an isolate's CPU each function takes to load, and what one event takes, beside a function that does nothing.
 * The platform counts the thread that runs the function, from the moment at which it begins to load.
 *
 * @module
 */

import { join } from "node:path";
import { type Platform, startPlatform } from "../../supabase-local/mod.ts";
import { lead, pageView, postAsBrowser, startCapiSuite } from "../testing/shop_suite.ts";
import { until } from "../../supabase-local/waiting.ts";
import type { Figure } from "./figure.ts";

const SLUGS = ["capi-event", "fb-sync-insights", "fb-sync-metadata", "attribute-purchase"];
const BOOTS = 5;
const EVENTS = 300;
/** No worker ends while it is measured. */
const NO_LIMIT = { cpuSoftMs: Infinity, cpuHardMs: Infinity, wallClockMs: 3_600_000 };
const BARE = `export default { fetch: async (request) => Response.json({ read: (await request.text()).length }) };\n`;

function cpuOf(platform: Platform, slug: string): number {
  const used = platform.functionProcess(slug)?.cpuMs ?? null;
  if (used === null) throw new Error(`the system does not tell the CPU of ${slug}`);
  return used;
}

/** A project of one function that only reads its request. */
async function makeBareProject(): Promise<string> {
  const root = await Deno.makeTempDir();
  const folder = join(root, "supabase/functions/bare");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "index.ts"), BARE);
  await Deno.writeTextFile(join(folder, "deno.json"), "{}\n");
  await Deno.writeTextFile(join(root, "supabase/config.toml"), "[functions.bare]\nverify_jwt = false\n");
  return root;
}

/** The least CPU of several boots, with the one request that made the worker boot. */
async function measureBoot(platform: Platform, slug: string): Promise<number> {
  let least = Infinity;
  for (let boot = 0; boot < BOOTS; boot++) {
    await platform.killFunction(slug);
    const response = await fetch(`${platform.functionsUrl}/${slug}`, { headers: { apikey: platform.secretKey } });
    await response.body?.cancel();
    if (response.status !== 200) throw new Error(`${slug} answers GET with ${response.status}`);
    least = Math.min(least, cpuOf(platform, slug));
  }
  return least;
}

async function measureRequests(
  platform: Platform,
  slug: string,
  send: (index: number) => Promise<Response>,
): Promise<number> {
  const before = cpuOf(platform, slug);
  for (let index = 0; index < EVENTS; index++) {
    const response = await send(index);
    await response.body?.cancel();
    if (response.status >= 300) throw new Error(`${slug} answers ${response.status}`);
  }
  if (slug === "capi-event") {
    await until("everything is sent", async () => {
      const [open] = await platform
        .sql`select from fb_ads.event_deliveries where state in ('pending', 'sending') limit 1`;
      return open === undefined;
    });
  }
  return (cpuOf(platform, slug) - before) / EVENTS;
}

const milliseconds = (value: number) => `${value.toFixed(2)} ms`;

/** Measures all functions on one platform, and the one that does nothing on another. */
export async function benchIsolate(): Promise<Figure[]> {
  const bareRoot = await makeBareProject();
  try {
    await using bare = await startPlatform({ projectRoot: bareRoot, migrations: false, schedule: false, ...NO_LIMIT });
    await using suite = await startCapiSuite({ platform: NO_LIMIT });
    const { platform } = suite;
    const bareBoot = await measureBoot(bare, "bare");
    const figures: Figure[] = [];
    for (const slug of SLUGS) {
      const boot = await measureBoot(platform, slug);
      figures.push({
        name: `${slug}: CPU to load it and to answer once`,
        value: milliseconds(boot),
        baseline: `${milliseconds(bareBoot)} for a function that does nothing`,
        ratio: boot / bareBoot,
        goal: "150 ms beyond it",
        ok: boot - bareBoot <= 150,
      });
    }
    const bodies = { server: JSON.stringify(lead("bare")), browser: JSON.stringify(pageView("bare")) };
    const bareRequest = await measureRequests(bare, "bare", () => bare.invoke("bare", bodies.server));
    const fromServer = (index: number) => platform.invoke("capi-event", lead(`isolate-${index}`));
    const fromBrowser = (index: number) => postAsBrowser(platform, pageView(`isolate-page-${index}`));
    // The first requests pay for the compiler.
    await measureRequests(platform, "capi-event", (index) => platform.invoke("capi-event", lead(`warm-${index}`)));
    for (const [who, send] of [["a server", fromServer], ["a browser", fromBrowser]] as const) {
      const cost = await measureRequests(platform, "capi-event", send);
      figures.push({
        name: `capi-event: CPU of one event from ${who}, sent to Meta`,
        value: milliseconds(cost),
        baseline: `${milliseconds(bareRequest)} for a request that is only read`,
        ratio: cost / bareRequest,
        goal: "2.5 ms",
        ok: cost <= 2.5,
      });
    }
    return figures;
  } finally {
    await Deno.remove(bareRoot, { recursive: true });
  }
}

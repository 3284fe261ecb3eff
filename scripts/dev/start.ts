/**
 * `npm start`: boots the platform, syncs an account as the night does, plays shoppers from ad click to paid order, and
 * shows what each ad cost and sold. With real credentials in `.env` it reads the real account and plays no shopper.
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
import { showAdTree, showDisabledAccounts } from "./demo/tree_table.ts";
import { runNightly, step } from "./demo/demo_progress.ts";
import { showReconciliation, showSpend } from "./demo/spend.ts";
import { awaitPurchases, refund, showEvents, showPerformance, showRecognition } from "./demo/results.ts";
import { playShoppers } from "./demo/shoppers.ts";
import { storeHistory } from "./demo/invented/history.ts";
import { DEMO_SETTINGS, setStage, type Stage } from "./demo/stage.ts";
import type { GraphEmulator } from "../meta-emulator/mod.ts";
import { PlatformError } from "../supabase-local/mod.ts";
import { untilInterrupted } from "../supabase-local/parent.ts";

const METADATA_KINDS = ["accounts", "account", "campaigns", "adsets", "ads", "objects", "event_quality"];
const INSIGHT_KINDS = ["insights", "reconciliation"];

async function play(stage: Stage): Promise<void> {
  const { platform } = stage;
  await step(
    "fb-sync-metadata: cron → pg_net → function → tables",
    (tell) => runNightly(platform, "fb-sync-metadata", METADATA_KINDS, tell),
  );
  await showAdTree(platform);
  await showDisabledAccounts(platform);
  await step(
    "fb-sync-insights: the last 28 days, and 90 days back; meanwhile the shop's past visits and sales",
    (tell) =>
      Promise.all([
        runNightly(platform, "fb-sync-insights", INSIGHT_KINDS, tell),
        storeHistory(platform, stage.ads, DEMO_SETTINGS.META_PIXEL_ID),
      ]),
  );
  await showSpend(platform);
  await showReconciliation(platform, stage.graph);
  if (stage.graph !== null) await playShop(stage, stage.graph);
}

async function playShop({ platform }: Stage, graph: GraphEmulator): Promise<void> {
  console.log();
  const sales = await step("shoppers: ad click, lead, checkout, payment", (tell) => playShoppers(platform, tell));
  await step(
    "purchases: trigger → pg_net → capi-event → Conversions API, then attribute-purchase",
    () => awaitPurchases(platform, graph, sales),
  );
  const [, , , paid_back] = sales;
  if (paid_back !== undefined) await step("one sale is paid back", () => refund(platform, paid_back));
  graph.capi.planQuality(DEMO_SETTINGS.META_PIXEL_ID, "Purchase", { browser_events: sales.length });
  await step(
    "fb-sync-metadata, as the next night: how well Meta recognises the buyers",
    (tell) => runNightly(platform, "fb-sync-metadata", METADATA_KINDS, tell),
  );
  showEvents(graph);
  await showRecognition(platform);
  await showPerformance(platform, sales);
}

function tellAddresses({ platform, graph, graphUrl, shop }: Stage): void {
  console.log(`
  API        ${platform.apiUrl}
  Functions  ${platform.functionsUrl}
  Database   ${platform.dbUrl}
  Graph API  ${graphUrl}${graph === null ? "" : "  (emulator, invented data)"}${
    shop === null ? "" : `
  Shop       ${shop.url}  (the demo shop, for a browser)
  Report     ${shop.url}/report`
  }
`);
}

async function main(): Promise<void> {
  const { port } = readArguments({
    call: "npm start [-- --port <shop's port>]",
    does: "Boots everything, syncs an account, plays shoppers, shows what each ad cost and sold.",
    takesPort: true,
  });
  const interrupted = untilInterrupted();
  const stage = await step("platform: PostgreSQL, PostgREST, gateway, functions, migrations", () => setStage({ port }));
  try {
    const isPlayed = await Promise.race([play(stage).then(() => true), interrupted.then(() => false)]);
    // Addresses are good while it runs: elsewhere than in a terminal it ends here.
    if (isPlayed && Deno.stdout.isTerminal()) {
      tellAddresses(stage);
      console.log("  Ctrl-C ends it.");
      await interrupted;
    }
  } finally {
    await stage.close();
  }
}

try {
  await main();
  Deno.exit(0);
} catch (error) {
  console.error(error instanceof PlatformError ? error.message : error);
  Deno.exit(1);
}

/**
 * `npm run bench`: the figures with their goals, as ratios within one run. Exits 1 when one misses its goal. Names of
 * benches as arguments run only those.
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
import { benchAttribution } from "./bench/attribution_clicks.ts";
import { benchViews } from "./bench/attribution_views.ts";
import { benchCapiCpu } from "./bench/capi_cpu.ts";
import { benchCapiLoad } from "./bench/capi_load.ts";
import type { Figure } from "./bench/figure.ts";
import { benchInsights } from "./bench/insights_sync.ts";
import { benchBackfill } from "./bench/backfill_history.ts";
import { benchBigInsights } from "./bench/insights_big.ts";
import { benchInsightsScale } from "./bench/insights_scale.ts";
import { benchIsolate } from "./bench/isolate.ts";
import { benchMetadata } from "./bench/metadata_sync.ts";
import { benchReversals } from "./bench/reversals.ts";
import { benchTouchpoints } from "./bench/touchpoint_storing.ts";
import { benchTriggers } from "./bench/triggers.ts";

const BENCHES: Record<string, () => Promise<Figure[]>> = {
  metadata: benchMetadata,
  insights: benchInsights,
  "insights-big": benchBigInsights,
  backfill: benchBackfill,
  "insights-scale": () => benchInsightsScale(),
  capi: benchCapiCpu,
  isolate: benchIsolate,
  load: () => benchCapiLoad(),
  triggers: benchTriggers,
  touchpoints: benchTouchpoints,
  attribution: benchAttribution,
  views: benchViews,
  reversals: benchReversals,
};

const { names } = readArguments({
  call: "npm run bench -- [name...]",
  does: `Measures the figures with their goals: ${Object.keys(BENCHES).join(", ")}.`,
  takesNames: true,
});
const wanted = names.length > 0 ? names : Object.keys(BENCHES);
const unknown = wanted.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(", ")}; there are: ${Object.keys(BENCHES).join(", ")}`);
  Deno.exit(2);
}

let missed = 0;
for (const name of wanted) {
  console.log(`\n${name}`);
  for (const figure of await BENCHES[name]?.() ?? []) {
    const ratio = figure.ratio === null ? "" : `  ×${figure.ratio.toFixed(2)}`;
    const beside = figure.baseline === null ? "" : `  beside ${figure.baseline}`;
    const goal = figure.goal === null ? "" : `  goal ${figure.goal}: ${figure.ok ? "met" : "MISSED"}`;
    console.log(`  ${figure.name}: ${figure.value}${beside}${ratio}${goal}`);
    if (!figure.ok) missed += 1;
  }
}
console.log(missed === 0 ? "\nevery goal is met" : `\n${missed} goals are missed`);
Deno.exit(missed === 0 ? 0 : 1);

/**
 * Makes the pictures of the README anew: the report, of invented figures, and the demo shop. Needs Chromium.
 *
 *     node scripts/deno.mjs run -A scripts/dev/screenshots.ts
 *
 * @module
 */

import { startChromium } from "./testing/chromium.ts";
import { fullReport } from "./testing/report_samples.ts";
import { startShop } from "./demo/shop/mod.ts";
import { repositoryRoot, startPlatform } from "../supabase-local/mod.ts";
import { findFreePort } from "../supabase-local/ports.ts";
import { buildReportPage } from "../cli/report/page.ts";

const DOCS = `${repositoryRoot}/docs`;

await using browser = await startChromium();

const html = await Deno.makeTempFile({ suffix: ".html" });
await Deno.writeTextFile(html, buildReportPage(fullReport(28, 40)));
for (
  const [name, options] of [
    ["report", { viewport: { width: 1100, height: 1180 }, colorScheme: "light" }],
    ["report-dark", { viewport: { width: 1100, height: 820 }, colorScheme: "dark" }],
    ["report-phone", { viewport: { width: 390, height: 844 }, colorScheme: "light" }],
  ] as const
) {
  const { page, context } = await browser.open(options);
  await page.goto(`file://${html}`);
  await page.screenshot({ path: `${DOCS}/${name}.png` });
  await context.close();
}
await Deno.remove(html);

await using platform = await startPlatform({ schedule: false });
const shop = startShop({ platform, port: findFreePort() });
const { page } = await browser.open({ viewport: { width: 1100, height: 760 } });
await page.goto(`${shop.url}/?ad_id=120230000000000011`);
await page.screenshot({ path: `${DOCS}/shop.png` });
await shop.close();

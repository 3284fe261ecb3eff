/**
 * Makes the pictures of the README anew from the demo: the report on a desktop, on a phone, in light, dark and in
 * print, and the shop. Needs Chromium.
 *
 *     node scripts/deno.mjs run -A scripts/dev/screenshots.ts
 *
 * @module
 */

import { startChromium } from "./testing/chromium.ts";
import { syncToEnd } from "./testing/suite.ts";
import { storeHistory } from "./demo/invented/history.ts";
import { DEMO_SETTINGS, setStage } from "./demo/stage.ts";
import { repositoryRoot } from "../supabase-local/mod.ts";

const DOCS = `${repositoryRoot}/docs`;
const DESKTOP = { width: 1180, height: 1000 };

const stage = await setStage({ settings: {} });
try {
  const { platform, ads, shop } = stage;
  if (shop === null) throw new Error("the demo has no shop");
  await syncToEnd(platform, "fb-sync-metadata");
  await syncToEnd(platform, "fb-sync-insights");
  await storeHistory(platform, ads, DEMO_SETTINGS.META_PIXEL_ID);

  await using browser = await startChromium();
  for (
    const [name, options, anchor] of [
      ["report", { viewport: DESKTOP, colorScheme: "light" }, ""],
      ["report-ads", { viewport: DESKTOP, colorScheme: "light" }, "#ads-0"],
      ["report-dark", { viewport: DESKTOP, colorScheme: "dark" }, ""],
      ["report-phone", { viewport: { width: 390, height: 844 }, colorScheme: "light" }, "#ads-0"],
    ] as const
  ) {
    const { page, context } = await browser.open(options);
    await page.goto(`${shop.url}/report${anchor}`);
    await page.screenshot({ path: `${DOCS}/${name}.png` });
    await context.close();
  }
  // As wide as the paper that the style sheet asks for.
  const { page, context } = await browser.open({ viewport: { width: 1047, height: 740 } });
  await page.goto(`${shop.url}/report`);
  await page.emulateMedia({ media: "print" });
  await page.screenshot({ path: `${DOCS}/report-print.png` });
  await context.close();

  const opened = await browser.open({ viewport: { width: 1100, height: 760 } });
  await opened.page.goto(`${shop.url}/?ad_id=120230000000000000`);
  await opened.page.screenshot({ path: `${DOCS}/shop.png` });
} finally {
  await stage.close();
}
Deno.exit(0);

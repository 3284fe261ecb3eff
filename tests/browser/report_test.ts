/**
 * The report's page in a real browser: whole, quiet and readable in every shape of its data, in light and dark, on a
 * phone; it asks no network for anything, and a program that checks accessibility finds nothing.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { BrowserContextOptions, Page } from "playwright-core";
import type { ReportData } from "../../scripts/cli/report/data.ts";
import { buildReportPage } from "../../scripts/cli/report/page.ts";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import {
  browserTest,
  type RunningBrowser,
  startChromium,
  type WatchedPage,
} from "../../scripts/dev/testing/chromium.ts";
import { emptyReport, fullReport, sampleFigures } from "../../scripts/dev/testing/report_samples.ts";

const PHONE = { viewport: { width: 390, height: 800 }, deviceScaleFactor: 2 };
const SHAPES: readonly (readonly [string, ReportData, BrowserContextOptions])[] = [
  ["in light", fullReport(28, 40), { colorScheme: "light" }],
  ["in dark", fullReport(28, 40), { colorScheme: "dark" }],
  ["on a phone", fullReport(28, 40), PHONE],
  ["in dark on a phone", fullReport(28, 40), { ...PHONE, colorScheme: "dark" }],
  ["without data", emptyReport(), {}],
  ["with one day", fullReport(1, 1), {}],
  ["with a year and 5,000 ads", fullReport(365, 5_000), {}],
  [
    "with two currencies",
    { ...fullReport(28, 5), currencies: [sampleFigures(28, 5), sampleFigures(28, 0, "USD")] },
    {},
  ],
];

/** Opens a report as a file, as its reader does. */
async function openReport(
  browser: RunningBrowser,
  data: ReportData,
  options: BrowserContextOptions,
): Promise<WatchedPage & { bytes: number }> {
  const html = buildReportPage(data);
  const path = await Deno.makeTempFile({ suffix: ".html" });
  await Deno.writeTextFile(path, html);
  const opened = await browser.open(options);
  await opened.page.goto(`file://${path}`);
  await Deno.remove(path);
  return { ...opened, bytes: new TextEncoder().encode(html).length };
}

/** What axe finds: contrast, names, roles, headings, scrollable regions. */
async function findBarriers(page: Page): Promise<string[]> {
  const axe = await Deno.readTextFile(`${repositoryRoot}/node_modules/axe-core/axe.min.js`);
  const found = decodeFindings(
    await page.evaluate(`(() => { ${axe}; return axe.run(document).then(
    ({ passes, violations }) => ({
      passed: passes.length,
      barriers: violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html.slice(0, 120))),
    })); })()`),
  );
  assert(found.passed > 15, `axe looked at ${found.passed} rules`);
  return found.barriers;
}

function decodeFindings(value: unknown): { passed: number; barriers: string[] } {
  return value as { passed: number; barriers: string[] };
}

browserTest("buildReportPage() is quiet and readable", async (test) => {
  await using browser = await startChromium();
  for (const [name, data, options] of SHAPES) {
    await test.step(name, async () => {
      const { page, context, complaints, requests, bytes } = await openReport(browser, data, options);
      assertEquals(complaints, []);
      assertEquals(requests.filter((url) => !/^(file|data):/.test(url)), []);
      assert(bytes < 1_500_000, `${bytes} bytes`);
      assertEquals(await findBarriers(page), []);
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      assert(Number(overflow) <= 0, `the page is ${overflow} px wider than the screen`);
      assertEquals(await page.locator(".chart canvas").count(), data.currencies.length * 2);
      await context.close();
    });
  }
});

browserTest("the report's ads are found, sorted and shown on demand", async () => {
  await using browser = await startChromium();
  const { page } = await openReport(browser, fullReport(28, 5_000), {});
  const first = page.locator(".ads tbody th").first();
  const status = page.locator(".ads [role=status]");
  assertEquals(await status.textContent(), "25 of 5,000 ads");
  assertEquals(await first.textContent(), "Video 1, square, 0 s");
  await page.click(".more button");
  assertEquals(await page.locator(".ads tbody tr").count(), 125);
  await page.click("th button >> text=Spend");
  assertEquals(await first.textContent(), "Video 5000, square, 1 s");
  assertEquals(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "ascending");
  await page.click("th button >> text=ROAS");
  assert(await first.textContent() !== "Video 5, square, 4 s", "what is not known comes last");
  await page.fill("input[type=search]", "kebaya");
  assertEquals(await status.textContent(), "1 of 1 ads");
  assertEquals(await first.textContent(), `</script><b>"Kebaya" & 'batik'</b>`);
});

browserTest("the report's tables are there without its script", async () => {
  await using browser = await startChromium();
  const { page } = await openReport(browser, fullReport(28, 40), { javaScriptEnabled: false });
  assertEquals(await page.locator(".ads tbody tr").count(), 25);
  await page.click("summary");
  assertEquals(await page.locator("details tbody tr").count(), 28);
});

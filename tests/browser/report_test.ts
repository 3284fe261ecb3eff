/**
 * The report's page in a real browser: whole, quiet and readable in every shape of its data, in light and dark, on a
 * phone; it asks no network for anything, and a program that checks accessibility finds nothing.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
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
    {
      ...fullReport(28, 5),
      home: {
        currency: "IDR",
        converted: [],
        missing_rates: [{ from_currency: "USD", first_date: "2026-11-03", days: 3 }],
      },
      currencies: [sampleFigures(28, 5), sampleFigures(28, 0, "USD")],
    },
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

function decodeNumbers(value: unknown): number[] {
  return value as number[];
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
  const live = page.locator("[data-table=live-0]");
  const first = live.locator("tbody th a").first();
  const status = live.locator("[role=status]");
  // Of seven ads one is paused. The worst is the one that lost the most.
  assertEquals(await status.textContent(), "25 of 4,286");
  const earned = await live.locator("tbody td:nth-child(3)").allTextContents();
  const amounts = earned.map((text) => Number(text.replaceAll(",", "")));
  assertEquals(amounts, amounts.toSorted((one, other) => one - other));
  assertEquals(await live.locator("th[aria-sort]").getAttribute("aria-sort"), "ascending");
  await live.locator(".more button").click();
  assertEquals(await live.locator("tbody tr").count(), 125);
  await live.getByRole("button", { name: "Spend", exact: true }).click();
  assertEquals(await first.textContent(), "Video 1, square, 0 s");
  assertEquals(await live.getByRole("button", { name: "Spend", exact: true }).count(), 1, "the arrow is no name");
  await live.getByRole("button", { name: "Spend", exact: true }).click();
  assertEquals(await live.locator("th[aria-sort]").getAttribute("aria-sort"), "ascending");
  assertEquals(await first.textContent(), "Video 5000, square, 1 s");
  await live.getByRole("button", { name: "ROAS", exact: true }).click();
  assert(await first.textContent() !== "Video 5, square, 4 s", "what is not known comes last");
  await live.locator("input[type=search]").fill("kebaya");
  assertEquals(await status.textContent(), "1 of 1");
  assertEquals(await first.textContent(), `</script><b>"Kebaya" & 'batik'</b>`);
  assertEquals(
    await first.getAttribute("href"),
    "https://adsmanager.facebook.com/adsmanager/manage/ads?act=102938475000001&selected_ad_ids=120230000000030",
  );
});

browserTest("the report's rows are the same with and without its script", async () => {
  await using browser = await startChromium();
  const rows = async (javaScriptEnabled: boolean, sort: boolean) => {
    const { page, context } = await openReport(browser, fullReport(28, 40), { javaScriptEnabled });
    const live = page.locator("[data-table=live-0]");
    if (sort) {
      // Away and back: the script has written the rows then.
      await live.getByRole("button", { name: "Spend", exact: true }).click();
      await live.getByRole("button", { name: "Earned or lost", exact: true }).click();
      await live.getByRole("button", { name: "Earned or lost", exact: true }).click();
    }
    const texts = await live.locator("tbody tr").allInnerTexts();
    await context.close();
    return texts;
  };
  const plain = await rows(false, false);
  assertEquals(plain.length, 25);
  assertEquals(await rows(true, true), plain);
});

browserTest("the report's bars are as long as their share, and their names stay on a phone", async () => {
  await using browser = await startChromium();
  const { page, context } = await openReport(browser, fullReport(28, 40), {});
  const shares = await page.evaluate(`[...document.querySelectorAll("section:has(#coverage) .track")].map((track) =>
    Math.round(100 * track.firstElementChild.offsetWidth / track.offsetWidth))`);
  // 231, 6, 31, 12 and 8 of 288 sales.
  assertEquals(shares, [80, 2, 11, 4, 3]);
  await context.close();

  const phone = await openReport(browser, fullReport(28, 40), PHONE);
  const [before, after] = decodeNumbers(
    await phone.page.evaluate(`(() => {
    const region = document.querySelector("[data-table=live-0] .scroll");
    const name = region.querySelector("tbody th");
    const at = () => name.getBoundingClientRect().left;
    const before = at();
    region.scrollLeft = 300;
    return [before, at()];
  })()`),
  );
  assertEquals(after, before);
});

browserTest("the report on paper has its tables, and no table wider than the page", async () => {
  await using browser = await startChromium();
  const { page } = await openReport(browser, fullReport(28, 40), { viewport: { width: 1047, height: 740 } });
  await page.emulateMedia({ media: "print" });
  await page.evaluate('dispatchEvent(new Event("beforeprint"))');
  assertEquals(await page.locator("details[open]:visible").count(), 1);
  assertEquals(
    await page.evaluate(
      `[...document.querySelectorAll("table")].filter((table) => table.offsetWidth > innerWidth).length`,
    ),
    0,
  );
  assertEquals(await page.locator(".filter:visible, nav:visible").count(), 0);
});

/** What is told of the last period when the pointer stands at the right end of the chart. */
async function readLastPoint(page: Page): Promise<string> {
  const over = page.locator(".chart .u-over").first();
  const { width = 0, height = 0 } = await over.boundingBox() ?? {};
  await over.hover({ position: { x: width - 1, y: height / 2 } });
  return await page.locator(".chart .u-legend").first().innerText();
}

browserTest("the report's figures are by day, week or month, as the keyboard chooses, and so on paper", async () => {
  await using browser = await startChromium();
  const { page } = await openReport(browser, fullReport(28, 40), { viewport: { width: 1047, height: 740 } });
  const table = page.locator("details[data-period]:visible");
  const days = () => table.locator("tbody th").allTextContents();
  await table.locator("summary").click();
  assertEquals((await days()).length, 28);

  await page.getByRole("radio", { name: "day", exact: true }).focus();
  await page.keyboard.press("ArrowRight");
  assertEquals(await page.getByRole("radio", { name: "week" }).isChecked(), true);
  await table.locator("summary").click();
  // The 25th of October 2026 is a Sunday, the 21st of November a Saturday.
  assertEquals(await days(), [
    "2026-11-16 to 2026-11-21",
    "2026-11-09 to 2026-11-15",
    "2026-11-02 to 2026-11-08",
    "2026-10-26 to 2026-11-01",
    "2026-10-25",
  ]);

  await page.getByRole("radio", { name: "month" }).press("Space");
  await page.getByRole("radio", { name: "its payment" }).press("Space");
  assertEquals(await days(), ["2026-11-01 to 2026-11-21", "2026-10-25 to 2026-10-31"]);
  const cells = await table.locator("tbody tr").first().locator("td").allTextContents();
  const [spend, , , , , revenue] = cells;
  const told = await readLastPoint(page);
  for (const part of ["2026-11-01 to 2026-11-21", spend, revenue]) assertStringIncludes(told, part ?? "no such cell");

  await page.emulateMedia({ media: "print" });
  await page.evaluate('dispatchEvent(new Event("beforeprint"))');
  assertEquals(await page.locator("details table:visible caption").allTextContents(), [
    "Figures by month, amounts in IDR",
  ]);
  assertEquals(
    await page.locator("figcaption").first().textContent(),
    "Spend and net revenue by month, a sale on the day of its payment. The table below has the figures.",
  );
});

browserTest("the report's tables are there without its script", async () => {
  await using browser = await startChromium();
  const { page } = await openReport(browser, fullReport(28, 40), { javaScriptEnabled: false });
  assertEquals(await page.locator("[data-table=live-0] tbody tr").count(), 25);
  await page.locator("summary", { hasText: "by day" }).click();
  assertEquals(await page.locator("details[open] tbody tr").count(), 28);
  assertEquals(await page.locator("summary:visible", { hasText: "The figures by" }).count(), 3);
});

Deno.test("the report speaks a marketer's words", () => {
  const html = buildReportPage(fullReport(28, 40)).replace(/<(script|style)[\s\S]*?<\/\1>/g, "");
  const text = html.replace(/<[^>]*>/g, " ");
  for (const word of [/\bjobs?\b/i, /deliver(y|ies)/i, /\bclicks?\s*\|/i, /fb-sync/, /pipeline/i, /throttled/i]) {
    assertEquals(word.exec(text), null);
  }
});

/**
 * `--csv`: the report's tables as files, exact and safe to open.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/csv";
import { makeCsvFiles } from "../../../scripts/cli/report/csv.ts";
import { emptyReport, fullReport } from "../../../scripts/dev/testing/report_samples.ts";

Deno.test("makeCsvFiles() writes a file a table, with every digit", () => {
  const files = makeCsvFiles(fullReport(28, 40));
  assertEquals(Object.keys(files), [
    "days_IDR.csv",
    "weeks_IDR.csv",
    "months_IDR.csv",
    "ads_IDR.csv",
    "ad_sets_IDR.csv",
    "campaigns_IDR.csv",
    "funnel.csv",
    "sales_found.csv",
    "match_quality.csv",
    "match_keys.csv",
  ]);
  const ads = parse(files["ads_IDR.csv"]?.slice(1) ?? "", { skipFirstRow: true });
  assertEquals(ads.length, 40);
  assertEquals(ads.filter(({ ad }) => ad === `</script><b>"Kebaya" & 'batik'</b>`).length, 1);
  const seventh = ads.find(({ fb_ad_id }) => fb_ad_id === "120230000000006");
  assertEquals([seventh?.spend, seventh?.sales, seventh?.net_revenue, seventh?.state], [
    "1285714.29",
    "11",
    "3619000",
    "Campaign paused",
  ]);
  const weeks = parse(files["weeks_IDR.csv"]?.slice(1) ?? "", { skipFirstRow: true });
  assertEquals(weeks.map(({ since, until }) => [since, until]), [
    ["2026-10-25", "2026-10-25"],
    ["2026-10-26", "2026-11-01"],
    ["2026-11-02", "2026-11-08"],
    ["2026-11-09", "2026-11-15"],
    ["2026-11-16", "2026-11-21"],
  ]);
  // Not known is empty, and not 0.
  const unpriced = ads.find(({ fb_ad_id }) => fb_ad_id === "120230000000004");
  assertEquals([unpriced?.net_revenue, unpriced?.roas, unpriced?.verdict], ["", "", "Not known"]);
  assertStringIncludes(files["sales_found.csv"] ?? "", "no_touch,31\r\n");
  assertStringIncludes(
    files["match_quality.csv"] ?? "",
    "Purchase,800000000000001,2026-11-21,7.4,7.55,0.341,0.75,real time\r\n",
  );
  assertStringIncludes(files["match_keys.csv"] ?? "", "Purchase,800000000000001,phone,0.41,0.203\r\n");
  assertStringIncludes(files["match_keys.csv"] ?? "", "Purchase,800000000000001,fbc,0.225,\r\n");
  assertEquals(Object.keys(makeCsvFiles(emptyReport())), [
    "funnel.csv",
    "sales_found.csv",
    "match_quality.csv",
    "match_keys.csv",
  ]);
});

Deno.test("makeCsvFiles() keeps a name from being run as a formula", () => {
  const report = fullReport(1, 1);
  const [figures] = report.currencies;
  for (const ad of figures?.ads ?? []) ad.name = '=HYPERLINK("http://evil.example","x")';
  const [ad] = parse(makeCsvFiles(report)["ads_IDR.csv"]?.slice(1) ?? "", { skipFirstRow: true });
  assertEquals(ad?.ad, `'=HYPERLINK("http://evil.example","x")`);
});

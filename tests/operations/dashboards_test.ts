/**
 * `docs/guides/dashboards.md`: every query of it runs as a dashboard's own login, and says what the views hold.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import postgres from "postgres";
import { repositoryRoot, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { AD, makeAttributionShop, OTHER_AD } from "../attribution/attribution_shop.ts";
import { credit, spend } from "../attribution/credited_sales.ts";

const read = (path: string) => Deno.readTextFileSync(`${repositoryRoot}/docs/${path}`);

interface Query {
  heading: string;
  language: string;
  text: string;
}

/** The blocks of a guide, under their headings. */
function readQueries(guide: string): Query[] {
  let heading = "";
  return [...guide.matchAll(/^##? (.+)$|^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, title, language, text]) => {
    heading = title ?? heading;
    return language === undefined || text === undefined ? [] : [{ heading, language, text }];
  });
}

/** What each tool puts in place of its own marks. */
function asSql(language: string, text: string): string {
  switch (language) {
    case "metabase":
      return text.replaceAll("{{currency}}", "'IDR'").replaceAll("{{days}}", "28");
    case "grafana":
      return text.replaceAll("$__timeFrom()", "(now() - interval '30 days')").replaceAll("$__timeTo()", "now()");
    case "dbt":
      return text.replace(/\{\{ source\('meta_ads', '(\w+)'\) \}\}/g, "public.$1");
    default:
      return text;
  }
}

Deno.test("the dashboards' queries run as a login that is only fb_ads_reader", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  const [day] = await sql<{ date: string }[]>`select (current_date - 3)::text as date`;
  assert(day);
  await spend(platform, AD, day.date, "400");
  await spend(platform, OTHER_AD, day.date, "100");
  const value = { clicked_at: `${day.date}T04:00Z`, paid_at: `${day.date}T05:00Z`, value: "300" };
  await credit(platform, { ref: "a", ...value });
  await credit(platform, { ref: "b", ...value, ad: OTHER_AD });

  const [login, ...queries] = readQueries(read("guides/dashboards.md"));
  assert(login !== undefined && login.text.includes("create role dashboards"));
  await sql.unsafe(login.text).simple();
  await sql.unsafe("alter role dashboards password 'only-here'").simple();
  const url = new URL(platform.hostDbUrl);
  [url.username, url.password] = ["dashboards", "only-here"];
  const dashboards = postgres(url.href, { max: 1, onnotice: () => undefined });
  try {
    assertEquals(queries.map(({ language }) => language), ["metabase", "grafana", "grafana", "sql", "sql", "dbt"]);
    const results: Record<string, unknown>[][] = [];
    for (const { heading, language, text } of queries) {
      await t.step(`${heading}: ${text.slice(0, 40)}`, async () => {
        const rows = await dashboards.unsafe(asSql(language, text).replace(/;\s*$/, ""));
        results.push([...rows].map((row) => ({ ...row })));
      });
    }
    const [ads, days, , rows, , weeks] = results;
    // The worst first: 400 for 300, then 100 for 300.
    assertEquals(ads?.map(({ roas, earned_or_lost }) => [roas, earned_or_lost]), [["0.75", "-100"], ["3.00", "200"]]);
    assertEquals(days?.map(({ metric, roas }) => [metric, roas]), [["IDR", "1.2000"]]);
    assertEquals(rows?.length, 2);
    assertEquals(weeks?.map(({ spend, revenue }) => [spend, revenue]), [["500", "600"]]);

    await t.step("and nothing else is open to it", async () => {
      const refused = await dashboards`select * from fb_ads.conversion_events`.catch((error: unknown) => error);
      assert(refused instanceof postgres.PostgresError && refused.code === "42501", String(refused));
      const readOnly = await dashboards`create temporary table scratch ()`.catch((error: unknown) => error);
      assert(readOnly instanceof postgres.PostgresError && readOnly.code === "25006", String(readOnly));
    });

    await t.step("the dbt sources are views and columns that it may read", async () => {
      const columns = [...read("dbt_sources.yml").matchAll(/^ {6}- name: (\w+)|^ {10}- name: (\w+)/gm)];
      let table = "";
      for (const [, name, column] of columns) {
        if (name !== undefined) table = name;
        else await dashboards.unsafe(`select ${column} from public.${table} limit 0`);
      }
      assert(columns.length > 30, `${columns.length}`);
    });
  } finally {
    await dashboards.end();
  }
});

/**
 * `npm run stack`: the ids that it prints, and with `--path` a host's repo with its own migrations and functions beside
 * the suite's.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { installInto } from "../../scripts/cli/installer/install.ts";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import { Program } from "../../scripts/supabase-local/tests/fixtures/program.ts";

const FILES: Record<string, string> = {
  "supabase/config.toml": `project_id = "warung"\n[functions.hello]\nverify_jwt = false\n`,
  "supabase/migrations/20250312080000_orders.sql": `create table public.orders (order_no bigint primary key);
grant select on public.orders to service_role;
insert into public.orders values (7);
`,
  "supabase/functions/.env": `STRIPE_KEY="sk_test_1"\n`,
  "supabase/functions/_shared/greeting.ts": `export const greeting = "halo";\n`,
  // As most functions are: Deno.serve(), the old names of the keys, a module beside, a client that sends the key twice.
  "supabase/functions/hello/index.ts": `import { greeting } from "../_shared/greeting.ts";
Deno.serve(async () => {
  const key = Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "";
  const answer = await fetch(\`\${Deno.env.get("SUPABASE_URL")}/rest/v1/orders\`, {
    headers: { apikey: key, authorization: \`Bearer \${key}\` },
  });
  return Response.json({ greeting, orders: await answer.json(), stripe: Deno.env.get("STRIPE_KEY") });
});
`,
};

async function makeRepo(): Promise<string> {
  const repo = await Deno.makeTempDir({ prefix: "warung-" });
  for (const [path, text] of Object.entries(FILES)) {
    await Deno.mkdir(`${repo}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${repo}/${path}`, text);
  }
  return repo;
}

/** The lines `NAME="value"` that it prints. */
function readValues(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)="(.*)"$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
}

Deno.test("`npm run stack -- --path` serves a host's tables and functions beside the suite's", async () => {
  const repo = await makeRepo();
  try {
    await installInto(repo, { sharedDirectory: "fb_ads_shared" });
    await using program = new Program(
      "node",
      ["scripts/deno.mjs", "run", "-A", "scripts/dev/stack.ts", "--path", repo],
      { META_PIXEL_ID: "900000000000001" },
    );
    await program.waitFor("\nready\n");
    const values = readValues(program.text);
    assertEquals(values.META_PIXEL_ID, "900000000000001");

    const hello = await fetch(`${values.FUNCTIONS_URL}/hello`);
    assertEquals([hello.status, await hello.json()], [
      200,
      { greeting: "halo", orders: [{ order_no: 7 }], stripe: "sk_test_1" },
    ]);
    const suite = await fetch(`${values.FUNCTIONS_URL}/capi-event`, {
      headers: { apikey: values.SECRET_KEY ?? "" },
    });
    await suite.body?.cancel();
    assertEquals(suite.status, 200);
    const sql = postgres(values.DB_URL ?? "", { max: 1 });
    const [token] = await sql`select fb_ads.read_token('meta_capi_access_token') as value`;
    const pixel = await fetch(`${values.GRAPH_URL}/v27.0/${values.META_PIXEL_ID}?fields=id`, {
      headers: { authorization: `Bearer ${token?.value}` },
    });
    assertEquals(await pixel.json(), { id: "900000000000001" });
    const [found] = await sql`
      select to_regclass('public.orders')::text as orders, to_regclass('public.ad_spend')::text as spend`;
    await sql.end();
    assertEquals({ ...found }, { orders: "orders", spend: "ad_spend" });

    program.process.kill("SIGINT");
    assertEquals((await program.process.status).code, 0);
    await program.leavesNothing();
  } finally {
    await Deno.remove(repo, { recursive: true });
  }
});

Deno.test("`npm run stack -- --path` refuses what is no Supabase project, and exits 2", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/dev/stack.ts", "--path", "docs"],
    cwd: repositoryRoot,
    stdin: "null",
  }).output();
  assertEquals(code, 2);
  const text = new TextDecoder().decode(stderr);
  assertStringIncludes(text, "has no supabase/config.toml");
  assert(!/^\s+at /m.test(text), text);
});

Deno.test("`npm run stack` prints the pixel and the ad accounts that its Graph API knows", async () => {
  await using program = new Program("node", ["scripts/deno.mjs", "run", "-A", "scripts/dev/stack.ts"]);
  await program.waitFor("\nready\n");
  const values = readValues(program.text);
  assertMatch(values.META_PIXEL_ID ?? "", /^\d+$/);
  const ids = (values.FB_ADS_ACCOUNT_IDS ?? "").split(",");
  const sql = postgres(values.DB_URL ?? "", { max: 1 });
  const [token] = await sql`select fb_ads.read_token('meta_marketing_api_token') as value`;
  await sql.end();
  const listed = await fetch(`${values.GRAPH_URL}/v27.0/me/adaccounts?fields=account_id`, {
    headers: { authorization: `Bearer ${token?.value}` },
  });
  const { data }: { data: { account_id: string }[] } = await listed.json();
  assertEquals(ids, data.map(({ account_id }) => account_id));
  program.process.kill("SIGINT");
  await program.leavesNothing();
});

/**
 * Figures of the purchase triggers: what they cost the host, beside the same statements on the same table without them.
 * Each pair is measured in turns, and medians are compared, because machines are shared and noisy.
 *
 * @module
 */

import postgres from "postgres";
import { makeShop } from "../testing/shop_suite.ts";
import { startPlatform } from "../../supabase-local/mod.ts";
import { type Figure, information } from "./figure.ts";

type Host = ReturnType<typeof postgres>;

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function time(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

/** Medians in milliseconds of the same work with and without the triggers, in turns. */
async function measurePair(
  rounds: number,
  work: (table: string, round: number) => Promise<unknown>,
  prepare: (table: string, round: number) => Promise<unknown> = () => Promise.resolve(),
): Promise<{ bare: number; attached: number }> {
  const times: Record<string, number[]> = { bare_transactions: [], transactions: [] };
  for (let round = 0; round < rounds; round += 1) {
    const tables = round % 2 === 0 ? ["bare_transactions", "transactions"] : ["transactions", "bare_transactions"];
    for (const table of tables) {
      await prepare(table, round);
      times[table]?.push(await time(() => work(table, round)));
    }
  }
  return { bare: median(times.bare_transactions ?? []), attached: median(times.transactions ?? []) };
}

const milliseconds = (value: number) => `${value.toFixed(3)} ms`;

function figure(name: string, pair: { bare: number; attached: number }, most: number): Figure {
  const ratio = pair.attached / pair.bare;
  return {
    name,
    value: milliseconds(pair.attached),
    baseline: milliseconds(pair.bare),
    ratio,
    goal: `${most} times the same without triggers`,
    ok: ratio <= most,
  };
}

async function fillTables(host: Host): Promise<void> {
  await host`insert into public.unified_profiles (email) select 'buyer' || n || '@example.com' from generate_series(1, 1000) as n`;
  await host`create index on public.transactions (user_id)`;
  await host`create table public.bare_transactions (like public.transactions including all)`;
  await host`alter table public.bare_transactions add foreign key (user_id) references public.unified_profiles (id)`;
  await host`create table public.new_sales as
    select gen_random_uuid() as id, profile.id as user_id
    from generate_series(1, 100000) as n
    join (select id, row_number() over () - 1 as place from public.unified_profiles) as profile on profile.place = n % 1000`;
}

/** Measures an update that completes nothing, a completing insert, and 100,000 rows in one statement. */
export async function benchTriggers(): Promise<Figure[]> {
  // As a host runs: a commit is on disk before it is answered.
  await using platform = await startPlatform({ schedule: false, durable: true });
  await makeShop(platform);
  const host = postgres(platform.hostDbUrl, { max: 1, onnotice: () => undefined });
  try {
    await fillTables(host);
    const ids: Record<string, string[]> = {};
    for (const table of ["bare_transactions", "transactions"]) {
      const rows = await host.unsafe(
        `insert into public.${table} (user_id, status, amount, currency)
         select user_id, 'pending', 1, 'IDR' from public.new_sales limit 2000 returning id`,
      );
      ids[table] = rows.map((row) => String(row.id));
      await host.unsafe(`vacuum analyze public.${table}`);
    }
    const updating = await measurePair(
      1_500,
      (table, round) =>
        host.unsafe(`update public.${table} set source = $1 where id = $2`, [`s${round}`, ids[table]?.[round] ?? ""], {
          prepare: true,
        }),
    );
    await host`grant select, update on public.transactions, public.bare_transactions to service_role`;
    await host`notify pgrst, 'reload schema'`;
    const patch = async (table: string, round: number): Promise<number> => {
      const response = await fetch(`${platform.apiUrl}/rest/v1/${table}?id=eq.${ids[table]?.[round]}`, {
        method: "PATCH",
        headers: { apikey: platform.secretKey, "Content-Type": "application/json" },
        body: JSON.stringify({ source: `p${round}` }),
      });
      await response.body?.cancel();
      return response.status;
    };
    // Until PostgREST knows the tables, and its connections are warm.
    while (await patch("transactions", 0) !== 204 || await patch("bare_transactions", 0) !== 204);
    const patching = await measurePair(600, patch);
    const inserting = await measurePair(
      600,
      (table) =>
        host.unsafe(
          `insert into public.${table} (status, amount, currency, completed_at) values ('completed', 1, 'IDR', now())`,
          [],
          {
            prepare: true,
          },
        ),
    );
    const bulk = await measurePair(
      9,
      (table) =>
        host.unsafe(`insert into public.${table} (id, user_id, status, amount, currency, completed_at)
          select id, user_id, 'completed', 1, 'IDR', now() from public.new_sales`),
      async (table) => {
        await host.unsafe(`truncate public.${table} cascade`);
        await platform.sql`truncate fb_ads.conversion_events cascade`;
      },
    );
    const more = inserting.attached - inserting.bare;
    return [
      figure("an update that completes nothing", updating, 1.05),
      information(
        "the same through the Data API, as web apps write",
        `${milliseconds(patching.attached)} beside ${milliseconds(patching.bare)}: ×${
          (patching.attached / patching.bare).toFixed(2)
        }`,
      ),
      {
        name: "a completing insert, median",
        value: milliseconds(inserting.attached),
        baseline: milliseconds(inserting.bare),
        ratio: inserting.attached / inserting.bare,
        goal: "at most 1 ms more",
        ok: more <= 1,
      },
      figure("100,000 completed rows in one statement", bulk, 2),
    ];
  } finally {
    await host.end();
  }
}

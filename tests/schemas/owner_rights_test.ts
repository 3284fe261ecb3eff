/**
 * The attack on what runs with its owner's rights: a login role shadows the names of types, tables and views in its
 * `pg_temp`, and calls every such function and reads every view that a reader may read. None of its code runs as
 * another.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import postgres from "postgres";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { makeShop } from "../../scripts/dev/testing/shop_suite.ts";

const PASSWORD = "intruder";

/** Types that SQL finds by the search path; `integer` or `interval` are words of the grammar and need none. */
const SHADOWED_TYPES = [
  "text",
  "timestamptz",
  "timestamp",
  "jsonb",
  "json",
  "uuid",
  "date",
  "bytea",
  "name",
  "oid",
  "regclass",
  "int8",
  "int4",
  "float8",
  "bool",
];

/** A value of each type for a call that gets somewhere. */
const VALUES: Record<string, string> = {
  text: "'fb-sync-metadata'",
  jsonb: "'{}'",
  uuid: "'00000000-0000-4000-8000-000000000001'",
  int4: "1",
  int8: "1",
  bool: "true",
  timestamptz: "pg_catalog.now()",
  interval: "interval '1 day'",
  regclass: "'public.transactions'",
};

interface OwnerFunction {
  name: string;
  schema: string;
  types: string[];
  is_trigger: boolean;
}

/** Whoever logs in with every grant that a host may have given away; told of each function it ran as somebody else. */
async function openIntruder(platform: Platform) {
  const ran: string[] = [];
  const url = new URL(platform.hostDbUrl);
  url.username = "intruder";
  url.password = PASSWORD;
  const sql = postgres(url.href, {
    max: 1,
    onnotice: ({ message }) => {
      if (message?.startsWith("ran as")) ran.push(message);
    },
  });
  await sql.unsafe(`
    create function pg_temp.strike() returns pg_catalog.bool language plpgsql as $$
    begin
      if current_user <> session_user then raise warning 'ran as %', current_user; end if;
      return true;
    end;
    $$`);
  for (const type of SHADOWED_TYPES) {
    await sql.unsafe(`create domain pg_temp.${type} as pg_catalog.${type} check (pg_temp.strike())`);
  }
  for (const { name, columns } of await relations(platform)) {
    await sql.unsafe(`create view pg_temp.${name} as select ${columns} where pg_temp.strike()`);
  }
  return { sql, ran, [Symbol.asyncDispose]: () => sql.end() };
}

/** Our tables and views by their bare names, with a select list of the same shape. */
async function relations({ sql }: Platform): Promise<{ name: string; columns: string }[]> {
  const rows = await sql<{ name: string; columns: string }[]>`
    select distinct on (class.relname) quote_ident(class.relname) as name, (
      select string_agg(
        format('null::%I.%I as %I', type_schema.nspname, type.typname, attribute.attname), ', ' order by attribute.attnum
      )
      from pg_attribute as attribute
      join pg_type as type on type.oid = attribute.atttypid
      join pg_namespace as type_schema on type_schema.oid = type.typnamespace
      where attribute.attrelid = class.oid and attribute.attnum > 0 and not attribute.attisdropped
    ) as columns
    from pg_class as class
    where class.relnamespace in ('fb_ads'::regnamespace, 'public'::regnamespace) and class.relkind in ('r', 'v')
    order by class.relname`;
  return [...rows];
}

async function ownerFunctions({ sql }: Platform): Promise<OwnerFunction[]> {
  const rows = await sql<OwnerFunction[]>`
    select function.proname as name, schema.nspname as schema, function.prorettype = 'trigger'::regtype as is_trigger,
      array(
        select type.typname::text from unnest(function.proargtypes) with ordinality as argument (type_id, place)
        join pg_type as type on type.oid = argument.type_id order by argument.place
      ) as types
    from pg_proc as function join pg_namespace as schema on schema.oid = function.pronamespace
    where function.prosecdef and schema.nspname in ('fb_ads', 'public')
    order by 1`;
  return [...rows];
}

const literal = (type: string) =>
  type.startsWith("_") ? `'{}'::pg_catalog.${type}` : `${VALUES[type]}::pg_catalog.${type}`;

/** Calls a function with nulls and with values. Returns what the database said against it, by SQLSTATE. */
async function call(sql: postgres.Sql, { schema, name, types }: OwnerFunction): Promise<(string | null)[]> {
  const outcomes: (string | null)[] = [];
  for (const values of [types.map((type) => `null::pg_catalog.${type}`), types.map(literal)]) {
    outcomes.push(
      await sql.unsafe(`select * from ${schema}.${name}(${values.join(", ")})`).then(
        () => null,
        (error) => error instanceof postgres.PostgresError ? error.code : String(error),
      ),
    );
  }
  return outcomes;
}

Deno.test("nobody's code runs with the owner's rights", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  await makeShop(platform);
  await platform.sql.unsafe(`
    create role intruder login password '${PASSWORD}';
    grant fb_ads_reader to intruder;
    grant usage on schema fb_ads, public to intruder;
    grant select, insert, update on public.transactions to intruder;
    grant temporary on database postgres to intruder;
    set role postgres;
    create schema careless;
    grant usage on schema careless to intruder;
    create function careless.read_type() returns pg_catalog.bool language plpgsql security definer set search_path = '' as
      $$ declare given text := 'x'; begin return given is null; end; $$;
    create function careless.read_table() returns pg_catalog.int8 language plpgsql security definer
      set search_path = public as $$ begin return (select count(*) from settings); end; $$;
    reset role;
  `);
  const functions = await ownerFunctions(platform);
  for (const { schema, name } of functions) {
    await platform.sql.unsafe(`grant execute on function ${schema}.${name} to intruder`);
  }

  await t.step("the attack works on careless functions", async () => {
    await using intruder = await openIntruder(platform);
    await intruder.sql`select careless.read_type()`;
    assertEquals(new Set(intruder.ran), new Set(["ran as postgres"]));
    intruder.ran.length = 0;
    await intruder.sql`select careless.read_table()`;
    assertEquals(new Set(intruder.ran), new Set(["ran as postgres"]));
  });

  assert(functions.length >= 10, "the catalogue names the functions");
  for (const owned of functions.filter(({ is_trigger }) => !is_trigger)) {
    await t.step(`${owned.schema}.${owned.name}`, async () => {
      await using intruder = await openIntruder(platform);
      const outcomes = await call(intruder.sql, owned);
      // Not found, or not allowed: then the attack was not played.
      assertEquals(outcomes.filter((code) => code === "42883" || code === "42501"), []);
      assertEquals(intruder.ran, []);
    });
  }

  for (const { schema, name } of functions.filter(({ is_trigger }) => is_trigger)) {
    await t.step(`${schema}.${name}, by its trigger`, async () => {
      const tables = await platform.sql`select tgrelid::regclass::text as host_table from pg_trigger
        where tgfoid = ${`${schema}.${name}`}::regproc`;
      assertEquals([...new Set(tables.map((row) => row.host_table))], ["transactions"]);
      await using intruder = await openIntruder(platform);
      await intruder.sql`insert into public.transactions (status, completed_at) values ('completed', pg_catalog.now())`;
      await intruder.sql`update public.transactions set status = 'completed', amount = 1`;
      assertEquals(intruder.ran, []);
      assertEquals((await platform.sql`select from fb_ads.conversion_events where state = 'waiting'`).length > 0, true);
    });
  }

  const views = await platform.sql`select schema.nspname || '.' || class.relname as name
    from pg_class as class join pg_namespace as schema on schema.oid = class.relnamespace
    where schema.nspname in ('fb_ads', 'public') and class.relkind = 'v'
      and has_table_privilege('fb_ads_reader', class.oid, 'select') order by 1`;
  assert(views.length >= 5, "the reader may read views");
  for (const { name } of views) {
    await t.step(`${name}, read by a reader`, async () => {
      await using intruder = await openIntruder(platform);
      await intruder.sql.unsafe(`select * from ${name}`);
      assertEquals(intruder.ran, []);
    });
  }
});

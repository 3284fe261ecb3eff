/**
 * The rules that every table, function and view of the suite keeps, asked of the catalogue.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";

/** What belongs to the suite: everything in `fb_ads`, and what the migrations made in `public`. */
const OURS = `
  select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.reloptions
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('fb_ads', 'public') and c.relkind in ('r', 'v', 'p', 'm')`;

const RULES: [string, string][] = [
  [
    "every table has row level security",
    `select nspname || '.' || relname as found from (${OURS}) t where relkind in ('r', 'p') and not relrowsecurity`,
  ],
  [
    "every table has a primary key",
    `select nspname || '.' || relname as found from (${OURS}) t where relkind in ('r', 'p')
     and not exists (select from pg_constraint k where k.conrelid = t.oid and k.contype = 'p')`,
  ],
  [
    "every table and view says what it is",
    `select nspname || '.' || relname as found from (${OURS}) t where obj_description(t.oid, 'pg_class') is null`,
  ],
  [
    "every column says what it holds",
    `select t.nspname || '.' || t.relname || '.' || a.attname as found
     from (${OURS}) t join pg_attribute a on a.attrelid = t.oid
     where a.attnum > 0 and not a.attisdropped and col_description(t.oid, a.attnum) is null`,
  ],
  [
    "every view runs with its caller's rights",
    `select nspname || '.' || relname as found from (${OURS}) t where relkind = 'v'
     and not coalesce(reloptions @> array['security_invoker=true'], false)`,
  ],
  [
    "every function looks in pg_catalog and, last, in pg_temp",
    `select p.oid::regprocedure::text as found from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('fb_ads', 'public')
       and 'search_path=pg_catalog, pg_temp' <> all (coalesce(p.proconfig, '{}'))`,
  ],
  [
    "every function says what it does",
    `select p.oid::regprocedure::text as found from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('fb_ads', 'public') and obj_description(p.oid, 'pg_proc') is null`,
  ],
  [
    "no function is executable by everyone, anon or authenticated",
    `select p.oid::regprocedure::text as found from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('fb_ads', 'public')
       and (has_function_privilege('anon', p.oid, 'execute')
         or has_function_privilege('authenticated', p.oid, 'execute'))`,
  ],
  [
    "no table or view gives anything to anon or authenticated",
    `select nspname || '.' || relname as found from (${OURS}) t
     where has_table_privilege('anon', t.oid, 'select, insert, update, delete')
       or has_table_privilege('authenticated', t.oid, 'select, insert, update, delete')`,
  ],
  [
    "no policy speaks of anon or authenticated",
    `select schemaname || '.' || tablename as found from pg_policies
     where roles && array['anon', 'authenticated', 'public']::name[] and schemaname in ('public', 'fb_ads')`,
  ],
  [
    "every foreign key has an index",
    `select k.conrelid::regclass::text || ' ' || k.conname as found from pg_constraint k
     join (${OURS}) t on t.oid = k.conrelid
     where k.contype = 'f' and not exists (
       select from pg_index i where i.indrelid = k.conrelid and i.indpred is null
         and (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey)`,
  ],
  [
    "every id of Meta's, a day's ads and the time of an attribution have an index",
    `select wanted.found from (
       select t.oid, t.relname || ' ' || a.attname as found, a.attname::text || '%' as columns
       from (${OURS}) t join pg_attribute a on a.attrelid = t.oid and a.attname ~ '^fb_[a-z]+_id$'
       where t.nspname = 'public' and t.relkind = 'r'
       union all
       select 'public.ad_spend'::regclass, 'ad_spend date, ad_id', 'date, ad_id%'
       union all
       select 'public.ad_spend'::regclass, 'ad_spend account_id, date', 'account_id, date%'
       union all
       select 'public.ad_attributions'::regclass, 'ad_attributions event_time', 'event_time%'
     ) wanted
     where not exists (
       select from pg_index i where i.indrelid = wanted.oid and i.indpred is null
         and pg_get_indexdef(i.indexrelid) like '%(' || wanted.columns || ')')`,
  ],
  [
    "every RPC in public is named fb_<verb>_<object>",
    `select p.proname as found from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = 'public' and p.proname !~ '^fb_[a-z]+(_[a-z_]+)?$'`,
  ],
  [
    "what runs with its owner's rights is in fb_ads or for service_role alone",
    `select p.oid::regprocedure::text as found from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = 'public' and p.prosecdef
       and exists (select from aclexplode(p.proacl) a left join pg_roles r on r.oid = a.grantee
         where a.privilege_type = 'EXECUTE' and coalesce(r.rolname, 'public') not in ('postgres', 'service_role'))`,
  ],
];

/** The tables with the columns and types that the outside builds on. */
const PUBLIC_TABLES: Record<string, string> = {
  ad_accounts: "id uuid, fb_account_id text, name text, currency text, timezone_name text, status text, enabled " +
    "boolean, created_at timestamptz, updated_at timestamptz",
  ad_campaigns: "id uuid, account_id uuid, fb_campaign_id text, name text, objective text, status text, " +
    "effective_status text, start_time timestamptz, stop_time timestamptz, created_at timestamptz, " +
    "updated_at timestamptz",
  ad_adsets: "id uuid, account_id uuid, campaign_id uuid, fb_adset_id text, name text, status text, " +
    "effective_status text, daily_budget numeric, lifetime_budget numeric, targeting_summary text, " +
    "start_time timestamptz, stop_time timestamptz, created_at timestamptz, updated_at timestamptz",
  ad_ads: "id uuid, account_id uuid, adset_id uuid, fb_ad_id text, name text, status text, effective_status " +
    "text, creative_id text, creative_summary text, created_at timestamptz, updated_at timestamptz",
  ad_spend: "id uuid, date date, account_id uuid, campaign_id uuid, adset_id uuid, ad_id uuid, spend numeric, " +
    "impressions integer, clicks integer, currency text, created_at timestamptz",
  ad_attributions: "id uuid, user_id uuid, transaction_id uuid, campaign_id uuid, adset_id uuid, ad_id uuid, " +
    "conversion_event text, event_time timestamptz, conversion_value numeric, currency text, " +
    "source_platform text, fb_click_id text, created_at timestamptz, transaction_ref text, user_ref text",
};

Deno.test("the database keeps its rules", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  // The trigger function of a host's table is made when the table is attached, and keeps the rules too.
  await platform.sql.unsafe(`
    set role postgres;
    create table public.transactions (id uuid primary key, status text, created_at timestamptz);
    select fb_ads.attach_transactions('public.transactions');
    alter table public.transactions set schema extensions;
    reset role;`).simple();
  for (const [rule, query] of RULES) {
    await t.step(rule, async () => {
      const rows = await platform.sql.unsafe(query);
      assertEquals(rows.map((row) => String(row.found)).sort(), []);
    });
  }
  for (const [table, columns] of Object.entries(PUBLIC_TABLES)) {
    await t.step(`public.${table} has the columns of its contract`, async () => {
      const rows = await platform.sql`
        select
          a.attname || ' ' || replace(format_type(a.atttypid, null), 'timestamp with time zone', 'timestamptz') as found
        from pg_attribute a where a.attrelid = ${`public.${table}`}::regclass and a.attnum > 0 and not a.attisdropped`;
      const present = new Set([...rows].map((row) => row.found));
      assertEquals(columns.split(", ").filter((column) => !present.has(column)), []);
    });
  }
  await t.step("fb_ads_reader cannot log in and reads the ad tree and spend, not the machinery", async () => {
    const [role] = await platform.sql`
      select rolcanlogin, has_table_privilege('fb_ads_reader', 'public.ad_spend', 'select') as spend,
        has_table_privilege('fb_ads_reader', 'fb_ads.sync_jobs', 'select') as jobs,
        has_table_privilege('fb_ads_reader', 'public.ad_ads', 'insert') as writes
      from pg_roles where rolname = 'fb_ads_reader'`;
    assertEquals({ ...role }, { rolcanlogin: false, spend: true, jobs: false, writes: false });
  });
});

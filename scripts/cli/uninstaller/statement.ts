/**
 * The SQL that takes the suite out of a database: one transaction, which ends undone when anything of the host's
 * depends on the suite. It holds no secret, so it may be printed, kept and run by any client.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Payload } from "../installer/payload.ts";
import { readPublicNames } from "../installer/public_names.ts";

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
const list = (texts: readonly string[]) => `array[${texts.map(quote).join(", ")}]::text[]`;

/** A migration's text without what differs between a file and the CLI's record of its statements. */
function squeezedDigest(text: string): string {
  return createHash("md5").update(text.replaceAll(/[^A-Za-z0-9]/g, "")).digest("hex");
}

/**
 * Builds the SQL. `versions` are stamps of migrations known to be ours, beside those whose recorded text is that of the
 * payload; their rows of the migration history go, so that `supabase db push` works without our files.
 */
export function buildUninstallStatement(payload: Payload, versions: readonly string[] = []): string {
  const { relations, functions } = readPublicNames(payload.migrations);
  const digests = payload.migrations.map(({ text }) => squeezedDigest(text));
  return `begin;
set local lock_timeout = '5s';
set local client_min_messages = 'warning';

do $uninstall$
declare
  found text;
  given record;
begin
  if to_regnamespace('fb_ads') is null then
    raise exception 'the suite is not installed here: there is no schema fb_ads';
  end if;

  create temporary table fb_ads_relations on commit drop as
    select relation.oid
    from pg_catalog.pg_class as relation
    where relation.relnamespace = to_regnamespace('fb_ads')
      or (relation.relnamespace = to_regnamespace('public') and relation.relname = any (${list(relations)}));
  create temporary table fb_ads_functions on commit drop as
    select routine.oid
    from pg_catalog.pg_proc as routine
    where routine.pronamespace = to_regnamespace('fb_ads')
      or (routine.pronamespace = to_regnamespace('public') and routine.proname = any (${list(functions)}));

  select string_agg(distinct dependent.name, ', ')
  into found
  from (
    select 'view ' || rule.ev_class::regclass::text as name
    from pg_catalog.pg_depend as dependency
    join pg_catalog.pg_rewrite as rule on dependency.classid = 'pg_rewrite'::regclass and rule.oid = dependency.objid
    where (
        (dependency.refclassid = 'pg_class'::regclass and dependency.refobjid in (select oid from fb_ads_relations))
        or (dependency.refclassid = 'pg_proc'::regclass and dependency.refobjid in (select oid from fb_ads_functions))
      )
      and rule.ev_class not in (select oid from fb_ads_relations)
    union all
    select 'foreign key ' || reference.conname || ' of ' || reference.conrelid::regclass::text
    from pg_catalog.pg_constraint as reference
    where reference.contype = 'f'
      and reference.confrelid in (select oid from fb_ads_relations)
      and reference.conrelid not in (select oid from fb_ads_relations)
  ) as dependent;
  if found is not null then
    raise exception 'these objects of yours depend on the suite: %', found
      using hint = 'Drop or change them first; nothing was taken away.';
  end if;

  if to_regclass('cron.job') is not null then
    for given in select job.jobid from cron.job as job where job.jobname ~ '^fb-' and job.command ~ 'fb_ads\\.' loop
      delete from cron.job_run_details as run where run.jobid = given.jobid;
      perform cron.unschedule(given.jobid);
    end loop;
  end if;

  for given in
    select purchase_trigger.tgname, purchase_trigger.tgrelid::regclass::text as host_table
    from pg_catalog.pg_trigger as purchase_trigger
    where purchase_trigger.tgfoid in (select oid from fb_ads_functions)
      and purchase_trigger.tgrelid not in (select oid from fb_ads_relations)
      and not purchase_trigger.tgisinternal
  loop
    execute format('drop trigger %I on %s', given.tgname, given.host_table);
  end loop;

  if to_regclass('vault.secrets') is not null then
    delete from vault.secrets as secret
    where secret.name in (
      'meta_marketing_api_token', 'fb_ads_project_url', 'fb_ads_function_key', 'fb_ads_alert_webhook'
    )
      or secret.name ~ '^meta_(capi_access_token(_[0-9]+)?|(marketing|capi)_app_secret)$';
  end if;

  if to_regclass('supabase_migrations.schema_migrations') is not null then
    delete from supabase_migrations.schema_migrations as migration
    where migration.version = any (${list(versions)})
      or md5(regexp_replace(array_to_string(migration.statements, ''), '[^A-Za-z0-9]', '', 'g')) = any (${
    list(digests)
  });
  end if;

  for given in
    select relation.relname,
      case relation.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind
    from pg_catalog.pg_class as relation
    where relation.oid in (select oid from fb_ads_relations)
      and relation.relnamespace = to_regnamespace('public') and relation.relkind in ('r', 'p', 'v', 'm')
  loop
    execute format('drop %s if exists public.%I cascade', given.kind, given.relname);
  end loop;
  for given in
    select routine.oid::regprocedure::text as signature
    from pg_catalog.pg_proc as routine
    where routine.oid in (select oid from fb_ads_functions) and routine.pronamespace = to_regnamespace('public')
  loop
    execute format('drop function if exists %s cascade', given.signature);
  end loop;
  drop schema fb_ads cascade;

  for given in
    select role.rolname from pg_catalog.pg_roles as role where role.rolname in ('fb_ads_reader', 'fb_ads_monitor')
  loop
    -- What the host granted to the role besides goes with it; whoever may end a role may not always act as it.
    execute format('grant %I to %I', given.rolname, current_user);
    execute format('drop owned by %I', given.rolname);
    begin
      execute format('drop role %I', given.rolname);
    exception when dependent_objects_still_exist then
      -- The role belongs to the server: the suite is installed in another database too, and the role stays for it.
      null;
    end;
  end loop;
end;
$uninstall$;

commit;
`;
}

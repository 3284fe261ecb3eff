/**
 * A database as the suite finds it: emptied, and the migrations pushed to it.
 *
 * @module
 */

import { type CliResult, repositoryRoot, runSupabaseCli } from "../../scripts/supabase-local/mod.ts";

/** What `supabase db reset` takes out of a database that is not local: schemas, and what `public` holds; no roles. */
export const RESET = `
  drop schema fb_ads cascade;
  drop schema supabase_migrations cascade;
  do $$
  declare
    found record;
  begin
    for found in
      select format('public.%I', relname) as name, case relkind when 'v' then 'view' else 'table' end as kind
      from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')
      union all
      select oid::regprocedure::text, 'function' from pg_proc where pronamespace = 'public'::regnamespace
    loop
      execute format('drop %s if exists %s cascade', found.kind, found.name);
    end loop;
    perform cron.unschedule(jobid) from cron.job where username = 'postgres';
  end $$;`;

/** Pushes the migrations as an operator does. */
export function pushMigrations(databaseUrl: string): Promise<CliResult> {
  return runSupabaseCli(repositoryRoot, ["db", "push", "--yes", `--remote=${databaseUrl}`]);
}

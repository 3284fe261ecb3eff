/**
 * The beginning of the first migration: it looks for names of ours that the host has taken already, and names all of
 * them before anything is made. Written from the schema files, so that it cannot forget one.
 *
 * @module
 */

import type { PublicNames } from "../cli/installer/public_names.ts";

/** Names as a list of SQL literals, some a line. They are our own: letters, digits and underscores. */
function listNames(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const literal = `'${name}'`;
    const last = lines.at(-1);
    if (last !== undefined && last.length + literal.length < 114) lines[lines.length - 1] = `${last}, ${literal}`;
    else lines.push(literal);
  }
  return lines.join(",\n    ");
}

/** The statement. */
export function buildPreflight({ relations, functions }: PublicNames): string {
  return `-- Names that are taken
-- Why first: what the host has made stays as it is, and nothing half-installed is left.

do $$
declare
  relations text[] := array[
    ${listNames(relations)}
  ];
  functions text[] := array[
    ${listNames(functions)}
  ];
  taken text;
begin
  select string_agg(known.name, ', ' order by known.name)
  into taken
  from (
    select 'schema fb_ads' as name
    from pg_catalog.pg_namespace as namespace
    where namespace.nspname = 'fb_ads'
    union all
    select format(
      '%s public.%I',
      case relation.relkind
        when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'i' then 'index'
        when 'f' then 'foreign table' when 'c' then 'type' else 'table'
      end,
      relation.relname
    )
    from pg_catalog.pg_class as relation
    where relation.relnamespace = 'public'::regnamespace
      and relation.relname = any (relations)
    union all
    select format('type public.%I', type.typname)
    from pg_catalog.pg_type as type
    where type.typnamespace = 'public'::regnamespace and type.typrelid = 0
      and type.typname = any (relations)
    union all
    select format('function public.%I(%s)', routine.proname, pg_get_function_identity_arguments(routine.oid))
    from pg_catalog.pg_proc as routine
    where routine.pronamespace = 'public'::regnamespace
      and routine.proname = any (functions)
  ) as known;
  if taken is not null then
    raise exception 'the names of these are taken: %', taken
      using hint = 'Rename yours, or drop what an earlier installation left, and push the migrations again. '
        'Nothing was made or changed.';
  end if;
end;
$$;
`;
}

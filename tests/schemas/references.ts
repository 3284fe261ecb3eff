/**
 * Which function and view of ours needs which object of ours, as the catalogue says.
 *
 * @module
 */

import type { Sql } from "../../scripts/supabase-local/mod.ts";

/** A table, view, type or function of `fb_ads` or `public`. */
export interface DatabaseObject {
  kind: "function" | "relation";
  /** Whether a function runs with its owner's rights. */
  is_definer: boolean;
  /** Qualified names of the objects that it names or is made over. */
  references: Set<string>;
}

/** Functions with their source, and views with what the catalogue says they depend on. */
const OBJECTS = `
  select n.nspname || '.' || p.proname as name, 'function' as kind, p.prosecdef as is_definer, p.prosrc as source,
    array[]::text[] as needs
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('fb_ads', 'public')
  union all
  select n.nspname || '.' || c.relname, 'relation', false, '', array(
    select distinct rn.nspname || '.' || coalesce(rc.relname, rp.proname)
    from pg_rewrite r
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    left join pg_class rc on d.refclassid = 'pg_class'::regclass and rc.oid = d.refobjid
    left join pg_proc rp on d.refclassid = 'pg_proc'::regclass and rp.oid = d.refobjid
    join pg_namespace rn on rn.oid = coalesce(rc.relnamespace, rp.pronamespace)
    where r.ev_class = c.oid and coalesce(rc.oid, rp.oid) <> c.oid
  )
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('fb_ads', 'public') and c.relkind in ('r', 'v', 'c')`;

/** Messages and comments speak of objects without needing them. */
function namesIn(source: string): string[] {
  const code = source.replaceAll(/'(?:[^']|'')*'|--[^\n]*/g, "");
  return [...code.matchAll(/\b(?:fb_ads|public)\.[a-z_0-9]+/g)].map(([name]) => name);
}

/** Reads every object by its qualified name. */
export async function readObjects(sql: Sql): Promise<Map<string, DatabaseObject>> {
  const rows = await sql.unsafe<
    { name: string; kind: DatabaseObject["kind"]; is_definer: boolean; source: string; needs: string[] }[]
  >(OBJECTS);
  const known = new Set(rows.map(({ name }) => name));
  return new Map(rows.map(({ name, kind, is_definer, source, needs }) => {
    const references = [...namesIn(source), ...needs].filter((other) => known.has(other) && other !== name);
    return [name, { kind, is_definer, references: new Set(references) }];
  }));
}

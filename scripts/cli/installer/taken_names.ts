/**
 * Names of the suite that the host has taken already. Found in the text of the host's migrations before anything is
 * written; what text cannot tell, the first migration finds in the database.
 *
 * @module
 */

import type { PublicNames } from "./public_names.ts";

/** A migration of the host's. */
export interface HostMigration {
  /** Its file name; migrations apply in the order of their names. */
  name: string;
  /** Its SQL. */
  text: string;
}

/** A name that is taken, and by what. */
export interface TakenName {
  /** What the host calls so, e.g. `table public.ad_campaigns`. */
  what: string;
  /** The migration that makes it. */
  migration: string;
}

/** Comments, bodies and texts, in which a statement is no statement. */
const NO_STATEMENT = /--.*$|\/\*[^]*?\*\/|(\$\w*\$)[^]*?\1|'(?:[^']|'')*'/gm;
const NAME = String.raw`((?:"[^"]+"|\w+)(?:\s*\.\s*(?:"[^"]+"|\w+))?)`;
const RELATION = String.raw`(?:foreign\s+table|materialized\s+view|table|view|sequence|type|domain)`;
const STATEMENT = new RegExp(
  [
    String
      .raw`\bcreate\s+(?:or\s+replace\s+)?(?:unlogged\s+|recursive\s+)?(?<made>${RELATION}|function|procedure|schema)` +
    String.raw`\s+(?:if\s+not\s+exists\s+)?(?<making>${NAME})`,
    String
      .raw`\bdrop\s+(?<gone>${RELATION}|function|procedure|schema)\s+(?:if\s+exists\s+)?(?<going>${NAME}(?:\s*,\s*${NAME})*)`,
    String.raw`\balter\s+(?<old>${RELATION})\s+(?:if\s+exists\s+)?(?:only\s+)?(?<from>${NAME})\s+` +
    String.raw`(?:rename\s+to\s+(?<to>"[^"]+"|\w+)|set\s+schema\s+(?<into>"[^"]+"|\w+))`,
  ].join("|"),
  "gi",
);

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1) : name.toLowerCase();
}

/** `schema.name`; a name alone is in `public`, where migrations work. */
function qualify(name: string): string {
  const parts = (name.match(/"[^"]+"|\w+/g) ?? []).map(unquote);
  return parts.length === 1 ? `public.${parts[0]}` : parts.join(".");
}

/** Tables and the like share their names, with types too, for a table makes one; functions have their own. */
function keyOf(kind: string, name: string): string {
  if (/schema/i.test(kind)) return `schema ${unquote(name)}`;
  return `${/function|procedure/i.test(kind) ? "function" : "relation"} ${qualify(name)}`;
}

/** Follows the host's migrations in their order: what they make, rename and drop. */
function readHostNames(migrations: readonly HostMigration[]): Map<string, TakenName> {
  const names = new Map<string, TakenName>();
  for (const { name: migration, text } of [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const { groups = {} } of text.replace(NO_STATEMENT, " ").matchAll(STATEMENT)) {
      const { made, making, gone, going, old, from, to, into } = groups;
      const add = (kind: string, name: string) => {
        const label = /schema/i.test(kind) ? unquote(name) : qualify(name);
        names.set(keyOf(kind, name), { what: `${kind.toLowerCase()} ${label}`, migration });
      };
      if (made && making) add(made, making);
      if (gone && going) { for (const name of going.split(",")) names.delete(keyOf(gone, name.trim())); }
      if (!old || !from) continue;
      names.delete(keyOf(old, from));
      const [schema, name] = qualify(from).split(".");
      add(old, to ? `"${schema}".${to}` : `${into}."${name}"`);
    }
  }
  return names;
}

/** Finds every name of ours that the host's migrations leave taken. */
export function findTakenNames(
  { relations, functions }: PublicNames,
  migrations: readonly HostMigration[],
): TakenName[] {
  const taken = readHostNames(migrations);
  const ours = [
    "schema fb_ads",
    ...relations.map((name) => `relation public.${name}`),
    ...functions.map((name) => `function public.${name}`),
  ];
  return ours.flatMap((key) => taken.get(key) ?? []);
}

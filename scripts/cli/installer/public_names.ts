/**
 * The names that the suite's migrations take in `public`, read from their text.
 *
 * @module
 */

/** Names in `public`; a table and a view cannot have the same one, a table and a function can. */
export interface PublicNames {
  /** Tables and views. */
  relations: string[];
  /** Functions. */
  functions: string[];
}

/** Reads them from our own migrations, whose form is known. */
export function readPublicNames(migrations: readonly { text: string }[]): PublicNames {
  const namesAfter = (statement: RegExp) =>
    [...new Set(migrations.flatMap(({ text }) => [...text.matchAll(statement)].map(([, name = ""]) => name)))].sort();
  return {
    relations: namesAfter(/^create (?:or replace )?(?:table|view|materialized view) public\.(\w+)/gm),
    functions: namesAfter(/^create (?:or replace )?function public\.(\w+)/gm),
  };
}

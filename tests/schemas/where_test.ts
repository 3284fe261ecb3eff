/**
 * No statement of ours, and none that a guide or an alert tells people to run, changes a whole table by omission:
 * pg-safeupdate, which hosted projects load, refuses an update or delete without a condition.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

/**
 * An update or delete that has no `where` before its end: the end of the statement, of its parenthesis, or of a text.
 */
export function unconditional(sql: string): string[] {
  const found: string[] = [];
  for (
    const match of sql.matchAll(
      /(?<!\b(?:do|for|on|no key)\s+)\b(?:update\s+[\w".]+(?:\s+as\s+\w+)?\s+set|delete\s+from)\b/gi,
    )
  ) {
    const statement = untilEnd(sql.slice(match.index));
    if (!/\bwhere\b/i.test(withoutParentheses(statement))) found.push(statement.replace(/\s+/g, " ").slice(0, 100));
  }
  return found;
}

/** The text up to a semicolon or a closing parenthesis of its own level. */
function untilEnd(text: string): string {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === "(") depth++;
    if (character === ")" && --depth < 0) return text.slice(0, index);
    if (character === ";" && depth === 0) return text.slice(0, index);
  }
  return text;
}

function withoutParentheses(text: string): string {
  const shorter = text.replace(/\([^()]*\)/g, " ");
  return shorter === text ? text : withoutParentheses(shorter);
}

async function* textsOf(directory: string, suffix: string): AsyncGenerator<[path: string, text: string]> {
  for await (const entry of Deno.readDir(`${repositoryRoot}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) yield* textsOf(path, suffix);
    else if (path.endsWith(suffix)) yield [path, await Deno.readTextFile(`${repositoryRoot}/${path}`)];
  }
}

Deno.test("unconditional() sees what has no condition of its own", () => {
  for (
    const [sql, count] of [
      ["update a set b = 1;", 1],
      ["update a set b = 1 where c;", 0],
      ["update a as x set b = (select 1 from d where e);", 1],
      ["with gone as (delete from a returning 1) select from b where c;", 1],
      ["insert into a values (1) on conflict (b) do update set c = 1;", 0],
      ["select from a for update; delete from a using b where a.c = b.c", 0],
    ] as const
  ) assertEquals(unconditional(sql).length, count, sql);
});

Deno.test("every update and delete of the schemas, the commands and the guides has a where", async () => {
  const found: string[] = [];
  const look = (path: string, text: string) => found.push(...unconditional(text).map((at) => `${path}: ${at}`));
  for await (const [path, text] of textsOf("supabase", ".sql")) look(path, text);
  for await (const [path, text] of textsOf("scripts/cli", ".ts")) look(path, text);
  for await (const [path, text] of textsOf("shared", ".ts")) look(path, text);
  for await (const [path, text] of textsOf("docs", ".md")) look(path, text);
  look("README.md", await Deno.readTextFile(`${repositoryRoot}/README.md`));
  assertEquals(found, []);
});

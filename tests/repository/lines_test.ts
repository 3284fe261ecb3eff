/**
 * No line of SQL and no comment is longer than 120 characters. No formatter breaks these, so a test holds it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

const LIMIT = 120;
const COMMENT = /^\s*(?:\/\/|\/\*\*|\*)/;

function findLongLines(directory: string, suffix: string, isMeant: (line: string) => boolean): string[] {
  return [...Deno.readDirSync(join(repositoryRoot, directory))].flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) return findLongLines(path, suffix, isMeant);
    if (!entry.name.endsWith(suffix)) return [];
    return Deno.readTextFileSync(join(repositoryRoot, path)).split("\n")
      .flatMap((line, index) => line.length > LIMIT && isMeant(line) ? [`${path}:${index + 1}`] : []);
  });
}

Deno.test("no line of SQL is longer than 120 characters", () => {
  assertEquals(["scripts", "supabase", "tests"].flatMap((folder) => findLongLines(folder, ".sql", () => true)), []);
});

Deno.test("no comment in TypeScript is longer than 120 characters", () => {
  const isComment = (line: string) => COMMENT.test(line);
  assertEquals(
    ["scripts", "shared", "supabase", "tests"].flatMap((folder) => findLongLines(folder, ".ts", isComment)),
    [],
  );
});

/**
 * No line of SQL is longer than 120 characters: no formatter fits, so a test holds it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

const LIMIT = 120;

function findLongLines(directory: string): string[] {
  return [...Deno.readDirSync(join(repositoryRoot, directory))].flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) return findLongLines(path);
    if (!entry.name.endsWith(".sql")) return [];
    return Deno.readTextFileSync(join(repositoryRoot, path)).split("\n")
      .flatMap((line, index) => line.length > LIMIT ? [`${path}:${index + 1}`] : []);
  });
}

Deno.test("no line of SQL is longer than 120 characters", () => {
  assertEquals(["scripts", "supabase", "tests"].flatMap(findLongLines), []);
});

/**
 * The security page: each row and each point names the tests that hold it, and those tests are there.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

const NAMED_TEST = /\[`([^`]+_test\.ts)`\]/g;

/** Points with the lines that go on with them, and rows of tables without their heads. */
function claimsOf(page: string): string[] {
  const claims: string[] = [];
  const lines = page.split("\n");
  for (const [index, line] of lines.entries()) {
    const isHead = /^\|[-|]+\|$/.test(line) || /^\|[-|]+\|$/.test(lines[index + 1] ?? "");
    if (line.startsWith("- ") || (line.startsWith("| ") && !isHead)) claims.push(line);
    else if (line.startsWith("  ") && claims.length > 0) claims.push(`${claims.pop()} ${line.trim()}`);
  }
  return claims;
}

Deno.test("docs/security.md names for each claim the tests that hold it", () => {
  const claims = claimsOf(Deno.readTextFileSync(`${repositoryRoot}/docs/security.md`));
  assert(claims.length > 20, `${claims.length} claims`);
  assertEquals(claims.filter((claim) => [...claim.matchAll(NAMED_TEST)].length === 0), []);
  const named = claims.flatMap((claim) => [...claim.matchAll(NAMED_TEST)].map(([, path]) => path ?? ""));
  const missing = named.filter((path) => {
    try {
      return !Deno.statSync(`${repositoryRoot}/${path}`).isFile;
    } catch {
      return true;
    }
  });
  assertEquals(missing, []);
});

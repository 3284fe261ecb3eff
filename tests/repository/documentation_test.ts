/**
 * What a module exports says what it is: `deno doc --lint` over the deployed modules and the scripts. Of its findings
 * the missing sentences count; that an inferred zod type is nameless does not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

/** Declarations of somebody else's modules; three names of one declaration; parts of a bench; tests. */
const LEFT_OUT = /^scripts\/std\/|^shared\/browser\/web_page\.ts|^scripts\/dev\/(bench|testing)\/|\/tests\//;

function* modulesBelow(directory: string): Generator<string> {
  for (const entry of Deno.readDirSync(`${repositoryRoot}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) yield* modulesBelow(path);
    else if (path.endsWith(".ts") && !LEFT_OUT.test(path)) yield path;
  }
}

Deno.test("everything that shared/ and scripts/ export has a sentence", async () => {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...modulesBelow("shared"), ...modulesBelow("scripts")],
    cwd: repositoryRoot,
    env: { NO_COLOR: "1" },
  }).output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  const missing = [...text.matchAll(/^error\[missing-jsdoc\].*\n\s*--> (.+):\d+$/gm)]
    .map(([, place]) => place?.replace(`${repositoryRoot}/`, "") ?? "")
    .filter((place) => !LEFT_OUT.test(place));
  assertEquals(missing, []);
});

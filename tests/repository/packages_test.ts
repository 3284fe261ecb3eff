/**
 * What may import what, beyond the functions: the commands stand alone, the local platform and the emulator are
 * packages of their own, and tests are imported by tests alone.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import { codeOf, type Import, importsOf, sourcesBelow } from "./import_graph.ts";

const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
  Deno.readTextFileSync(`${repositoryRoot}/package.json`),
);

function packageOf(specifier: string): string {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Imports of the files below a folder that are not allowed, as `file imports what`. */
function wrongImports(folder: string, isAllowed: (imported: Import) => boolean): string[] {
  return sourcesBelow(folder).flatMap(importsOf).filter((imported) => !isAllowed(imported))
    .map(({ from, file, specifier }) => `${from} imports ${file ?? specifier}`);
}

Deno.test("the commands import themselves, `shared`, Node, the standard library and what npm installs with the package", () => {
  const wrong = wrongImports(
    "scripts/cli",
    ({ file, specifier }) =>
      file === null
        ? specifier.startsWith("node:") || specifier.startsWith("@std/") || packageOf(specifier) in dependencies
        : file.startsWith("scripts/cli/") || file.startsWith("shared/"),
  );
  assertEquals(wrong, []);
});

Deno.test("the commands run on Node too, which knows no `Deno`", () => {
  assertEquals(sourcesBelow("scripts/cli").filter((file) => /(?<![.\w])Deno\./.test(codeOf(file))), []);
});

Deno.test("nothing outside tests/ imports tests/", () => {
  const wrong = ["scripts", "shared", "supabase/functions"].flatMap((folder) =>
    wrongImports(folder, ({ file }) => !file?.startsWith("tests/"))
  );
  assertEquals(wrong, []);
});

for (const folder of ["scripts/supabase-local"]) {
  Deno.test(`${folder} imports nothing of this repository but itself`, () => {
    assertEquals(wrongImports(folder, ({ file }) => file === null || file.startsWith(`${folder}/`)), []);
  });
}

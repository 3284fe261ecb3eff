/**
 * Packages inside the repository, fit to be published by themselves: they import nothing from outside, others reach
 * them by their interface alone, and the interface is complete.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import { importsOf, sourcesBelow } from "./import_graph.ts";

/** Folder, and what of it others may import. */
const PACKAGES: [folder: string, open: RegExp][] = [
  ["scripts/meta-emulator", /^scripts\/meta-emulator\/(mod\.ts|cases\/\w+\.json)$/],
];
const PUBLISHED = /^(node:|@std\/|npm:|facebook-nodejs-business-sdk$)/;

for (const [folder, open] of PACKAGES) {
  const own = sourcesBelow(folder, true);
  const imports = ["scripts", "shared", "supabase/functions", "tests"].flatMap((root) => sourcesBelow(root, true))
    .flatMap(importsOf);

  Deno.test(`${folder} imports nothing from outside itself`, () => {
    assert(own.length > 10);
    const wrong = imports.filter(({ from, file, specifier }) =>
      from.startsWith(`${folder}/`) && (file === null ? !PUBLISHED.test(specifier) : !file.startsWith(`${folder}/`))
    );
    assertEquals(wrong.map(({ from, specifier }) => `${from} imports ${specifier}`), []);
  });

  Deno.test(`${folder} is imported by its interface alone`, () => {
    const wrong = imports.filter(({ from, file }) =>
      file !== null && file.startsWith(`${folder}/`) && !from.startsWith(`${folder}/`) && !open.test(file)
    );
    assertEquals(wrong.map(({ from, file }) => `${from} imports ${file}`), []);
  });

  Deno.test(`${folder} exports every type that its interface speaks of`, async () => {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--lint", `${folder}/mod.ts`],
      cwd: repositoryRoot,
      env: { NO_COLOR: "1" },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  });
}

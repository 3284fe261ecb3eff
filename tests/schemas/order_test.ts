/**
 * The order of the schema files: each needs only itself and earlier ones, so no two files need each other.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { DATA_FILE, listSchemaFiles } from "../../scripts/dev/baseline.ts";
import { repositoryRoot, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { readObjects } from "./references.ts";

const SUPABASE = join(repositoryRoot, "supabase");

function listFiles(directory: string): string[] {
  return [...Deno.readDirSync(join(SUPABASE, directory))].flatMap((entry) =>
    entry.isDirectory ? listFiles(`${directory}/${entry.name}`) : [`${directory}/${entry.name}`]
  );
}

/** Qualified name of each object → place of the file that makes it. */
function findPlaces(files: string[]): Map<string, number> {
  const made = /^create (?:unlogged )?(?:table|view|type|function) ((?:fb_ads|public)\.\w+)/gm;
  return new Map(
    files.flatMap((file, place) =>
      [...Deno.readTextFileSync(join(SUPABASE, file)).matchAll(made)].map(([, name]): [string, number] => [
        name ?? "",
        place,
      ])
    ),
  );
}

Deno.test("`schema_paths` names every schema file once", () => {
  assertEquals([...listSchemaFiles(), DATA_FILE].sort(), listFiles("schemas").sort());
});

Deno.test("a schema file needs only itself and earlier ones", async () => {
  await using platform = await startPlatform({ schedule: false });
  const files = listSchemaFiles();
  const places = findPlaces(files);
  const objects = await readObjects(platform.sql);
  assertEquals([...objects.keys()].filter((name) => !places.has(name)), [], "no file makes these");
  const later: string[] = [];
  for (const [name, { references }] of objects) {
    const place = places.get(name) ?? -1;
    for (const other of references) {
      if ((places.get(other) ?? -1) > place) later.push(`${files[place]}: ${name} needs ${other}`);
    }
  }
  assertEquals(later, []);
});

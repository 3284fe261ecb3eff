/**
 * One version of every dependency: the functions' import maps, the repository's and package.json agree, and each
 * function names what it reaches, for nothing but its own import map is deployed with it. One version of the Graph API
 * too.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import { listFunctions } from "../../scripts/supabase-local/functions.ts";
import { DEFAULT_API_VERSION } from "../../shared/edge/config.ts";
import { importsOf, reachedFrom } from "./import_graph.ts";

function importsIn(path: string): Record<string, string> {
  const config: { imports?: Record<string, string> } = JSON.parse(Deno.readTextFileSync(`${repositoryRoot}/${path}`));
  return config.imports ?? {};
}

function pinsIn(imports: Record<string, string>): [string, string][] {
  return Object.values(imports).filter((target) => target.startsWith("npm:")).map((target) => {
    const found = /^npm:\/?((?:@[^/]+\/)?[^@/]+)@([^/]+)/.exec(target);
    return [found?.[1] ?? target, found?.[2] ?? "none"];
  });
}

const described: Record<"dependencies" | "devDependencies", Record<string, string>> = JSON.parse(
  Deno.readTextFileSync(`${repositoryRoot}/package.json`),
);
const wanted: Record<string, string> = { ...described.dependencies, ...described.devDependencies };

Deno.test("every pin of every deno.json is exact and is the version of package.json", () => {
  const files = ["deno.json", ...listFunctions(repositoryRoot).map((slug) => `supabase/functions/${slug}/deno.json`)];
  for (const file of files) {
    const pins = pinsIn(importsIn(file));
    assert(pins.length > 0 || file !== "deno.json", file);
    for (const [name, version] of pins) {
      assertMatch(version, /^\d+\.\d+\.\d+$/, `${file}: ${name}`);
      assertEquals(version, wanted[name], `${file}: ${name}`);
    }
  }
});

Deno.test("package.json has exact versions, and the lock file names no registry", () => {
  for (const [name, version] of Object.entries(wanted)) {
    assertMatch(version, /^(npm:[a-z-]+@)?\d+\.\d+\.\d+(-[a-z0-9.]+)?$/, name);
  }
  assert(!Deno.readTextFileSync(`${repositoryRoot}/package-lock.json`).includes('"resolved"'));
});

Deno.test("each function's deno.json names every package that the function reaches", () => {
  for (const slug of listFunctions(repositoryRoot)) {
    const imports = importsIn(`supabase/functions/${slug}/deno.json`);
    for (const file of reachedFrom(`supabase/functions/${slug}/index.ts`)) {
      for (const { specifier, file: target } of importsOf(file)) {
        if (target !== null || specifier.startsWith("node:")) continue;
        const named = Object.keys(imports).some((name) =>
          name === specifier || (name.endsWith("/") && specifier.startsWith(name))
        );
        assert(named, `${slug}: ${specifier}, imported by ${file}, is not in its deno.json`);
      }
    }
  }
});

function* textsBelow(directory: string): Generator<string> {
  for (const entry of Deno.readDirSync(`${repositoryRoot}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) yield* textsBelow(path);
    else if (/\.(ts|mjs|sql|md|toml)$/.test(entry.name)) yield path;
  }
}

Deno.test("one constant names the version of the Graph API, and the README gives its value", () => {
  const texts = [
    "README.md",
    ...["docs", "shared", "supabase", "scripts"].flatMap((folder) => [...textsBelow(folder)]),
  ];
  const named = texts.filter((path) => !path.startsWith("scripts/meta-emulator/")).flatMap((path) =>
    [...Deno.readTextFileSync(`${repositoryRoot}/${path}`).matchAll(/\bv\d{2}\.0\b/g)].map((
      [version],
    ) => [path, version])
  );
  assertEquals(named, [
    ["README.md", DEFAULT_API_VERSION],
    ["README.md", DEFAULT_API_VERSION],
    ["shared/edge/config.ts", DEFAULT_API_VERSION],
  ]);
});

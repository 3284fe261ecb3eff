/**
 * Rules of form that a formatter does not know: files that can be read at one go, each opening with what it is for, and
 * no trace of the machine that it was written on.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

const MOST_LINES = 300;
const CODE = /\.(ts|mjs|js|sql|css|html)$/;
/** Written from the schema files. */
const GENERATED = /^supabase\/migrations\//;
/** A home, or a user's or a build's directory. */
const MACHINE_PATH = /(^|[\s"'`(=])\/(home|Users|root|work|workspace)\/[a-z]/m;

function* filesBelow(directory: string): Generator<string> {
  for (const entry of Deno.readDirSync(`${repositoryRoot}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory && !entry.name.startsWith(".")) yield* filesBelow(path);
    else if (entry.isFile && !GENERATED.test(path)) yield path;
  }
}

const FOLDERS = [".ci", "docs", "scripts", "shared", "supabase", "tests"];
const FILES = [
  "README.md",
  "CHANGELOG.md",
  "deno.json",
  "package.json",
  ...FOLDERS.flatMap((folder) => [...filesBelow(folder)]),
].filter((path) => !path.endsWith(".png"));
const read = (path: string) => Deno.readTextFileSync(`${repositoryRoot}/${path}`);

Deno.test("no file of code is longer than 300 lines", () => {
  const long = FILES.filter((path) => CODE.test(path) && read(path).split("\n").length - 1 > MOST_LINES);
  assertEquals(long, []);
});

Deno.test("every module opens with what it is for", () => {
  const silent = FILES.filter((path) => /(?<!\.d)\.ts$/.test(path) && !/^\/\*\*[^]*?@module\n \*\//.test(read(path)));
  assertEquals(silent, []);
});

Deno.test("no file names a place on somebody's machine", () => {
  assertEquals(FILES.filter((path) => MACHINE_PATH.test(read(path))), []);
});

Deno.test("every path that the documentation names is there", () => {
  const pages = FILES.filter((path) =>
    path.endsWith(".md") && !path.startsWith("docs/decisions/") && path !== "CHANGELOG.md"
  );
  const missing = [...pages, "CONTRIBUTING.md"].flatMap((page) =>
    [...read(page).matchAll(/`((?:scripts|shared|tests|docs)\/[\w./-]*\w)`/g)]
      .map(([, path = ""]) => path)
      .filter((path) => !path.includes("…") && !existsSync(`${repositoryRoot}/${path}`))
      .map((path) => `${page}: ${path}`)
  );
  assertEquals(missing, []);
});

/** Each is a package of its own, with names of its own. */
const OWN_PACKAGES = ["scripts/meta-emulator/", "scripts/supabase-local/", "scripts/std/"];
/** The door of a folder, and of a function. */
const DOOR_FILES = ["mod.ts", "index.ts", "handler.ts"];

Deno.test("no two files of the product have one name", () => {
  const paths = FILES.filter((path) =>
    /^(shared|scripts|supabase\/functions)\/.*\.ts$/.test(path) &&
    !OWN_PACKAGES.some((folder) => path.startsWith(folder)) && !DOOR_FILES.includes(basename(path))
  );
  const byName = Map.groupBy(paths, (path) => basename(path));
  assertEquals([...byName.values()].filter(({ length }) => length > 1), []);
});

/**
 * Three doors, everything else pure: only `shared/meta` talks to Meta, only `shared/database` to the database, only
 * `shared/edge` knows the runtime. Read from the text of every module that is deployed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { codeOf, importsOf, sourcesBelow } from "./import_graph.ts";

const modules = [...sourcesBelow("shared"), ...sourcesBelow("supabase/functions")];

/** Packages that open a door, and the only place that may import them. `import type` opens nothing. */
const PACKAGES: [RegExp, string][] = [
  [/^jose$/, "shared/edge/"],
  [/^@supabase\//, "nowhere"],
  [/^(postgres|pg|npm:|jsr:|https?:|@std\/)/, "nowhere"],
  [/^node:(?!crypto$|buffer$|async_hooks$)/, "nowhere"],
];

/** Globals that open a door, and the only place that may use them. */
const GLOBALS: [RegExp, string[]][] = [
  [/(?<![.\w])Deno\./, ["shared/edge/"]],
  [/\bEdgeRuntime\b/, ["shared/edge/"]],
  [/(?<![.\w])process\.env\b/, ["shared/edge/"]],
  [/(?<![.\w]|async )fetch\(/, ["shared/meta/", "shared/browser/"]],
  [/graph\.facebook\.com/, ["shared/meta/", "shared/edge/config.ts"]],
];

/** Folders of functions of their arguments alone. */
const PURE = ["shared/outbox/event/", "shared/user_data/"];
const DOORS = ["shared/meta/", "shared/database/", "shared/edge/"];

Deno.test("packages that talk to the outside are imported by their door alone", () => {
  assert(modules.length > 10);
  const wrong = modules.flatMap((file) =>
    importsOf(file).filter(({ specifier, file: target, typeOnly }) =>
      target === null && !typeOnly &&
      PACKAGES.some(([name, door]) => name.test(specifier) && !file.startsWith(door))
    ).map(({ specifier }) => `${file} imports ${specifier}`)
  );
  assertEquals(wrong, []);
});

Deno.test("globals that talk to the outside are used by their door alone", () => {
  const wrong = modules.flatMap((file) => {
    const code = codeOf(file);
    return GLOBALS.filter(([name, doors]) => name.test(code) && !doors.some((door) => file.startsWith(door)))
      .map(([name]) => `${file} uses ${name.source}`);
  });
  assertEquals(wrong, []);
});

Deno.test("no door opens another, and what is pure opens none", () => {
  const wrong = modules.flatMap((file) => {
    const own = DOORS.find((door) => file.startsWith(door));
    const closed = own
      ? DOORS.filter((door) => door !== own)
      : PURE.some((folder) => file.startsWith(folder))
      ? DOORS
      : [];
    return importsOf(file).filter(({ file: target, typeOnly }) =>
      !typeOnly && closed.some((door) => target?.startsWith(door))
    ).map(({ file: target }) => `${file} imports ${target}`);
  });
  assertEquals(wrong, []);
});

Deno.test("`shared` reaches nothing outside itself, and a function nothing outside itself and `shared`", () => {
  const wrong = modules.flatMap((file) => {
    const own = file.startsWith("shared/") ? [] : [file.split("/").slice(0, 3).join("/") + "/"];
    return importsOf(file).filter(({ file: target }) =>
      target !== null && !["shared/", ...own].some((folder) => target.startsWith(folder))
    ).map(({ file: target }) => `${file} imports ${target}`);
  });
  assertEquals(wrong, []);
});

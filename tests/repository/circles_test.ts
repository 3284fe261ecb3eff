/**
 * No circle of imports: files of every package, and the folders of `shared/`, which stand one upon the other as
 * docs/architecture.md lists them. Imports for types alone count too: a reader follows them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dirname } from "node:path";
import { importsOf, sourcesBelow } from "./import_graph.ts";

/** What each place imports. */
type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The imports below the folders, between the places that `placeOf` makes of files. */
function graphOf(folders: string[], placeOf: (file: string) => string): Graph {
  const graph = new Map<string, Set<string>>();
  for (const file of folders.flatMap((folder) => sourcesBelow(folder, true))) {
    const targets = graph.get(placeOf(file)) ?? new Set();
    graph.set(placeOf(file), targets);
    for (const { file: target } of importsOf(file)) {
      if (target !== null && placeOf(target) !== placeOf(file)) targets.add(placeOf(target));
    }
  }
  return graph;
}

/** The first circle that is found, as its places in order; null where there is none. */
function findCircle(graph: Graph): string[] | null {
  const done = new Set<string>();
  function walk(place: string, path: string[]): string[] | null {
    if (path.includes(place)) return [...path.slice(path.indexOf(place)), place];
    if (done.has(place)) return null;
    for (const target of graph.get(place) ?? []) {
      const circle = walk(target, [...path, place]);
      if (circle !== null) return circle;
    }
    done.add(place);
    return null;
  }
  for (const place of graph.keys()) {
    const circle = walk(place, []);
    if (circle !== null) return circle;
  }
  return null;
}

Deno.test("findCircle() finds a circle behind a way into it, and none where ways meet again", () => {
  const graph = (...edges: [string, string[]][]) => new Map(edges.map(([from, to]) => [from, new Set(to)]));
  assertEquals(findCircle(graph(["a", ["b"]], ["b", ["c"]], ["c", ["b"]])), ["b", "c", "b"]);
  assertEquals(findCircle(graph(["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]])), null);
});

Deno.test("no files import each other in a circle", () => {
  const graph = graphOf(["shared", "scripts", "supabase/functions", "tests"], (file) => file);
  assert([...graph.values()].reduce((sum, targets) => sum + targets.size, 0) > 1000, "the graph has the imports");
  assertEquals(findCircle(graph), null);
});

Deno.test("no folders of `shared/` import each other in a circle", () => {
  const graph = graphOf(["shared"], dirname);
  assert(graph.get("shared/outbox")?.has("shared/database"), "the graph has the imports");
  assertEquals(findCircle(graph), null);
});

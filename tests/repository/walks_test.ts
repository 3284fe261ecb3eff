/**
 * The walks of docs/architecture.md: every hop names a file and functions of it, and a hop before it calls them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

/** A file of a hop, and the functions that the hop names in it. */
interface Hop {
  file: string;
  names: string[];
}

const read = (path: string) => Deno.readTextFileSync(`${repositoryRoot}/${path}`);

/** Each walk by its title. */
function readWalks(page: string): Map<string, Hop[]> {
  const walks = new Map<string, Hop[]>();
  for (const section of page.slice(page.indexOf("## Walks")).split(/^### /m).slice(1)) {
    const [title = "", ...lines] = section.split("\n");
    const hops = [...lines.join(" ").replace(/\s+/g, " ").matchAll(/`([\w/-]+\.(?:ts|sql))`((?:,? `\w+`)*)/g)];
    walks.set(
      title,
      hops.map(([, file = "", names = ""]) => ({ file, names: [...names.matchAll(/\w+/g)].map(([name]) => name) })),
    );
  }
  return walks;
}

/** Whether a file makes the function. */
function defines(file: string, name: string): boolean {
  return new RegExp(`create function \\w+\\.${name}\\(|\\b(function|const) ${name}\\b`).test(read(file));
}

/** Whether a file names the function elsewhere than where it makes it or comments on it. */
function calls(file: string, name: string): boolean {
  const text = read(file).replace(/(create|comment on) function \w+\.\w+|\b(function|const) \w+/g, "");
  return new RegExp(`\\b${name}\\b`).test(text);
}

for (const [title, hops] of readWalks(read("docs/architecture.md"))) {
  Deno.test(`the walk of ${title}: every function is there, and a hop before it calls it`, () => {
    assert(hops.length > 5, "the walk is read");
    assertEquals(hops.filter(({ file }) => !existsSync(`${repositoryRoot}/${file}`)), []);
    const wrong = hops.flatMap(({ file, names }, index) => {
      const before = [...hops.slice(0, index).map((hop) => hop.file), file];
      const unknown = names.filter((name) => !defines(file, name)).map((name) => `${file} makes no ${name}`);
      const uncalled = index === 0 ? [] : names.filter((name) => !before.some((hop) => calls(hop, name)));
      return [...unknown, ...uncalled.map((name) => `nothing before calls ${name}`)];
    });
    assertEquals(wrong, []);
  });
}

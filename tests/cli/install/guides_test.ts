/**
 * README, docs and guides hold: every SQL block of theirs runs, every link within the repo leads somewhere, every
 * command exists.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "node:path";
import { URL_TAGS } from "../../../scripts/cli/doctor/ads_checks.ts";
import { exists } from "../../../scripts/supabase-local/project.ts";
import { repositoryRoot, startPlatform } from "../../../scripts/supabase-local/mod.ts";
import { readBlocks } from "./fixtures/guide.ts";

const GUIDES = [...Deno.readDirSync(`${repositoryRoot}/docs/guides`)].map(({ name }) => `docs/guides/${name}`).sort();
const DOCS = ["architecture", "browser", "glossary", "performance", "security"].map((name) => `docs/${name}.md`);
const PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...DOCS, ...GUIDES];
const read = (page: string) => Deno.readTextFileSync(`${repositoryRoot}/${page}`);

Deno.test("every SQL block of README and guides runs", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql.unsafe(await Deno.readTextFile(`${repositoryRoot}/supabase/seed.sql`)).simple();
  // The installation guide speaks of a host's tables and is run on such a host.
  for (const name of PAGES.filter((page) => page !== "docs/guides/install.md")) {
    for (const { text, language, heading } of readBlocks(read(name))) {
      if (language !== "sql") continue;
      await t.step(`${name}, ${heading}: ${text.slice(0, 60).trim()}`, async () => {
        const undone = new Error("undone");
        const outcome = await sql.begin(async (transaction) => {
          await transaction.unsafe(text);
          throw undone;
        }).catch((error: unknown) => error);
        assertEquals(outcome, undone);
      });
    }
  }
});

Deno.test("links of README and guides lead somewhere, and their commands exist", () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(
    Deno.readTextFileSync(`${repositoryRoot}/package.json`),
  );
  for (const name of PAGES) {
    const text = read(name);
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      assert(exists(join(dirname(`${repositoryRoot}/${name}`), target ?? "")), `${name}: ${target}`);
    }
    for (const [, command] of text.matchAll(/npm run ([a-z-]+)/g)) {
      assert((command ?? "") in scripts, `${name}: ${command}`);
    }
  }
  assert(read("docs/guides/first_figures.md").includes(URL_TAGS));
});

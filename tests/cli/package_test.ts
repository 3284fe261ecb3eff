/**
 * `meta-ads` from the packed tarball, on Node, in a project that is not this one.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { makeHost, readFiles } from "./install/fixtures/host.ts";
import { installPackage } from "./installed_package.ts";
import { metaAds } from "./meta_ads.ts";

Deno.test("the packed tarball brings `meta-ads` to a host, and no test and nothing of development with it", async (t) => {
  await using installed = await installPackage();

  await t.step("it holds the commands, and what they install", () => {
    const tops = new Set(installed.files.map((file) => file.split("/").slice(0, 2).join("/")));
    const folders = ["supabase/functions", "supabase/migrations", "scripts/cli", "dist/meta-ads.mjs"];
    for (const top of folders) assert(tops.has(top), top);
    const wrong = installed.files.filter((file) =>
      /_test\.|^tests\/|^scripts\/(?!cli\/report\/assets\/)|^docs\//.test(file)
    );
    assertEquals(wrong, []);
  });

  await t.step("its help is that of the sources", async () => {
    const { code, stdout } = await installed.npx(["--help"]);
    assertEquals([code, stdout], [0, (await metaAds(["--help"])).stdout]);
    assertEquals((await installed.npx(["docter"])).code, 2);
  });

  await t.step("`npm exec` finds it", async () => {
    const { code, stdout } = await new Deno.Command("npm", {
      args: ["exec", "--offline", "--no", "--", "meta-ads", "--version"],
      cwd: installed.path,
      stdin: "null",
    }).output();
    assertEquals(code, 0);
    assertMatch(new TextDecoder().decode(stdout), /^\d+\.\d+\.\d+\n$/);
  });

  await t.step("it adds the same files as the sources do, into the directory where one stands", async () => {
    await using here = await makeHost();
    await using there = await makeHost();
    const { code, output } = await installed.npx(["add-to", "."], { cwd: here.path });
    assertEquals(code, 0, output);
    assertEquals((await metaAds(["add-to", there.path])).code, 0);
    assertEquals(await readFiles(here.path), await readFiles(there.path));
  });

  await t.step("it makes a browser client, and prints what uninstalls", async () => {
    const { code, output } = await installed.npx(["browser-client", "public"]);
    assertEquals(code, 0, output);
    assertStringIncludes(await Deno.readTextFile(join(installed.path, "public/meta-ads.js")), "createMetaAds");
    assertStringIncludes((await installed.npx(["uninstall", "--print"])).stdout, "drop schema fb_ads cascade;");
  });

  await t.step("without a log-in, it repeats what the CLI says", async () => {
    const { code, stderr } = await installed.npx(["uninstall", "--project-ref", "abcdefghijklmnopqrst", "--yes"], {
      env: { HOME: installed.path },
    });
    assertEquals(code, 1);
    assertStringIncludes(stderr, "Access token not provided.");
  });
});

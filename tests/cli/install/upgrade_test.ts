/**
 * Upgrading and refusing: what the installer replaces, what it leaves alone, and what it does when it is interrupted.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import {
  appendSections,
  readFunctionSection,
  removeSections,
  separatorOf,
} from "../../../scripts/cli/installer/config_toml.ts";
import { installInto } from "../../../scripts/cli/installer/install.ts";
import { MANIFEST_PATH, readManifest } from "../../../scripts/cli/installer/manifest.ts";
import type { InstallPlan } from "../../../scripts/cli/installer/plan.ts";
import { type Payload, readPayload } from "../../../scripts/cli/installer/payload.ts";
import { nameMigrations } from "../../../scripts/cli/installer/stamps.ts";
import { removeInstalledFiles } from "../../../scripts/cli/uninstaller/files.ts";
import { makeHost, readFiles, writeFiles } from "./fixtures/host.ts";

const FIRST: Payload = {
  version: "1.0.0",
  migrations: [
    { name: "20261122000100_create_a.sql", text: "select 1;\n" },
    { name: "20261122000200_create_b.sql", text: "select 2;\n" },
  ],
  files: [
    { path: "supabase/functions/ours/index.ts", text: "// one\n" },
    { path: "supabase/functions/ours/deno.json", text: "{}\n" },
    { path: "shared/errors.ts", text: "// errors\n" },
    { path: "shared/old/gone.ts", text: "// gone\n" },
  ],
  slugs: ["ours"],
};

const SECOND: Payload = {
  version: "1.1.0",
  migrations: [...FIRST.migrations, { name: "20261201000000_create_c.sql", text: "select 3;\n" }],
  files: [
    { path: "supabase/functions/ours/index.ts", text: "// two\n" },
    { path: "supabase/functions/ours/deno.json", text: "{}\n" },
    { path: "shared/errors.ts", text: "// errors\n" },
    { path: "shared/new.ts", text: "// new\n" },
  ],
  slugs: ["ours"],
};

const saysOf = ({ conflicts }: InstallPlan) => conflicts.map(({ says }) => says);
const install = (path: string, payload: Payload) => installInto(path, { payload: () => payload });

Deno.test("`installInto()` upgrades unchanged files, adds new ones after the host's newest migration, removes old ones", async () => {
  await using host = await makeHost();
  await install(host.path, FIRST);
  await writeFiles(host.path, { "supabase/migrations/20270101120000_mine.sql": "select 4;\n" });
  const { plan, previous_version } = await install(host.path, SECOND);
  assertEquals([plan.conflicts, previous_version], [[], "1.0.0"]);
  const files = await readFiles(host.path);
  assertEquals(Object.keys(files).filter((path) => path.startsWith("supabase/migrations/")).sort().slice(3), [
    "supabase/migrations/20250312080201_create_a.sql",
    "supabase/migrations/20250312080202_create_b.sql",
    "supabase/migrations/20270101120000_mine.sql",
    "supabase/migrations/20270101120001_create_c.sql",
  ]);
  assertEquals(files["supabase/functions/ours/index.ts"], "// two\n");
  assertEquals(files["shared/new.ts"], "// new\n");
  assert(!("shared/old/gone.ts" in files));
  assertEquals(files["shared/prices.ts"], "export const tax = 0.11;\n");
  assertEquals((await install(host.path, SECOND)).changed, false);
});

Deno.test("`installInto()` refuses as a whole, naming every file, when one of the host's would be lost", async (t) => {
  await t.step("a file of the host's in the way", async () => {
    await using host = await makeHost();
    await writeFiles(host.path, { "shared/errors.ts": "// mine\n" });
    const before = await readFiles(host.path);
    const { plan } = await install(host.path, FIRST);
    assertEquals(saysOf(plan), ["shared/errors.ts is a file of yours; it stays as it is."]);
    assertEquals(await readFiles(host.path), before);
  });

  await t.step("changed files", async () => {
    await using host = await makeHost();
    await install(host.path, FIRST);
    await writeFiles(host.path, {
      "supabase/functions/ours/index.ts": "// changed\n",
      "shared/old/gone.ts": "// changed too\n",
    });
    const before = await readFiles(host.path);
    const { plan } = await install(host.path, SECOND);
    assertEquals(plan.conflicts.length, 2);
    assertStringIncludes(saysOf(plan)[0] ?? "", "supabase/functions/ours/index.ts was changed");
    assertStringIncludes(saysOf(plan)[1] ?? "", "shared/old/gone.ts was changed");
    assertEquals(await readFiles(host.path), before);
    await Deno.remove(join(host.path, "supabase/functions/ours/index.ts"));
    await Deno.remove(join(host.path, "shared/old/gone.ts"));
    assertEquals((await install(host.path, SECOND)).plan.conflicts, []);
  });

  await t.step("a migration that has other content now", async () => {
    await using host = await makeHost();
    await install(host.path, FIRST);
    const changed = { ...SECOND, migrations: [{ name: "20261122000100_create_a.sql", text: "select 9;\n" }] };
    const { plan } = await install(host.path, changed);
    assertStringIncludes(saysOf(plan).join("\n"), "20250312080201_create_a.sql was installed with other content");
  });

  await t.step("a function of the same name whose key check would be lost", async () => {
    await using host = await makeHost();
    const config = await Deno.readTextFile(join(host.path, "supabase/config.toml"));
    await writeFiles(host.path, { "supabase/config.toml": `${config}\n[functions."ours"]\nverify_jwt = true\n` });
    const { plan } = await install(host.path, FIRST);
    assertStringIncludes(saysOf(plan).join("\n"), `[functions.ours] needs "verify_jwt = false"`);
  });
});

Deno.test("`installInto()` goes on after an interruption without naming migrations anew", async () => {
  await using host = await makeHost();
  await install(host.path, FIRST);
  const complete = await readFiles(host.path);
  for (const path of ["shared/errors.ts", "supabase/migrations/20250312080202_create_b.sql"]) {
    await Deno.remove(join(host.path, path));
  }
  await install(host.path, { ...FIRST });
  assertEquals(await readFiles(host.path), complete);
});

Deno.test("`removeInstalledFiles()` keeps and names what the host has changed", async () => {
  await using host = await makeHost();
  const before = await readFiles(host.path);
  await install(host.path, FIRST);
  await writeFiles(host.path, { "shared/errors.ts": "// changed\n" });
  const { kept } = await removeInstalledFiles(host.path);
  assertEquals(kept, ["shared/errors.ts"]);
  assertEquals(await readFiles(host.path), { ...before, "shared/errors.ts": "// changed\n" });
  assertEquals(readManifest(host.path), null);
});

Deno.test("`nameMigrations()` puts ours right after the host's newest and keeps what has a name", () => {
  const ours = ["20261122000100_a.sql", "20261122000200_b.sql"];
  assertEquals(nameMigrations(ours, {}, []), { [ours[0] ?? ""]: ours[0] ?? "", [ours[1] ?? ""]: ours[1] ?? "" });
  assertEquals(nameMigrations(ours, {}, ["20240101000000_x.sql", "20270101000000_y.sql"]), {
    "20261122000100_a.sql": "20270101000001_a.sql",
    "20261122000200_b.sql": "20270101000002_b.sql",
  });
  assertEquals(nameMigrations(ours, { "20261122000100_a.sql": "20240101000001_a.sql" }, ["20240101000001_a.sql"]), {
    "20261122000200_b.sql": "20240101000002_b.sql",
  });
});

Deno.test("sections of `config.toml` come and go without a trace, whatever the file's end and lines", () => {
  const section = "[functions.x]\nverify_jwt = false\n";
  for (const config of ["", "a = 1", "a = 1\n", "a = 1\n\n", "a = 1\r\n[b]\r\nc = 2\r\n"]) {
    const added = appendSections(config, [section]);
    assertEquals(readFunctionSection(added, "x"), { verify_jwt: false }, JSON.stringify(config));
    assertEquals(
      removeSections(added, { x: section }, separatorOf(config)),
      { config, kept: [] },
      JSON.stringify(config),
    );
  }
  const changed = removeSections("[functions.x]\nverify_jwt = true\n", { x: section }, "");
  assertEquals(changed.kept, ["x"]);
});

Deno.test("`readPayload()` points the functions at the directory that the host has for shared modules", () => {
  const files = readPayload("lib/fb_ads").files;
  assert(files.some(({ path }) => path === "lib/fb_ads/errors.ts"));
  const functions = files.filter(({ path }) => /^supabase\/functions\/.*\.ts$/.test(path));
  assert(functions.some(({ text }) => text.includes("../../../lib/fb_ads/")));
  assertEquals(functions.filter(({ text }) => text.includes("../../../shared/")), []);
  assertEquals(files.filter(({ path }) => path.includes(MANIFEST_PATH)), []);
});

Deno.test("no function that is installed has the name of a React hook, which linters of hosts would take it for", () => {
  const hooks = readPayload().files.filter(({ path, text }) => path.endsWith(".ts") && /\buse[A-Z]\w*\(/.test(text));
  assertEquals(hooks.map(({ path }) => path), []);
});

/**
 * Nothing of a platform outlives it, however it ends.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { PlatformError, repositoryRoot, startPlatform } from "../mod.ts";
import { processesNaming, Program } from "./fixtures/program.ts";
import { fixtureProject } from "./fixtures/recorder.ts";
import { until } from "../waiting.ts";

const HOLDER = `${repositoryRoot}/scripts/supabase-local/tests/fixtures/hold_platform.ts`;

/** What a shell command prints. */
async function printed(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", command, "sh", ...args] }).output();
  return new TextDecoder().decode(stdout).trim();
}

async function isAlive(pid: string): Promise<boolean> {
  return (await new Deno.Command("sh", { args: ["-c", 'kill -0 "$1"', "sh", pid], stderr: "null" }).output()).success;
}

function holder(project = fixtureProject): Program {
  return new Program(Deno.execPath(), ["run", "-A", HOLDER, project]);
}

Deno.test("a platform whose process is killed leaves no process and no file", async () => {
  await using program = holder();
  await program.waitFor("children ");
  const children = program.text.match(/children (.*)/)?.[1]?.split(" ") ?? [];
  assert(children.length >= 3, "server, PostgREST and a function");
  assert((await processesNaming(program.directory)).length >= 3);
  program.process.kill("SIGKILL");
  await program.leavesNothing();
  for (const pid of children) await until(`process ${pid} is gone`, async () => !await isAlive(pid));
});

Deno.test("a platform whose whole process group is killed leaves no process, no file and no shared memory", async () => {
  await using program = holder();
  await program.waitFor("children ");
  const [, segment = ""] = (await printed('sed -n 7p "$1"/*/data/postmaster.pid', program.directory)).split(/ +/);
  const segments = async () => (await printed("awk '{ print $2 }' /proc/sysvipc/shm")).split("\n");
  assert((await segments()).includes(segment), "the server has a segment");
  await program.killGroup();
  await program.leavesNothing();
  await until("the shared memory is gone", async () => !(await segments()).includes(segment));
});

Deno.test("a temporary directory that only its owner may enter is no hindrance, for root either", async () => {
  await using program = new Program(Deno.execPath(), ["run", "-A", HOLDER, fixtureProject], {}, 0o700);
  await program.waitFor("children ");
  program.process.kill("SIGKILL");
  await program.leavesNothing();
});

Deno.test("a file mode mask that keeps everything to oneself is no hindrance, for root either", async () => {
  const cache = await Deno.makeTempDir({ prefix: "cache-" });
  await Deno.chmod(cache, 0o755);
  const command = 'umask 077; exec "$0" run -A "$1" "$2"';
  await using program = new Program("sh", ["-c", command, Deno.execPath(), HOLDER, fixtureProject], {
    PLATFORM_CACHE: `${cache}/inside`,
  });
  await program.waitFor("children ");
  program.process.kill("SIGKILL");
  await program.leavesNothing();
  await Deno.remove(cache, { recursive: true });
});

Deno.test("a platform that is killed while it starts leaves no process and no file", async () => {
  await Promise.all([150, 320, 480, 700].map(async (milliseconds) => {
    await using program = holder();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    program.process.kill("SIGKILL");
    await program.leavesNothing();
  }));
});

Deno.test("a test that fails outside itself leaves no process and no file of its platform", async () => {
  const args = ["test", "-A", "--quiet", "--no-check", HOLDER.replace("hold_platform.ts", "fail_outside.ts")];
  await using program = new Program(Deno.execPath(), args);
  assertEquals((await program.process.status).success, false);
  await program.output;
  assertMatch(program.text, /thrown outside a test/);
  await program.leavesNothing();
});

Deno.test("a platform that cannot start says why and leaves no process and no file", async () => {
  const project = await Deno.makeTempDir();
  await Deno.mkdir(`${project}/supabase/migrations`, { recursive: true });
  await Deno.writeTextFile(`${project}/supabase/migrations/20260101000000_break.sql`, "select no_such_function();");
  await assertRejects(() => startPlatform({ projectRoot: project }), PlatformError, "no_such_function");
  await assertRejects(() => startPlatform({ pgBin: "/nowhere" }), PlatformError, "PG_BIN is /nowhere");
  await using program = holder(project);
  assertEquals((await program.process.status).success, false);
  await program.leavesNothing();
  await Deno.remove(project, { recursive: true });
});

Deno.test("two platforms live beside each other and know nothing of each other", async () => {
  const options = { projectRoot: fixtureProject, schedule: false };
  const [one, other] = await Promise.all([startPlatform(options), startPlatform(options)]);
  await using first = one;
  await using second = other;
  assertNotEquals(first.apiUrl, second.apiUrl);
  assertNotEquals(first.secretKey, second.secretKey);
  await first.sql`insert into public.note (body) values ('mine')`;
  assertEquals([...await second.sql`select from public.note`], []);
  const response = await fetch(`${second.apiUrl}/rest/v1/note`, { headers: { apikey: first.secretKey } });
  assertEquals(response.status, 401);
  await response.body?.cancel();
});

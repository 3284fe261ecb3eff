/**
 * Nothing of a platform outlives it, however it ends. Each program of these tests gets a temporary directory of its own,
 * which names its processes and which must be empty afterwards.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { PlatformError, repositoryRoot, startPlatform } from "../mod.ts";
import { fixtureProject } from "./fixtures/recorder.ts";
import { until } from "../../dev/testing/waiting.ts";

const HOLDER = `${repositoryRoot}/scripts/supabase-local/tests/fixtures/hold_platform.ts`;

/** A program that runs with a temporary directory of its own. */
class Program implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "lifetime-" });
  readonly process: Deno.ChildProcess;
  readonly output: Promise<unknown>;
  text = "";
  ended = false;

  constructor(command: string, args: string[], env: Record<string, string> = {}, mode = 0o755) {
    Deno.chmodSync(this.directory, mode);
    const process = this.process = new Deno.Command(command, {
      args,
      env: { TMPDIR: this.directory, NO_COLOR: "1", ...env },
      cwd: repositoryRoot,
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const collect = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) this.text += text;
    };
    this.output = Promise.all([collect(process.stdout), collect(process.stderr)]).then(() => this.ended = true);
  }

  async waitFor(text: string): Promise<void> {
    await until(`it prints ${text}`, () => this.ended || this.text.includes(text));
    assert(this.text.includes(text), this.text);
  }

  /** Kills the program and all that is in its process group, as a terminal or a supervisor does. */
  async killGroup(): Promise<void> {
    const args = ["-c", 'kill -KILL "-$1"', "sh", String(this.process.pid)];
    assert((await new Deno.Command("sh", { args }).output()).success);
  }

  /** Resolves when no process names the directory any more and it is empty; the standard output is closed by then. */
  async leavesNothing(): Promise<void> {
    await this.process.status;
    await this.output;
    await until("no process is left", async () => (await processesNaming(this.directory)).length === 0);
    await until("no file is left", () => [...Deno.readDirSync(this.directory)].length === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** The text goes in by standard input, so that the search does not find itself. */
async function processesNaming(text: string): Promise<string[]> {
  const search = new Deno.Command("sh", {
    args: ["-c", "grep -alF -f - /proc/[0-9]*/cmdline 2>/dev/null"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = search.stdin.getWriter();
  await input.write(new TextEncoder().encode(text));
  await input.close();
  const { stdout } = await search.output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

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
  for (const milliseconds of [150, 320, 480, 700]) {
    await using program = holder();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    program.process.kill("SIGKILL");
    await program.leavesNothing();
  }
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

Deno.test("`npm run stack` prints its addresses and ends in order at SIGINT and SIGTERM", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using program = new Program("node", ["scripts/deno.mjs", "run", "-A", "scripts/dev/stack.ts"]);
    await program.waitFor("\nready\n");
    for (const name of ["API_URL", "FUNCTIONS_URL", "DB_URL", "PUBLISHABLE_KEY", "SECRET_KEY", "GRAPH_URL"]) {
      assertMatch(program.text, new RegExp(`^${name}="[^"\n]+"$`, "m"));
    }
    program.process.kill(signal);
    assertEquals((await program.process.status).code, 0);
    await program.leavesNothing();
  }
});

Deno.test("`npm run stack` ends when the process that started it is killed", async () => {
  await using program = new Program("node", ["scripts/deno.mjs", "run", "-A", "scripts/dev/stack.ts"]);
  await program.waitFor("\nready\n");
  program.process.kill("SIGKILL");
  await program.leavesNothing();
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

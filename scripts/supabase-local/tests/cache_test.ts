/**
 * The cache that several processes share: what somebody uses stays, what a killed process used goes, and who waits for
 * another's build says so.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { exists, repositoryRoot } from "../project.ts";

const USER = new URL("./fixtures/use_cache.ts", import.meta.url).pathname;
const decoder = new TextDecoder();

/** A process that uses entries of a cache; it does what its standard input says, line by line. */
class CacheUser implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;

  constructor(directory: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", USER],
      cwd: repositoryRoot,
      env: { PLATFORM_CACHE: directory },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  async tell(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Tells it a line and waits for its answer. */
  async ask(line: string): Promise<string> {
    await this.tell(line);
    return await this.answer();
  }

  async answer(): Promise<string> {
    return ((await this.#output.read()).value ?? "").trim();
  }

  /** The first line that it writes to standard error. */
  async complaint(): Promise<string> {
    const reader = this.#child.stderr.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    return decoder.decode(value);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  async [Symbol.asyncDispose]() {
    try {
      await this.kill();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#input.close().catch(() => undefined);
    await this.#output.cancel().catch(() => undefined);
    await this.#child.stderr.cancel().catch(() => undefined);
  }
}

/** Makes everything in a cache look as old as nothing is kept for. */
async function age(directory: string): Promise<void> {
  for await (const entry of Deno.readDir(directory)) await Deno.utime(join(directory, entry.name), 1, 1);
}

Deno.test("a used entry outlives any number of newer ones, and goes once its user is dead", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await using holder = new CacheUser(directory);
    await using builder = new CacheUser(directory);
    const entry = await holder.ask("use held");
    for (const name of ["a", "b", "c", "d", "e", "f"]) await builder.ask(`use ${name}`);
    await age(directory);
    // Made after the rest has aged: this is when old entries are looked at.
    await builder.ask("use g");
    assert(exists(join(entry, "content")), "somebody uses it");

    await holder.kill();
    await builder.ask("use h");
    assert(!exists(entry), "nobody uses it any more");
    assertEquals([...Deno.readDirSync(directory)].filter((found) => /^(building|deleted)-/.test(found.name)), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("an entry that was deleted meanwhile is built again", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await using user = new CacheUser(directory);
    const entry = await user.ask("use one");
    await Deno.remove(entry, { recursive: true });
    assertEquals(await user.ask("use one"), entry);
    assert(exists(join(entry, "content")));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a directory in an entry's place that nobody can hold is replaced", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await using user = new CacheUser(directory);
    await Deno.mkdir(join(directory, "thing-old/left"), { recursive: true });
    const entry = await user.ask("use old");
    assert(exists(join(entry, "content")) && !exists(join(entry, "left")));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("who waits for another's build says what for, and goes on when the other is killed", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await using builder = new CacheUser(directory);
    assertEquals(await builder.ask("build-for-ever slow"), "building");
    await using waiter = new CacheUser(directory);
    await waiter.tell("use slow");
    assertMatch(await waiter.complaint(), /Another process is preparing "thing" in .+; waiting for it/);
    await builder.kill();
    assertMatch(await waiter.answer(), /thing-slow$/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

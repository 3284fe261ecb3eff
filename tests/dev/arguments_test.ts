/**
 * Commands of development refuse what they do not know, before they do anything.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

async function run(command: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `scripts/dev/${command}.ts`, ...args],
    cwd: repositoryRoot,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, stdout: decode(output.stdout), stderr: decode(output.stderr) };
}

Deno.test("commands of development exit 2 on arguments that they do not know, and say how they are called", async () => {
  for (
    const [command, ...args] of [
      ["start", "--nonsense"],
      ["start", "demo"],
      ["start", "--port", "80"],
      ["start", "--port", "many"],
      ["stack", "--port", "4321"],
      ["baseline", "--check"],
      ["test", "--watch"],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(command, ...args);
    assertEquals([code, stdout], [2, ""], `${command} ${args.join(" ")}`);
    assertMatch(stderr, /\n\nnpm (run )?\w+/);
  }
});

Deno.test("commands of development tell how they are called", async () => {
  const { code, stdout } = await run("start", "--help");
  assertEquals(code, 0);
  assertStringIncludes(stdout, "npm start [-- --port <shop's port>]");
});

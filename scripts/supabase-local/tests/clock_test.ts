/**
 * `PLATFORM_CLOCK`: a command and everything that it starts sees another day.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { exists, repositoryRoot } from "../project.ts";

const HOUR_MS = 3_600_000;
const isInstalled = ["x86_64", "aarch64"].some((machine) =>
  exists(`/usr/lib/${machine}-linux-gnu/datefudge/datefudge.so`)
);
if (!isInstalled) {
  console.warn("SKIPPED for want of datefudge (apt-get install datefudge): the tests of PLATFORM_CLOCK.");
}

async function runAt(clock: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command("node", {
    args: ["scripts/deno.mjs", ...args],
    cwd: repositoryRoot,
    // Whatever clock the tests themselves run by is not this command's.
    env: { PLATFORM_CLOCK: clock, LD_PRELOAD: "", DATEFUDGE: "", NO_COLOR: "1" },
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "PLATFORM_CLOCK gives programs, PostgreSQL and functions one day, and tokens begin and end by it",
  ignore: !isInstalled,
  async fn() {
    const clock = "2031-12-31 23:50:00";
    const { stdout, stderr } = await runAt(clock, "run", "-A", `${import.meta.dirname}/fixtures/tell_times.ts`);
    assert(stdout !== "", stderr);
    const { times, valid, expired } = JSON.parse(stdout);
    const start = Date.parse("2031-12-31T23:50:00Z");
    for (const [part, at] of Object.entries<number>(times)) {
      assert(at >= start && at < start + HOUR_MS, `${part} sees ${new Date(at).toISOString()}`);
    }
    assertEquals([valid, expired], [200, 401]);
  },
});

Deno.test("PLATFORM_CLOCK that names no time ends the command before it begins", async () => {
  for (const clock of ["tomorrow", "2027-02-29", "2027-02-28 25:00", "2027-02-28T00:00:00+07:00"]) {
    const { code, stdout, stderr } = await runAt(clock, "--version");
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, `PLATFORM_CLOCK is "${clock}"`);
  }
});

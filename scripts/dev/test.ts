/**
 * `npm test`: everything that can be checked: form, lint, types (of the examples in the documentation, too), and the
 * tests, which may reach nothing beyond loopback, several files at a time. Paths as arguments run only the tests there.
 *
 * `PG_BIN` names another PostgreSQL and `PLATFORM_DENO` another Deno for the functions, such as `deno-2.1`.
 * `THOROUGH=1` has tests that draw or kill at random do so more often. `DENO_JOBS` is the number of files that run at a
 * time.
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
import { type FileTime, readFileTimes } from "./testing/file_times.ts";
import { exists } from "../supabase-local/project.ts";
import { untilInterrupted } from "../supabase-local/parent.ts";
import { Reaper } from "../supabase-local/reaper.ts";

interface Step {
  name: string;
  args: string[];
}

interface Outcome {
  passed: number;
  failed: number;
}

const SOURCES = ["scripts", "shared", "supabase/functions", "tests"].filter(exists);
/** Not all of scripts/: Deno takes this very file, by its name, for a test. */
const TESTS = ["tests", "scripts/meta-emulator", "scripts/supabase-local"];
/** Tests reach the platform and the emulator, which are on loopback, and nothing else. */
const TEST_PERMISSIONS = [
  "--no-prompt",
  "--allow-net=127.0.0.1,localhost,[::1]",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-sys",
];
/**
 * Many tests wait for a worker to boot or a second to pass: one file more than there are processors keeps all at work.
 */
const JOBS = Deno.env.get("DENO_JOBS") ?? String(navigator.hardwareConcurrency + 1);
const SLOWEST_SHOWN = 10;

const STATIC_STEPS: Step[] = [
  { name: "form", args: ["fmt", "--check", "--quiet"] },
  { name: "lint", args: ["lint", "--quiet", ...SOURCES] },
  { name: "types", args: ["check", "--doc", "--quiet", ...SOURCES.map((source) => `${source}/**/*.ts`)] },
];

/** Runs Deno; `print` gets its lines. */
async function runDeno(reaper: Reaper, args: string[], print: (line: string) => void): Promise<Outcome> {
  const child = await reaper.spawn({
    command: [Deno.execPath(), ...args],
    env: { ...Deno.env.toObject(), NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", DENO_JOBS: JOBS },
    cwd: Deno.cwd(),
  });
  let text = "";
  for await (const line of child.output) {
    print(line);
    text = `${text}\n${line}`.slice(-4_000);
  }
  const { success } = await child.ended;
  const counts = [...text.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/gm)].at(-1);
  if (!counts) return success ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const failed = Number(counts[2]);
  return { passed: Number(counts[1]), failed: success ? failed : Math.max(failed, 1) };
}

const titleOf = ({ name, args }: Step) => `\n${name}: deno ${args.filter((arg) => !arg.startsWith("-")).join(" ")}`;

/** Runs a check beside others, and prints what it said once it has ended. */
async function check(reaper: Reaper, step: Step): Promise<Outcome> {
  const lines = [titleOf(step)];
  const outcome = await runDeno(reaper, step.args, (line) => lines.push(line));
  console.log(lines.join("\n"));
  return outcome;
}

/** Runs the tests, and prints what they say as they say it. */
async function test(reaper: Reaper, paths: string[]): Promise<Outcome & { times: FileTime[] }> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const options = ["--no-check", "--parallel", "--permit-no-files", `--junit-path=${report}`, ...TEST_PERMISSIONS];
    console.log(titleOf({ name: "tests", args: ["test", ...paths] }));
    const outcome = await runDeno(reaper, ["test", ...options, ...paths], console.log);
    return { ...outcome, times: readFileTimes(await Deno.readTextFile(report)) };
  } finally {
    await Deno.remove(report);
  }
}

async function main(reaper: Reaper, paths: string[]): Promise<number> {
  const steps = paths.length > 0 ? [] : STATIC_STEPS;
  const [tests, ...checks] = await Promise.all([
    test(reaper, paths.length > 0 ? paths : TESTS),
    ...steps.map((step) => check(reaper, step)),
  ]);
  const failures = steps.filter((_, index) => checks[index]?.failed !== 0).map((step) => step.name);
  if (tests.failed > 0) failures.push("tests");
  const passed = [tests, ...checks].reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = [tests, ...checks].reduce((sum, outcome) => sum + outcome.failed, 0);

  if (tests.times.length > 1) {
    const lines = tests.times.slice(0, SLOWEST_SHOWN).map(({ path, seconds }) => `${seconds.toFixed(1)} s  ${path}`);
    console.log(["\nThe slowest files:", ...lines].join("\n"));
  }
  if (failures.length > 0) console.log(`\nFailed: ${failures.join(", ")}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

const { names: paths } = readArguments({
  call: "npm test -- [path...]",
  does: "Runs every check and test, or only the tests below the paths.",
  takesNames: true,
});
untilInterrupted().then(() => Deno.exit(130));
const reaper = new Reaper();
const code = await main(reaper, paths);
await reaper.end();
Deno.exit(code);

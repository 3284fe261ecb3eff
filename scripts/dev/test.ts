/**
 * `npm test`: everything that can be checked, each test on a platform of its own: form, lint, types, examples in the
 * documentation, and the tests, which may reach nothing beyond loopback. Paths as arguments run only the tests there.
 *
 * `PG_BIN` names another PostgreSQL and `PLATFORM_DENO` another Deno for the functions, such as `deno-2.1`.
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
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

function staticSteps(): Step[] {
  return [
    { name: "form", args: ["fmt", "--check", "--quiet"] },
    { name: "lint", args: ["lint", "--quiet", ...SOURCES] },
    { name: "types", args: ["check", "--quiet", ...SOURCES.map((source) => `${source}/**/*.ts`)] },
    ...(exists("shared")
      ? [{ name: "documentation", args: ["test", "--doc", "--quiet", "--permit-no-files", "shared"] }]
      : []),
  ];
}

function testStep(paths: string[]): Step {
  return { name: "tests", args: ["test", "--no-check", "--permit-no-files", ...TEST_PERMISSIONS, ...paths] };
}

async function run(reaper: Reaper, { name, args }: Step): Promise<Outcome> {
  console.log(`\n${name}: deno ${args.filter((arg) => !arg.startsWith("-")).join(" ")}`);
  const child = await reaper.spawn({
    command: [Deno.execPath(), ...args],
    env: { ...Deno.env.toObject(), NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    cwd: Deno.cwd(),
  });
  let text = "";
  for await (const line of child.output) {
    console.log(line);
    text = `${text}\n${line}`.slice(-4_000);
  }
  const { success } = await child.ended;
  const counts = [...text.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/gm)].at(-1);
  if (!counts) return success ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const failed = Number(counts[2]);
  return { passed: Number(counts[1]), failed: success ? failed : Math.max(failed, 1) };
}

async function main(reaper: Reaper, paths: string[]): Promise<number> {
  const steps = paths.length > 0 ? [testStep(paths)] : [...staticSteps(), testStep(TESTS)];
  const total: Outcome = { passed: 0, failed: 0 };
  const failures: string[] = [];
  for (const step of steps) {
    const { passed, failed } = await run(reaper, step);
    total.passed += passed;
    total.failed += failed;
    if (failed > 0) failures.push(step.name);
  }
  if (failures.length > 0) console.log(`\nFailed: ${failures.join(", ")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

const paths = readArguments({
  call: "npm test -- [path...]",
  does: "Runs every check and test, or only the tests below the paths.",
  takesNames: true,
});
untilInterrupted().then(() => Deno.exit(130));
const reaper = new Reaper();
const code = await main(reaper, paths);
await reaper.end();
Deno.exit(code);

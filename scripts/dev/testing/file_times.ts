/**
 * How long each file of tests took, from the JUnit report that `deno test` writes.
 *
 * @module
 */

/** A file of tests. */
export interface FileTime {
  /** Where it is. */
  path: string;
  /** Its tests, one after the other. */
  seconds: number;
}

/** The files of a report, the slowest first. A step's time is in its test's. */
export function readFileTimes(report: string): FileTime[] {
  const times: FileTime[] = [];
  for (const [, path = "", cases = ""] of report.matchAll(/<testsuite name="([^"]*)"(.*?)<\/testsuite>/gs)) {
    let seconds = 0;
    let test: string | undefined;
    for (const [, name = "", time] of cases.matchAll(/<testcase name="([^"]*)"[^>]* time="([\d.]+)"/g)) {
      if (test !== undefined && name.startsWith(`${test} &gt; `)) continue;
      test = name;
      seconds += Number(time);
    }
    times.push({ path: path.replace(/^\.\//, ""), seconds });
  }
  return times.toSorted((one, other) => other.seconds - one.seconds);
}

/**
 * Findings as people read them.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding } from "../../../scripts/cli/doctor/finding.ts";
import { printFindings } from "../../../scripts/cli/doctor/findings_text.ts";
import { describeSchedule } from "../../../scripts/cli/doctor/schedule_words.ts";

Deno.test("`printFindings()` folds what is alike and what is long", () => {
  const accounts = ["1001", "1002", "1003", "1004", "1005", "1006", "1007"].map((id): Finding => ({
    check: `account:${id}`,
    severity: "error",
    found: "It cannot be read.",
    cost: "Its spend is not read.",
    remedy: "Assign it.",
  }));
  const print = (findings: Finding[], verbose: boolean) => {
    const lines: string[] = [];
    printFindings(findings, (line) => lines.push(line), { verbose });
    return lines;
  };
  assertEquals(print([...accounts, { check: "host:orders", severity: "ok", found: "attached" }], false), [
    "ok       host:orders: attached",
    "ERROR    account (7): It cannot be read.",
    "         1001, 1002, 1003, 1004, 1005, and 2 more (--verbose)",
    "         costs: Its spend is not read.",
    "         to mend: Assign it.",
    "\n8 checks: 1 ok, 0 warnings, 7 errors",
  ]);
  assertStringIncludes(print(accounts, true).join("\n"), "1005, 1006, 1007\n");
});

Deno.test("`describeSchedule()` says when, and gives pg_cron's own forms as they are", () => {
  const schedules = ["* * * * *", "*/15 * * * *", "45 18 * * *", "30 seconds"];
  assertEquals(schedules.map(describeSchedule), [
    "every minute UTC",
    "every 15 minutes UTC",
    "at 18:45 UTC",
    "every 30 seconds",
  ]);
});

/**
 * Findings for people and for CI.
 *
 * @module
 */

import type { Finding } from "./finding.ts";

const MARK = { ok: "ok     ", warning: "warning", error: "ERROR  " } as const;

/** Whether CI should stop. */
export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === "error");
}

/** Prints findings, what is wrong at the end, where the eye is. */
export function printFindings(findings: readonly Finding[], print: (line: string) => void): void {
  const order = { ok: 0, warning: 1, error: 2 };
  for (const finding of [...findings].sort((a, b) => order[a.severity] - order[b.severity])) {
    print(`${MARK[finding.severity]}  ${finding.check}: ${finding.found}`);
    if (finding.cost) print(`         costs: ${finding.cost}`);
    if (finding.remedy) print(`         to mend: ${finding.remedy}`);
  }
  const count = (severity: Finding["severity"]) => findings.filter((finding) => finding.severity === severity).length;
  print(`\n${findings.length} checks: ${count("ok")} ok, ${count("warning")} warnings, ${count("error")} errors`);
}

/**
 * Findings for people.
 *
 * @module
 */

import { countOf, paint, type Style } from "../terminal.ts";
import type { Finding } from "./finding.ts";

const MARKS: Record<Finding["severity"], { mark: string; style: Style; order: number }> = {
  ok: { mark: "ok     ", style: "green", order: 0 },
  warning: { mark: "warning", style: "yellow", order: 1 },
  error: { mark: "ERROR  ", style: "red", order: 2 },
};
const INDENT = "         ";
const SHOWN_ITEMS = 5;

/** Whether CI should stop. */
export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === "error");
}

/** Findings that differ only in what they are about become one with a list. */
function foldFindings(findings: readonly Finding[]): Finding[] {
  const kinds = new Map<string, { first: Finding; names: string[] }>();
  for (const finding of findings) {
    const { check, severity, found, cost, remedy, items } = finding;
    const [family = check, ...rest] = check.split(":");
    const key = JSON.stringify([items === undefined ? family : check, severity, found, cost, remedy]);
    const kind = kinds.get(key);
    if (kind === undefined) kinds.set(key, { first: finding, names: [rest.join(":")] });
    else kind.names.push(rest.join(":"));
  }
  return [...kinds.values()].map(({ first, names }) =>
    names.length === 1 ? first : { ...first, check: `${first.check.split(":")[0]} (${names.length})`, items: names }
  );
}

function listOf(items: readonly string[], isVerbose: boolean): string {
  const shown = isVerbose ? items : items.slice(0, SHOWN_ITEMS);
  const rest = items.length - shown.length;
  return `${shown.join(", ")}${rest > 0 ? `, and ${rest} more (--verbose)` : ""}`;
}

/** Prints findings, what is wrong at the end, where the eye is. */
export function printFindings(
  findings: readonly Finding[],
  print: (line: string) => void,
  { verbose = false }: { verbose?: boolean } = {},
): void {
  const folded = foldFindings(findings);
  for (const finding of folded.sort((a, b) => MARKS[a.severity].order - MARKS[b.severity].order)) {
    const { mark, style } = MARKS[finding.severity];
    print(`${paint(style, mark)}  ${paint("bold", finding.check)}: ${finding.found}`);
    if (finding.items) print(`${INDENT}${listOf(finding.items, verbose)}`);
    if (finding.cost) print(`${INDENT}costs: ${finding.cost}`);
    if (finding.remedy) print(`${INDENT}to mend: ${finding.remedy}`);
  }
  const count = (severity: Finding["severity"]) => findings.filter((finding) => finding.severity === severity).length;
  const parts = [`${count("ok")} ok`, countOf(count("warning"), "warning"), countOf(count("error"), "error")];
  print(`\n${countOf(findings.length, "check")}: ${parts.join(", ")}`);
}

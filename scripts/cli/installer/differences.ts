/**
 * What the host changed in an installed file, and what this version changes in it. The manifest has digests alone, so
 * the text that was installed is looked for in the host's version control.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { digestOf } from "./manifest.ts";

/** A file that was changed since it was installed. */
export interface ChangedFile {
  /** Path in the host's repo. */
  path: string;
  /** Digest of what was installed. */
  installed: string;
  /** What the host has. */
  present: string;
  /** What this version has; null where it has no such file. */
  next: string | null;
}

/** How far back the installed text is looked for. */
const MOST_COMMITS = 100;

function git(host: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync("git", ["-C", host, ...args], { encoding: "utf8", maxBuffer: 1 << 26 });
  return status === 0 ? stdout : null;
}

/** The newest committed text of a file that is the one that was installed; null where there is none. */
function findInstalledText(host: string, { path, installed }: ChangedFile): string | null {
  const commits = git(host, ["log", "--format=%H", `--max-count=${MOST_COMMITS}`, "--", path]) ?? "";
  for (const commit of commits.split("\n").filter((line) => line !== "")) {
    const text = git(host, ["show", `${commit}:./${path}`]);
    if (text !== null && digestOf(text) === installed) return text;
  }
  return null;
}

/** A difference as `git diff` shows it. */
function diff(title: string, before: string, after: string): string {
  const directory = mkdtempSync(join(tmpdir(), "meta-ads-"));
  try {
    writeFileSync(join(directory, "before"), before);
    writeFileSync(join(directory, "after"), after);
    const color = `--color=${process.stdout.isTTY && !process.env.NO_COLOR ? "always" : "never"}`;
    const { stdout, error } = spawnSync(
      "git",
      ["diff", "--no-index", color, "--ignore-space-at-eol", "--", "before", "after"],
      { cwd: directory, encoding: "utf8" },
    );
    if (error) return `${title}: git is needed to show it`;
    // Four lines name the two temporary files.
    const hunks = stdout.split("\n").slice(4).join("\n").trimEnd();
    return `${title}\n${hunks === "" ? "  (nothing)" : hunks}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Shows both sides of a changed file beside what was installed, or beside each other where that is not to be had. */
export function describeDifference(host: string, file: ChangedFile): string {
  const { path, present, next } = file;
  const installed = findInstalledText(host, file);
  const parts = installed === null ? [diff(`--- ${path}: from this version to yours`, next ?? "", present)] : [
    diff(`--- ${path}: your change`, installed, present),
    next === null
      ? `--- ${path}: this version has no such file`
      : diff(`--- ${path}: what this version changes`, installed, next),
  ];
  return parts.join("\n\n");
}

/**
 * The terminal: colours, hidden questions, and where the user stands.
 *
 * @module
 */

import { isCancel, password, text } from "@clack/prompts";
import { join, resolve } from "node:path";
import process from "node:process";
import { styleText } from "node:util";
import { InterruptedError } from "./command_errors.ts";
import { suiteRoot } from "./suite_root.ts";

/** A colour or weight. */
export type Style = "red" | "yellow" | "green" | "dim" | "bold";

/** Paints text for standard output; leaves it alone outside a terminal and under `NO_COLOR`. */
export function paint(style: Style, content: string): string {
  return styleText(style, content);
}

/** `1 file`, `2 files`. */
export function countOf(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** Whether somebody can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

function answered(answer: string | symbol | undefined): string {
  if (isCancel(answer)) throw new InterruptedError("Interrupted.");
  return String(answer ?? "").trim();
}

/** Asks for a secret without showing what is typed. An empty answer is an empty text. */
export async function askHidden(message: string): Promise<string> {
  return answered(await password({ message, mask: "", output: process.stderr }));
}

/** Asks for a line. */
export async function askLine(message: string): Promise<string> {
  return answered(await text({ message, output: process.stderr }));
}

/**
 * A path as the user means it. `npm run` changes to the suite's directory first and leaves in `INIT_CWD` where the user
 * stands; any other way to start a command leaves the directory alone.
 */
export function pathFromUser(path: string): string {
  const { INIT_CWD, npm_package_json } = process.env;
  const isOurScript = npm_package_json === join(suiteRoot, "package.json");
  return resolve(isOurScript && INIT_CWD ? INIT_CWD : process.cwd(), path);
}

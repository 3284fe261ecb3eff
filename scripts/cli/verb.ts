/**
 * A verb of `meta-ads`: what all of them have in common.
 *
 * @module
 */

import { Command, InvalidArgumentError } from "@commander-js/extra-typings";

/** How a verb is described. */
export interface VerbText {
  /** One sentence for the list of verbs. */
  summary: string;
  /** Lines that can be typed as they stand. */
  examples: readonly string[];
  /** What else its help says. */
  more?: string;
}

/** Makes a verb without options. Wrong words are refused with the nearest right one. */
export function verb(name: string, { summary, examples, more = "" }: VerbText): Command {
  return new Command(name)
    .description(summary)
    .exitOverride()
    .showHelpAfterError(`(meta-ads ${name} --help shows how)`)
    .addHelpText("after", `${more}\nExamples:\n${examples.map((example) => `  meta-ads ${example}`).join("\n")}`);
}

/** Parses a day of the calendar, `YYYY-MM-DD`. */
export function parseDay(text: string): string {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(text)) return text;
  throw new InvalidArgumentError("A day of the calendar looks like 2026-08-31.");
}

/**
 * The clock that `PLATFORM_CLOCK` gave this process, for children with an environment of their own.
 *
 * @module
 */

const CLOCK_VARIABLES = ["PLATFORM_CLOCK", "LD_PRELOAD", "DATEFUDGE"];

/** The variables that move a child's clock as they moved this process's; none without `PLATFORM_CLOCK`. */
export function movedClock(): Record<string, string> {
  if (!Deno.env.get("PLATFORM_CLOCK")) return {};
  return Object.fromEntries(CLOCK_VARIABLES.map((name) => [name, Deno.env.get(name) ?? ""] as const));
}

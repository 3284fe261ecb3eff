/**
 * How often a test tries what it draws or kills at random: a few times in `npm test`, and many times where `THOROUGH=1`
 * says so, as `.ci/run` does. The claim is the same.
 *
 * @module
 */

/** The one or the other of two numbers. */
export function howMany(numbers: { usually: number; thoroughly: number }): number {
  return Deno.env.get("THOROUGH") === "1" ? numbers.thoroughly : numbers.usually;
}

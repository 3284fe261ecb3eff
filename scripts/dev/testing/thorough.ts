/**
 * How often a test tries what it draws or kills at random: a few times in `npm test`, many times where `THOROUGH=1`
 * says so, as `.ci/run` does, and as often as the security page promises where `THOROUGH=2` does, before a release. The
 * claim is the same.
 *
 * @module
 */

/** One of the numbers; `THOROUGH=2` takes `thoroughly` where there is no larger one. */
export function howMany(numbers: { usually: number; thoroughly: number; exhaustively?: number }): number {
  const level = Deno.env.get("THOROUGH");
  if (level === "2") return numbers.exhaustively ?? numbers.thoroughly;
  return level === "1" ? numbers.thoroughly : numbers.usually;
}

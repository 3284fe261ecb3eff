/**
 * Reproducible sources of numbers for tests that try many inputs (mulberry32): a failing run can be repeated.
 *
 * @module
 */

/** Returns a function that gives fractions from 0 to below 1, the same ones for the same seed. */
export function seededFraction(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Returns a function that gives whole numbers from 0 to below its argument, the same ones for the same seed. */
export function seededRandom(seed: number): (below: number) => number {
  const fraction = seededFraction(seed);
  return (below) => Math.floor(fraction() * below);
}

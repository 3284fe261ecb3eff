/**
 * The machine's clock, for whoever wires a function; everything else takes a `Clock` as an argument.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date() };

/**
 * Time as an argument: whatever needs the time is handed a clock, so that tests decide what time it is. The machine's
 * own clock is `edge/system_clock.ts`.
 *
 * @module
 */

/** Tells the time. */
export interface Clock {
  /** The present instant. */
  now(): Date;
}

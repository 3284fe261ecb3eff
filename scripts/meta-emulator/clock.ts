/**
 * The emulator's clock. Real by default; a test can stop it at an instant and move it by hand. Only the data, quotas
 * and tokens follow it: delays of an answer are always real time.
 * @module
 */

/** Tells the emulator's time in milliseconds since 1970, UTC. */
export class EmulatorClock {
  #source: () => Date;
  #stoppedAt: number | null = null;
  #offsetMs = 0;

  /** Follows `source`, the machine's clock unless a test gives another. */
  constructor(source: () => Date = () => new Date()) {
    this.#source = source;
  }

  /** Returns the present instant in milliseconds. */
  now(): number {
    return this.#stoppedAt ?? this.#source().getTime() + this.#offsetMs;
  }

  /** Stops the clock at an instant; it moves on by {@link EmulatorClock.advance} alone. */
  stopAt(instant: Date | number): void {
    this.#stoppedAt = typeof instant === "number" ? instant : instant.getTime();
  }

  /** Moves a stopped clock forward, or shifts a running one. */
  advance(milliseconds: number): void {
    if (this.#stoppedAt === null) this.#offsetMs += milliseconds;
    else this.#stoppedAt += milliseconds;
  }

  /** Lets the clock follow its source again, without any shift. */
  run(): void {
    this.#stoppedAt = null;
    this.#offsetMs = 0;
  }

  /** True while the clock stands still. */
  get stopped(): boolean {
    return this.#stoppedAt !== null;
  }
}

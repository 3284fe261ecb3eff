/**
 * Refusals of single events that may as well be about the whole pixel. Once Meta takes another event of the pixel, each
 * was its event's own fault; two in a row with the same words, and none taken before, are the pixel's.
 *
 * @module
 */

/** Events that were refused alone while nothing of their pixel was taken. */
export class Suspicion<Suspect> {
  #suspects: Suspect[] = [];
  #last_words: string | null = null;

  /** Keeps a refused event; returns whether the one before it was refused with the same words. */
  add(suspect: Suspect, words: string): boolean {
    const alike = words === this.#last_words;
    this.#suspects.push(suspect);
    this.#last_words = words;
    return alike;
  }

  /** Returns those kept and forgets them. */
  lift(): Suspect[] {
    const suspects = this.#suspects;
    this.#suspects = [];
    this.#last_words = null;
    return suspects;
  }
}

/**
 * What the client remembers from page to page, in one entry of `localStorage`; where that is blocked or full, as long
 * as the page lives. Several tabs share the entry, so it is read anew every time.
 *
 * @module
 */

import type { Landing } from "./landing.ts";
import { attempt, parse, stringify } from "./web_page.ts";

const KEY = "meta_ads";

/** An event that waits to be sent, in the form of the request. */
export interface QueuedEvent {
  /** Meta's browser ids. */
  readonly user_data: object;
  /** Everything else that capi-event takes. */
  readonly [field: string]: unknown;
}

/** Everything that is remembered. */
export interface Remembered {
  /** The newest landing. */
  landing?: Landing | undefined;
  /** Events that wait, of all tabs, by `event_id`, oldest first. */
  queue: Record<string, QueuedEvent>;
}

let inMemory: Remembered = { queue: {} };
/** Truthy until the browser refused to keep something. */
let isKept: unknown = true;

/**
 * Reads what is remembered. Only the page itself can write there: a wrong form is met by the attempts around every use.
 */
export const recall = (): Remembered => (isKept && attempt(() => parse(localStorage[KEY]))) ?? inMemory;

/** Changes what is remembered. */
export const remember = (change: (remembered: Remembered) => void): void => {
  inMemory = recall();
  change(inMemory);
  isKept = attempt(() => localStorage[KEY] = stringify(inMemory));
};

/** Deletes it. */
export const forget = (): void => {
  inMemory = { queue: {} };
  attempt(() => delete localStorage[KEY]);
};

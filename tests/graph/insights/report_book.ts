/**
 * The asynchronous report runs: their states, and the ways in which they go wrong.
 * @module
 */

import type { AdAccount } from "../world/account.ts";

/** One report run. */
export interface Report {
  /** Its id. */
  id: string;
  /** Its account. */
  account: AdAccount;
}

/** Keeps the runs. */
export class ReportBook {
  readonly #reports = new Map<string, Report>();

  /** Finds a run. */
  find(id: string): Report | undefined {
    return this.#reports.get(id);
  }
}

/**
 * What the doctor says: one finding a check, and what it needs to look.
 *
 * @module
 */

import type { OperatorDatabase } from "../operator/database.ts";

/** What one check found. */
export interface Finding {
  /** Which check, and after a colon what it was about. */
  check: string;
  /** ok; warning: something will be lost, or could not be looked at; error: something is being lost. */
  severity: "ok" | "warning" | "error";
  /** What is wrong, or what is well. */
  found: string;
  /** What `found` counts, one by one; a long list is folded where people read it. */
  items?: string[];
  /** What it costs; only where something is wrong. */
  cost?: string;
  /** How to mend it; only where something is wrong. */
  remedy?: string;
}

/** Where the doctor looks. */
export interface Patient {
  /** The database. */
  database: OperatorDatabase;
  /** Settings: `META_PIXEL_ID`, `META_API_VERSION`, `META_GRAPH_URL` (or `GRAPH_URL`). */
  env: Record<string, string | undefined>;
  /** Carries requests to Meta and to the functions. */
  fetch: typeof fetch;
}

/** Runs a check; when it cannot be done at all, that is what was found. */
export async function attempt(check: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [{
      check,
      severity: "warning",
      found: `Could not be looked at: ${error instanceof Error ? error.message : "unknown reason"}`,
      cost: "Nothing is known about it.",
      remedy: "Mend what the message says and run the doctor again.",
    }];
  }
}

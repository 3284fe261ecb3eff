/**
 * What every endpoint of the emulator works with.
 * @module
 */

import type { CapiStore } from "./capi/capi_store.ts";
import type { EmulatorClock } from "./clock.ts";
import type { FaultedAnswer } from "./fault_effects.ts";
import type { FaultBook, ReportOutcome } from "./faults.ts";
import type { GraphCall } from "./graph_call.ts";
import type { ReportBook } from "./insights/report_book.ts";
import type { Ledger } from "./ledger.ts";
import type { QuotaModel } from "./quota.ts";
import type { Route } from "./route.ts";
import type { Settings } from "./settings.ts";
import type { Token, TokenBook } from "./tokens.ts";
import type { World } from "./world/world.ts";

/** An answer with all its headers, and how it leaves. */
export interface Outcome extends FaultedAnswer {
  /** All headers. */
  headers: [string, string][];
  /** The body as it goes out. */
  text: string;
}

/** The emulator's parts. */
export interface GraphContext {
  /** The data. */
  world: World;
  /** The clock. */
  clock: EmulatorClock;
  /** The switches. */
  settings: Settings;
  /** The tokens. */
  tokens: TokenBook;
  /** The quotas. */
  quota: QuotaModel;
  /** The scripted failures. */
  faults: FaultBook;
  /** The calls seen. */
  ledger: Ledger;
  /** The asynchronous reports. */
  reports: ReportBook;
  /** The events received. */
  capi: CapiStore;
  /** Ends every wait when the emulator closes. */
  closing: AbortSignal;
}

/** One authorized call on its way to an endpoint. */
export interface Visit {
  /** The call. */
  call: GraphCall;
  /** Where it goes. */
  route: Route;
  /** Who calls. */
  token: Token;
  /** Answers another call in the same way, for batches. */
  dispatch: (call: GraphCall) => Promise<Outcome>;
  /** How a report made by this call is to go, when a fault says so. */
  reportOutcome?: ReportOutcome;
  /** Most rows that a fault leaves of a page. */
  shortPage?: number;
}

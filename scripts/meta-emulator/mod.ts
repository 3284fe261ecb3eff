/**
 * The Graph API emulator: invented ad accounts behind Meta's Marketing and Conversions APIs, on a port of this machine,
 * for tests, benches and whoever has no token. It imports nothing of the product that it is used with, and the product
 * nothing of it: both are held by the same `cases/`, worked out from Meta's documentation.
 *
 * ```ts
 * import { smallWorld, startGraphEmulator } from "./mod.ts";
 *
 * await using graph = await startGraphEmulator({ world: smallWorld(new Date()) });
 * graph.faults.add({ match: { route: "insights", page: 2 }, action: { kind: "error", error: "80000/2446079" } });
 * const [account] = graph.world.accounts;
 * await fetch(`${graph.url}/v27.0/act_${account?.plan.account_id}/insights?level=ad`, {
 *   headers: { authorization: `Bearer ${graph.token}` },
 * });
 * console.log(graph.ledger.calls.at(-1)?.route); // "insights"
 * ```
 *
 * Days are days of the account's own time zone, instants epoch milliseconds or `Date`, money whole minor units unless
 * it is text, ids text. What a test changes in place (`world`, `settings`, `tokens`) holds from the next call on.
 * @module
 */

export { type EmulatorOptions, type GraphEmulator, startGraphEmulator } from "./emulator.ts";
export type { GraphContext } from "./context.ts";
export type { HeaderMode, Settings } from "./settings.ts";
export { type GraphVersion, knownVersions } from "./versions.ts";

export type { EmulatorClock } from "./clock.ts";
export type { Token, TokenBook } from "./tokens.ts";
export type { GraphCall } from "./graph_call.ts";
export type { QuotaModel, UsageEntry, UseCase } from "./quota.ts";
export type { Ledger, LedgerEntry } from "./ledger.ts";

export type {
  ActingFault,
  FaultAction,
  FaultBook,
  FaultMatch,
  FaultRule,
  FaultSubject,
  ReportOutcome,
} from "./faults.ts";
export type { GraphErrorBody } from "./graph_error.ts";
export { catalogueKeys } from "./error_catalogue.ts";

export type { Report, ReportBook } from "./insights/report_book.ts";
export type { InsightsQuery, Level } from "./insights/insights_query.ts";
export type { Filter } from "./filtering.ts";
export type { CapiStore, EventsRequest, QualityPlan, ReceivedEvent } from "./capi/capi_store.ts";
export type { Violation } from "./capi/validate_event.ts";

export { type AccountPlan, AdAccount } from "./world/account.ts";
export { bigAccountWorld, currenciesWorld, manyAccountsWorld, planAccount, smallWorld } from "./world/presets.ts";
export { type RestatementRequest, World, type WorldOptions } from "./world/world.ts";
export { type AdNode, type AdSetNode, type AdTreeNode, type CampaignNode, effectiveStatus } from "./world/objects.ts";
export type { NodeBase } from "./world/objects.ts";
export type { DailyMetrics, Restatement } from "./world/figures.ts";
export { dailyMetrics } from "./world/metrics.ts";
export { type TrueRow, trueRows, trueSpend } from "./world/truth.ts";

export { dayText, localDay } from "./calendar.ts";
export { majorText } from "./decimal.ts";
export type { JsonRecord, JsonValue } from "./json_value.ts";

/**
 * The Graph API emulator: a realistic invented ad account behind the Marketing and Conversions APIs, for tests, benches
 * and whoever has no token. It shares no code and no constant with the product; both are held by `cases/`.
 * @module
 */

export { type EmulatorOptions, type GraphEmulator, startGraphEmulator } from "./emulator.ts";
export type { FaultAction, FaultMatch, FaultRule, ReportOutcome } from "./faults.ts";
export type { LedgerEntry } from "./ledger.ts";
export type { HeaderMode, Settings } from "./settings.ts";
export { type GraphVersion, knownVersions } from "./versions.ts";
export { type AccountPlan, AdAccount } from "./world/account.ts";
export { bigAccountWorld, currenciesWorld, manyAccountsWorld, planAccount, smallWorld } from "./world/presets.ts";
export { type TrueRow, trueRows, trueSpend } from "./world/truth.ts";
export { World } from "./world/world.ts";

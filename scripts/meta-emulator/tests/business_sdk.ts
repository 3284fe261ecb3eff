/**
 * What the tests use of Meta's SDK, which comes without types, and the SDK turned towards an emulator.
 * https://github.com/facebook/facebook-nodejs-business-sdk
 * @module
 */

import bundle from "facebook-nodejs-business-sdk";
import type { GraphEmulator } from "../mod.ts";
import type { JsonRecord } from "../json_value.ts";

/** An object as the SDK hands it out. */
export interface SdkObject {
  /** Its fields. */
  _data: JsonRecord;
}

/** One page after another; itself the list of the present page's objects. */
export interface Cursor extends Array<SdkObject> {
  /** Whether another page follows. */
  hasNext(): boolean;
  /** Loads it in place of this one. */
  next(): Promise<Cursor>;
}

type Edge = (fields: string[], params: JsonRecord) => Promise<Cursor>;

/** An object with insights. */
export interface InsightsHolder extends SdkObject {
  getInsights: Edge;
  read(fields: string[]): Promise<SdkObject>;
}

/** An ad account. */
export interface SdkAccount extends InsightsHolder {
  getCampaigns: Edge;
  getAdSets: Edge;
  getAds: Edge;
  getInsightsAsync(fields: string[], params: JsonRecord): Promise<InsightsHolder>;
}

/** A value that is filled in by setters. */
type Fluent<Setters extends string> = { [Name in Setters]: (value: unknown) => Fluent<Setters> };

/** The part of the SDK that is used. */
export interface BusinessSdk {
  FacebookAdsApi: { init(token: string, locale: string, crash_log: boolean): unknown };
  AdAccount: new (id: string) => SdkAccount;
  Ad: { getByIds(ids: string[], fields: string[]): Promise<SdkObject[]> };
  EventRequest: new (token: string, pixel: string, events: unknown[]) => {
    setAppSecret(secret: string): void;
    execute(): Promise<{ _events_received: number }>;
  };
  ServerEvent: new () => Fluent<
    | "setEventName"
    | "setEventTime"
    | "setEventId"
    | "setActionSource"
    | "setEventSourceUrl"
    | "setUserData"
    | "setCustomData"
  >;
  UserData: new () => Fluent<"setEmail" | "setPhone" | "setClientIpAddress" | "setClientUserAgent" | "setFbp">;
  CustomData: new () => Fluent<"setValue" | "setCurrency" | "setOrderId">;
}

const loaded: unknown = bundle;

/** The SDK. */
export const sdk = loaded as BusinessSdk;

/** Turns the SDK to an emulator, with the token of its marketing API, and to a version other than its own. */
export function turnTo(emulator: GraphEmulator, version?: string): void {
  const api = sdk.FacebookAdsApi;
  Object.defineProperty(api, "GRAPH", { configurable: true, get: () => emulator.url });
  if (version !== undefined) Object.defineProperty(api, "VERSION", { configurable: true, get: () => version });
  api.init(emulator.token, "en_US", false);
}

/** Reads an edge to its end. */
export async function readAll(first: Promise<Cursor>): Promise<JsonRecord[]> {
  let page = await first;
  const rows = page.map(({ _data }) => _data);
  while (page.hasNext()) {
    page = await page.next();
    rows.push(...page.map(({ _data }) => _data));
  }
  return rows;
}

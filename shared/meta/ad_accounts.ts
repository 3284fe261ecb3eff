/**
 * Ad accounts: which ones the token can read, and one by its id.
 * https://developers.facebook.com/docs/marketing-api/reference/ad-account
 *
 * @module
 */

import { buildFields, type FieldList } from "./field_list.ts";
import type { GraphClient } from "./graph_client.ts";
import { isObject, readId, readText } from "./graph_values.ts";
import { decodeObject, decodePage, type ObjectAnswer, type ObjectPage } from "./object_page.ts";

/** An ad account as `ad_accounts` stores it. */
export interface AdAccountRow {
  /** Digits, without `act_`. */
  fb_account_id: string;
  /** As its owner named it, in any script. */
  name: string | null;
  /** ISO 4217. */
  currency: string | null;
  /** IANA name: the account's days are this zone's days. */
  timezone_name: string | null;
  /** Meta's `account_status` in words; the number itself where it is a new one. */
  status: string | null;
}

/** What we read of an ad account. */
const AD_ACCOUNT_FIELDS: FieldList = {
  required: ["id", "account_id", "name", "currency", "timezone_name", "account_status"],
  optional: [],
};

/** Meta's numbers for the state of an ad account. */
const ACCOUNT_STATUSES: Readonly<Record<string, string>> = {
  "1": "ACTIVE",
  "2": "DISABLED",
  "3": "UNSETTLED",
  "7": "PENDING_RISK_REVIEW",
  "8": "PENDING_SETTLEMENT",
  "9": "IN_GRACE_PERIOD",
  "100": "PENDING_CLOSURE",
  "101": "CLOSED",
  "201": "ANY_ACTIVE",
  "202": "ANY_CLOSED",
};

/** A time zone by its name. A number is none: it would be taken for an offset of so many hours. */
function readZone(value: unknown): string | null {
  const name = readText(value);
  return name !== null && /^[A-Za-z]/.test(name) ? name : null;
}

/** Reads an ad account; returns the reason when it cannot be read. */
function decodeAdAccount(value: unknown): AdAccountRow | string {
  if (!isObject(value)) return "is not an object";
  const prefixed = typeof value.id === "string" ? value.id.replace(/^act_/, "") : undefined;
  const fb_account_id = readId(value.account_id) ?? readId(prefixed);
  if (fb_account_id === null) return "account_id is missing or no id";
  const { account_status } = value;
  const number = typeof account_status === "number" || typeof account_status === "string"
    ? String(account_status)
    : null;
  return {
    fb_account_id,
    name: readText(value.name),
    currency: readText(value.currency),
    timezone_name: readZone(value.timezone_name),
    status: number === null ? null : ACCOUNT_STATUSES[number] ?? readText(number),
  };
}

/** Reads a page of all ad accounts that the token can read. @throws {GraphApiError} */
export async function fetchAdAccountsPage(
  client: GraphClient,
  page: { after?: string | null; limit: number },
): Promise<ObjectPage<AdAccountRow>> {
  const answer = await client.get("me/adaccounts", {
    fields: buildFields(AD_ACCOUNT_FIELDS),
    limit: page.limit,
    after: page.after,
  });
  return decodePage(answer, decodeAdAccount);
}

/** Reads one ad account. @throws {GraphApiError} */
export async function fetchAdAccount(client: GraphClient, fb_account_id: string): Promise<ObjectAnswer<AdAccountRow>> {
  const answer = await client.get(`act_${fb_account_id}`, { fields: buildFields(AD_ACCOUNT_FIELDS) });
  return decodeObject(answer, decodeAdAccount);
}

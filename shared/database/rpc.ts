/**
 * The one way to Postgres: named functions in schema `public`, called through the Data API with the rights of
 * `service_role`. One call is one transaction over a set of rows.
 *
 * Why `fetch` and no client library: all that is needed of it is one POST, and loading supabase-js takes a third of the
 * CPU that an isolate should take to load, and each call through it twice the CPU of the request.
 * https://docs.postgrest.org/en/stable/references/api/functions.html
 *
 * @module
 */

import { type AppError, ConfigError, DatabaseError } from "../errors.ts";

/** The project's SQL functions that the Edge Functions call. */
export const OPERATIONS = [
  "fb_attribute_purchases",
  "fb_charge_visitor",
  "fb_claim_deliveries",
  "fb_claim_purchases",
  "fb_claim_sync_job",
  "fb_finish_sync_run",
  "fb_identify_project",
  "fb_list_sales_to_attribute",
  "fb_read_secret",
  "fb_record_deliveries",
  "fb_refresh_reversals",
  "fb_release_sync_job",
  "fb_renew_deliveries",
  "fb_replan_insights",
  "fb_reshape_insights",
  "fb_snapshot_purchases",
  "fb_start_sync_run",
  "fb_store_account_days",
  "fb_store_ad_tree_objects",
  "fb_store_ad_tree_page",
  "fb_store_consent",
  "fb_store_event_quality",
  "fb_store_events",
  "fb_store_insights_page",
  "fb_store_report",
  "fb_take_sync_slot",
] as const;

/** Name of one of them. */
export type Operation = typeof OPERATIONS[number];

/** Calls the project's SQL functions. */
export interface Database {
  /**
   * Calls `public.<operation>(request jsonb)` and returns its JSON, undecoded.
   *
   * @throws {DatabaseError} `database_conflict` (a lost lease), `database_unavailable` (no answer, or not now: the
   * outcome is unknown), `database_rejected` (our fault)
   * @throws {ConfigError} `data_api_closed`: the Data API is off, does not expose `public`, or lacks the function
   */
  call(operation: Operation, request: Record<string, unknown>): Promise<unknown>;
  /** Reads one Vault secret of this suite; null when it is not stored. */
  readSecret(name: string): Promise<string | null>;
}

/** SQLSTATE of a write whose lease is another's by now; PostgREST answers it with HTTP 409. */
const LEASE_LOST = "PT409";

/** https://www.postgresql.org/docs/17/errcodes-appendix.html: query_canceled. */
const STATEMENT_TIMEOUT = "57014";

// Classes of SQLSTATE that pass by themselves: connection, resources, operator intervention, and what PostgREST says of
// its pool.
const PASSING = /^(08|53|57|40)|^PGRST00[0-3]$/;

// The Data API does not know our functions: off, another list of schemas, or the migrations are not there.
// https://docs.postgrest.org/en/stable/references/errors.html
const CLOSED = /^PGRST(106|202|205)$/;
const EXPOSED_SCHEMAS = "dashboard > Project Settings > Data API > Exposed schemas";

// Rolled back as a whole to let another transaction pass: the same call may be made again at once.
const ROLLED_BACK = /^40(001|P01)$/;
const TRIES = 4;

/** How a function reaches its project. */
export interface ProjectAccess {
  /** `SUPABASE_URL`. */
  url: string;
  /** A secret key of the project, which acts as `service_role`. */
  secret_key: string;
  /** Carries the requests. */
  fetch: typeof fetch;
}

/** Reads PostgREST's code, or Postgres's, from the body of a refusal. */
function codeOf(text: string): string | null {
  try {
    const { code } = Object(JSON.parse(text));
    return typeof code === "string" && code !== "" ? code : null;
  } catch {
    return null;
  }
}

/** `status` 0: there was no answer. */
function databaseError(operation: string, sqlstate: string | null, status: number): AppError {
  if (sqlstate !== null && CLOSED.test(sqlstate)) {
    const message = `does not offer public.${operation} (${sqlstate}): it has to be enabled and to expose the schema ` +
      `public (${EXPOSED_SCHEMAS}), and the migrations have to be applied`;
    return new ConfigError([{ path: "Data API", message }], { code: "data_api_closed" });
  }
  if (sqlstate !== null && /^PT409|^23505/.test(sqlstate)) {
    return new DatabaseError("database_conflict", operation, sqlstate, { retryable: false });
  }
  const passes = sqlstate === null ? status === 0 || status >= 500 : PASSING.test(sqlstate);
  return new DatabaseError(passes ? "database_unavailable" : "database_rejected", operation, sqlstate);
}

/** Binds the door to a project; nothing is sent before the first call. */
export function createDatabase({ url, secret_key, fetch: send }: ProjectAccess): Database {
  const base = `${url.replace(/\/+$/, "")}/rest/v1/rpc/`;
  const headers = {
    apikey: secret_key,
    authorization: `Bearer ${secret_key}`,
    "content-profile": "public",
    "content-type": "application/json",
  };

  async function post(
    operation: Operation,
    names: string,
    body: string,
  ): Promise<{ status: number; ok: boolean; text: string }> {
    try {
      const response = await send(`${base}${operation}?columns=${names}`, {
        method: "POST",
        headers,
        body,
        redirect: "manual",
      });
      return { status: response.status, ok: response.ok, text: await response.text() };
    } catch {
      return { status: 0, ok: false, text: "" };
    }
  }

  async function invoke(operation: Operation, parameters: Record<string, unknown>): Promise<unknown> {
    // Told the names of the arguments, PostgREST hands the body on unread; otherwise it parses the whole of it to find
    // them.
    // https://docs.postgrest.org/en/stable/references/api/tables_views.html#specifying-columns
    const names = Object.keys(parameters).join(",");
    const body = JSON.stringify(parameters);
    for (let attempt = 1;; attempt += 1) {
      const { status, ok, text } = await post(operation, names, body);
      if (ok) return text === "" ? null : JSON.parse(text);
      // Postgres's own message may quote a row, so only codes are kept.
      const code = codeOf(text);
      if (attempt < TRIES && code !== null && ROLLED_BACK.test(code)) continue;
      throw databaseError(operation, code, status);
    }
  }
  return {
    call: (operation, request) => invoke(operation, { request }),
    async readSecret(name) {
      const secret = await invoke("fb_read_secret", { name });
      return typeof secret === "string" && secret !== "" ? secret : null;
    },
  };
}

/** Whether a write was refused because the job belongs to another worker by now. */
export function isLeaseLost(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlstate === LEASE_LOST;
}

/** Whether a statement took longer than the role may (`authenticator`: 8 s): smaller parts of the same may pass. */
export function isStatementTimeout(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlstate === STATEMENT_TIMEOUT;
}

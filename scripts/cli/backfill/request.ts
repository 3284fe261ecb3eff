/**
 * Asks `fb-sync-insights` for a backfill, and says in words why it refuses.
 *
 * @module
 */

import { z } from "zod";
import type { FunctionAccess } from "../doctor/function_checks.ts";
import { CommandError } from "../command_errors.ts";
import { networkCause } from "../operator/network.ts";

/** What is asked for: a range of days, or that what is planned goes on. */
export type BackfillRequest = { since: string; until?: string; account_ids?: string[] } | { resume: true };

const RefusalSchema = z.object({
  error: z.object({
    message: z.string(),
    details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
});

/** The refused thing as the user named it: the ad account instead of its place in the list. */
function nameOf(path: string, request: BackfillRequest): string {
  const [, place] = /^account_ids\[(\d+)\]$/.exec(path) ?? [];
  const account = "account_ids" in request ? request.account_ids?.[Number(place)] : undefined;
  return account === undefined ? path : `ad account ${account}`;
}

function describeRefusal(status: number, answer: string, request: BackfillRequest): string {
  if (status === 401) return "fb-sync-insights does not take this secret key. See SECRET_KEY in the environment.";
  try {
    const { message, details = [] } = RefusalSchema.parse(JSON.parse(answer)).error;
    return [message, ...details.map((detail) => `  ${nameOf(detail.path, request)} ${detail.message}`)].join("\n");
  } catch {
    return `fb-sync-insights answers HTTP ${status}, and not in its own words. See: meta-ads doctor`;
  }
}

/** Sends the request; returns once the work has begun. */
export async function requestBackfill(access: FunctionAccess, request: BackfillRequest): Promise<void> {
  const url = `${access.url}/fb-sync-insights`;
  const response = await fetch(url, {
    method: "POST",
    headers: { apikey: access.key, "content-type": "application/json", prefer: "respond-async" },
    body: JSON.stringify(request),
    redirect: "manual",
  }).catch((error: unknown) => {
    throw new CommandError(`${new URL(url).host} cannot be reached: ${networkCause(error) ?? "unknown reason"}.`);
  });
  const answer = await response.text();
  if (response.status !== 202) throw new CommandError(describeRefusal(response.status, answer, request));
}

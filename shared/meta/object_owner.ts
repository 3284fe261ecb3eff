/**
 * Whose an object is: for ids that a landing page's address named, of which nobody knows the ad account yet.
 *
 * @module
 */

import { z } from "zod";
import { transportError } from "./graph_answer.ts";
import type { GraphClient } from "./graph_client.ts";

const OWNED_SCHEMA = z.object({ account_id: z.string().regex(/^[0-9]{1,20}$/) });

/**
 * Reads the account of a campaign, ad set or ad, as digits.
 *
 * @param fb_account_id Account to which the call is counted meanwhile.
 * @throws {GraphApiError} `object_missing` when the token cannot see the object; `transport` when the answer names no account.
 */
export async function fetchOwner(client: GraphClient, id: string, fb_account_id: string): Promise<string> {
  const answer = await client.get(id, { fields: "account_id" }, { fb_account_id });
  const parsed = OWNED_SCHEMA.safeParse(answer.body);
  if (!parsed.success) throw transportError("malformed_body", { http_status: 200, usage: answer.usage });
  return parsed.data.account_id;
}

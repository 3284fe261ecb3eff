/**
 * Whose an object is: for ids that a landing page's address named, of which nobody knows the ad account yet.
 *
 * @module
 */

import { transportError } from "./graph_answer.ts";
import type { GraphClient } from "./graph_client.ts";
import { readId } from "./graph_values.ts";

/**
 * Reads the account of a campaign, ad set or ad, as digits.
 *
 * @param fb_account_id Account to which the call is counted meanwhile.
 * @throws {GraphApiError} `object_missing` when the token cannot see the object; `transport` when the answer names no
 * account.
 */
export async function fetchOwner(client: GraphClient, id: string, fb_account_id: string): Promise<string> {
  const answer = await client.get(id, { fields: "account_id" }, { fb_account_id });
  const account_id = readId(answer.body.account_id);
  if (account_id === null) throw transportError("malformed_body", { http_status: 200, usage: answer.usage });
  return account_id;
}

/**
 * By what Meta knows who speaks for a pixel.
 *
 * @module
 */

import type { Database } from "../database/rpc.ts";
import type { GraphCredentials } from "../meta/graph_client.ts";

/** What Vault has for each pixel: its own token first, and the secret of the tokens' app where that app requires it. */
export async function readPixelCredentials(
  database: Database,
  pixel_ids: readonly string[],
): Promise<Map<string, GraphCredentials>> {
  const credentials = new Map<string, GraphCredentials>();
  const app_secret = await database.readSecret("meta_capi_app_secret") ?? undefined;
  let shared: string | null | undefined;
  for (const pixel_id of pixel_ids) {
    const own = await database.readSecret(`meta_capi_access_token_${pixel_id}`);
    if (own === null && shared === undefined) shared = await database.readSecret("meta_capi_access_token");
    const token = own ?? shared ?? null;
    if (token !== null) credentials.set(pixel_id, { token, app_secret });
  }
  return credentials;
}

/**
 * The least that a function like `capi-event` could do: authenticate, parse, one insert through the Data API.
 *
 * @module
 */

import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { connectProject } from "../../../shared/database/project.ts";
import { createFunction } from "../../../shared/edge/serve.ts";
import { BodySchema } from "../../../supabase/functions/capi-event/call.ts";

let client: SupabaseClient | null = null;

export default createFunction({
  slug: "bare-insert",
  callers: "publishable_or_secret",
  settings: [],
  bodySchema: BodySchema,
  connect: (access) => {
    client = createClient(access.url, access.secret_key);
    return connectProject(access);
  },
  run: async (call) => {
    const answer = await client?.rpc("bench_insert", { request: call.body });
    return { status: answer?.error === null ? 202 : 500, body: {} };
  },
});

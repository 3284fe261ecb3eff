/**
 * The least that a function like `capi-event` could do: authenticate, parse, one insert through the Data API.
 *
 * @module
 */

import { createFunction } from "../../../shared/edge/serve.ts";
import { BodySchema } from "../../../supabase/functions/capi-event/handler.ts";

export default createFunction({
  slug: "bare-insert",
  callers: "publishable_or_secret",
  bodySchema: BodySchema,
  run: async (call) => {
    const { error } = await call.admin.rpc("bench_insert", { request: call.body });
    return { status: error === null ? 202 : 500, body: {} };
  },
});

/**
 * Wires `fb-sync-metadata` to the runtime; see `handler.ts`.
 *
 * @module
 */

import { connectProject } from "../../../shared/database/project.ts";
import { createFunction } from "../../../shared/edge/serve.ts";
import { SYNC_SETTINGS } from "../../../shared/queue/invocation.ts";
import { BodySchema, handleSyncMetadata } from "./handler.ts";

export default createFunction({
  slug: "fb-sync-metadata",
  callers: "secret",
  settings: SYNC_SETTINGS,
  bodySchema: BodySchema,
  connect: connectProject,
  run: handleSyncMetadata,
});

/**
 * Wires `fb-sync-metadata` to the runtime; see `handler.ts`.
 *
 * @module
 */

import { connectProject } from "../../../shared/database/project.ts";
import { createFunction } from "../../../shared/edge/serve.ts";
import { BodySchema, handleSyncMetadata } from "./handler.ts";

export default createFunction({
  slug: "fb-sync-metadata",
  callers: "secret",
  bodySchema: BodySchema,
  connect: connectProject,
  run: handleSyncMetadata,
});

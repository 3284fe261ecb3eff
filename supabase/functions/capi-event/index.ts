/**
 * Wires `capi-event` to the runtime; see `handler.ts`.
 *
 * @module
 */

import { connectProject } from "../../../shared/database/project.ts";
import { createFunction } from "../../../shared/edge/serve.ts";
import { BodySchema, SETTINGS } from "./call.ts";
import { handleCapiEvent } from "./handler.ts";

export default createFunction({
  slug: "capi-event",
  callers: "publishable_or_secret",
  browsers: true,
  settings: SETTINGS,
  bodySchema: BodySchema,
  connect: connectProject,
  run: handleCapiEvent,
});

/**
 * Wires `attribute-purchase` to the runtime; see `handler.ts`.
 *
 * @module
 */

import { connectProject } from "../../../shared/database/project.ts";
import { createFunction } from "../../../shared/edge/serve.ts";
import { BodySchema, handleAttributePurchase, SETTINGS } from "./handler.ts";

export default createFunction({
  slug: "attribute-purchase",
  callers: "secret",
  settings: SETTINGS,
  bodySchema: BodySchema,
  connect: connectProject,
  run: handleAttributePurchase,
});

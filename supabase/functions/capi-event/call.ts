/**
 * What a request to `capi-event` may hold, and the settings that it reads.
 *
 * @module
 */

import { z } from "zod";
import type { Call } from "../../../shared/edge/serve.ts";

/** One event, `{events: [...]}`, `{consent: ...}` or `{dispatch: true}`; events are checked one by one. */
export const BodySchema = z.record(z.string(), z.unknown(), { error: "must be an event or {events: [...]}" });

/** A checked body. */
export type CapiEventBody = z.infer<typeof BodySchema>;

/** The settings that it reads. */
export const SETTINGS = [
  "pixel_ids",
  "api_version",
  "graph_url",
  "test_event_code",
  "default_country",
  "require_consent",
] as const;

/** A request with its checked body. */
export type CapiEventCall = Call<CapiEventBody, typeof SETTINGS[number]>;

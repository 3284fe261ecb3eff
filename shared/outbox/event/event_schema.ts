/**
 * The fields of an event as a caller sends it: Meta's server-event fields, and beside them `consent`, `test_event_code`
 * and the click id. Every field is optional here, because what is required depends on other fields; `validate_event.ts`
 * asks for it. Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event
 *
 * @module
 */

import { z } from "zod";
import { CUSTOMER_SEGMENTATION } from "./custom_data.ts";
import { FIRST_LDU_STATE, GEOLOCATE, LAST_LDU_STATE, UNITED_STATES } from "./data_processing.ts";
import { checkEventName } from "./event_name.ts";
import { isObject, objectReader } from "./lenient_object.ts";
import { containsEmail } from "../../user_data/personal_text.ts";
import { ACTION_SOURCES, MESSAGING_CHANNELS } from "./server_event.ts";

const MAX_URL_LENGTH = 8_000;
/** Long enough for any scheme of ids, short enough for an index. */
const MAX_EVENT_ID_LENGTH = 256;

const text = z.string().max(256).refine((id) => !containsEmail(id), "must not contain an e-mail address");
/** What is in it is read field by field later. */
const object = z.custom<Record<string, unknown>>(isObject, { error: "must be an object" });
const seconds = z.number({ error: "must be a number of seconds since 1970" });
const event_id = z.string({ error: "must be a text" }).max(MAX_EVENT_ID_LENGTH, "is too long").regex(
  /\S/,
  "must not be blank",
)
  .refine((id) => !containsEmail(id), "must not contain an e-mail address");

/** The fields that an event may have. */
export const EVENT_SCHEMA = z.object({
  event_name: z.string({ error: "must be a text" }).superRefine((name, context) => {
    const message = checkEventName(name);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  }).optional(),
  event_time: seconds.optional(),
  event_id: event_id.optional(),
  action_source: z.enum(ACTION_SOURCES).optional(),
  messaging_channel: z.enum(MESSAGING_CHANNELS).optional(),
  event_source_url: z.string({ error: "must be a text" }).max(MAX_URL_LENGTH, "is too long").optional(),
  referrer_url: z.unknown().optional(),
  user_data: object.optional(),
  custom_data: object.optional(),
  opt_out: z.boolean().optional(),
  data_processing_options: z.array(z.literal("LDU")).max(1).optional(),
  data_processing_options_country: z.literal([GEOLOCATE, UNITED_STATES]).optional(),
  data_processing_options_state: z.number().int().refine(
    (state) => state === GEOLOCATE || (state >= FIRST_LDU_STATE && state <= LAST_LDU_STATE),
    `must be ${GEOLOCATE} or from ${FIRST_LDU_STATE} to ${LAST_LDU_STATE}`,
  ).optional(),
  original_event_data: z.object({
    event_name: text.optional(),
    event_time: seconds.int().positive().max(100_000_000_000, "is in milliseconds").optional(),
    order_id: text.optional(),
    event_id: event_id.optional(),
  }).optional(),
  attribution_data: object.optional(),
  customer_segmentation: CUSTOMER_SEGMENTATION.optional(),
  consent: z.unknown().optional(),
  test_event_code: z.string().trim().regex(/^\w{1,64}$/, "must be letters and digits").optional(),
  fbclid: z.unknown().optional(),
  fbclid_seen_at: z.unknown().optional(),
});

/** The fields of an event that are right, each checked by itself. */
export type EventFields = z.infer<typeof EVENT_SCHEMA>;

/** Reads the fields of an event, each by itself. */
export const readEventFields = objectReader(EVENT_SCHEMA);

/** Fields that change what counts when they stand in the wrong place. */
export const MISPLACED: Readonly<Record<string, string>> = {
  value: "custom_data",
  currency: "custom_data",
  order_id: "custom_data",
  content_ids: "custom_data",
  contents: "custom_data",
  em: "user_data",
  ph: "user_data",
  external_id: "user_data",
  fbp: "user_data",
  fbc: "user_data",
  client_user_agent: "user_data",
};

/**
 * The storing side of `capi-event`: one event or a batch is checked, normalised, hashed and kept.
 *
 * @module
 */

import { ConfigError } from "../../../shared/errors.ts";
import { BROWSER, SERVER } from "../../../shared/outbox/event/caller_profile.ts";
import { takeEvents, type TakenEvents } from "../../../shared/outbox/take_events.ts";
import type { CapiEventCall } from "./call.ts";

/** Takes in what the body holds and says what became of each event. */
export async function takeEventsOf(call: CapiEventCall): Promise<TakenEvents> {
  const { config, budget } = call;
  if (config.pixel_ids.length === 0) {
    throw new ConfigError([{ path: "META_PIXEL_ID", message: "names no pixel to send events to" }]);
  }
  if (config.test_event_code !== null) call.log.warn("META_TEST_EVENT_CODE is set: test events count like any other");
  return await takeEvents(call.body, {
    database: call.database,
    now_ms: call.clock.now().getTime(),
    profile: call.caller === "secret" ? SERVER : BROWSER,
    pixel_ids: config.pixel_ids,
    require_consent: config.require_consent,
    default_country: config.default_country,
    test_event_code: config.test_event_code,
    user_id: call.user_id,
    client_ip_address: call.client_ip_address,
    client_user_agent: call.client_user_agent,
  }, budget.measure);
}

/**
 * `capi-event`: takes server events from the web app and from servers, stores them, and sends what waits to the
 * Conversions API. An event is answered once it is stored; sending goes on in the background, and the tick sends what
 * was left. Purchases of completed transactions come through the database and are sent by `{dispatch: true}`.
 *
 * @module
 */

import { z } from "zod";
import { takeConsent } from "../../../shared/consent/take_consent.ts";
import { takeEvents } from "../../../shared/outbox/take_events.ts";
import { dispatch, type DispatchSummary } from "../../../shared/outbox/dispatch.ts";
import { createCoalescer } from "../../../shared/outbox/dispatcher.ts";
import type { Answer } from "../../../shared/edge/answer.ts";
import type { Call } from "../../../shared/edge/serve.ts";
import { AuthError, ConfigError } from "../../../shared/errors.ts";
import { BROWSER, SERVER } from "../../../shared/outbox/event/caller_profile.ts";
import { sendEvents } from "../../../shared/meta/conversions_api.ts";
import { createGraphClient } from "../../../shared/meta/graph_client.ts";

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

type CapiEventCall = Call<CapiEventBody, typeof SETTINGS[number]>;

/** How long a run waits for more events to come in; a burst is then one request to Meta. */
const GATHER_MS = 200;

const coalescer = createCoalescer<DispatchSummary>(() => new Promise((resolve) => setTimeout(resolve, GATHER_MS)));

/** Answers one request; the same event twice is one event. */
export async function handleCapiEvent(call: CapiEventCall): Promise<Answer> {
  const { body } = call;
  if (body.dispatch === true) return await answerDispatch(call);
  const isEvent = ["events", "event_name", "event_time", "user_data"].some((field) => field in body);
  if ("consent" in body && !isEvent) return await answerConsent(call);
  return await answerEvents(call);
}

async function answerEvents(call: CapiEventCall): Promise<Answer> {
  const { config, budget } = call;
  if (config.pixel_ids.length === 0) {
    throw new ConfigError([{ path: "META_PIXEL_ID", message: "names no pixel to send events to" }]);
  }
  if (config.test_event_code !== null) call.log.warn("META_TEST_EVENT_CODE is set: test events count like any other");
  const taken = await takeEvents(call.body, {
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
  if (taken.any_to_send) call.background(() => send(call));
  return { status: 202, body: { events: taken.answers } };
}

async function answerConsent(call: CapiEventCall): Promise<Answer> {
  const { user_id, client_ip_address } = call;
  const now_ms = call.clock.now().getTime();
  const speaker = { trusted: call.caller === "secret", user_id, client_ip_address, now_ms };
  const suppressed = await takeConsent(call.body.consent, speaker, call.database);
  return { status: 202, body: { events: [], consent: { suppressed } } };
}

async function answerDispatch(call: CapiEventCall): Promise<Answer> {
  if (call.caller === "publishable") throw new AuthError("forbidden", "Only the project itself may start a dispatch.");
  if (call.respond_async) {
    call.background(() => send(call));
    return { status: 202, body: { events: [] } };
  }
  return { status: 202, body: { events: [], dispatch: await send(call) } };
}

/** Sends what is due; calls that come in while one is sending share the next run. */
function send(call: CapiEventCall): Promise<DispatchSummary> {
  const { config, clock, log, budget } = call;
  return coalescer.run(() =>
    dispatch(config, {
      database: call.database,
      clock,
      warn: log.warn,
      exhausted: () => budget.exhausted() !== false,
      measure: budget.measure,
      count: budget.count,
      send: (credentials, pixel_id, events, test_event_code) => {
        const { api_version, graph_url } = config;
        const client = createGraphClient({ ...credentials, fetch: call.fetch, api_version, graph_url, clock });
        return sendEvents(client, pixel_id, events, test_event_code);
      },
    })
  );
}

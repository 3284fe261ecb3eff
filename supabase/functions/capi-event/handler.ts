/**
 * `capi-event`: takes server events from the web app and from servers, stores them, and sends what waits to the
 * Conversions API. An event is answered once it is stored; sending goes on in the background, and the tick sends what
 * was left. Purchases of completed transactions come through the database and are sent by `{dispatch: true}`.
 *
 * Each path loads what it needs and no more: the CPU of loading is the isolate's too.
 *
 * @module
 */

import type { Answer } from "../../../shared/edge/answer.ts";
import { AuthError } from "../../../shared/errors.ts";
import type { CapiEventCall } from "./call.ts";

/** Answers one request; the same event twice is one event. */
export async function handleCapiEvent(call: CapiEventCall): Promise<Answer> {
  const { body } = call;
  if (body.dispatch === true) return await answerDispatch(call);
  const isEvent = ["events", "event_name", "event_time", "user_data"].some((field) => field in body);
  if ("consent" in body && !isEvent) return await answerConsent(call);
  return await answerEvents(call);
}

async function answerEvents(call: CapiEventCall): Promise<Answer> {
  const { takeEventsOf } = await import("./store.ts");
  const taken = await takeEventsOf(call);
  if (taken.any_to_send) call.background(() => send(call));
  return { status: 202, body: { events: taken.answers } };
}

async function answerConsent(call: CapiEventCall): Promise<Answer> {
  const { takeConsent } = await import("../../../shared/consent/take_consent.ts");
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

async function send(call: CapiEventCall) {
  const { sendDue } = await import("./send.ts");
  return await sendDue(call);
}

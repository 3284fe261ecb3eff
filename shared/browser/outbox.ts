/**
 * The outbox of a page: sends events at once, keeps what could not be sent, and tries again when the browser is online,
 * on the next event, on the next page, and after a pause. An event may arrive twice; its `event_id` makes it count
 * once.
 *
 * @module
 */

import { type QueuedEvent, recall, remember } from "./memory.ts";
import type { MetaAdsOptions } from "./options.ts";
import { navigator, parse, stringify } from "./web_page.ts";

/** The most events that wait, for consent or for the network; then the oldest of the latter goes. */
export const MOST_EVENTS = 50;
/** How long to wait before what failed is tried again. */
export const PAUSE_MS = 30_000;

/** Events with what the page said of people, which is never in the browser's storage. */
const complete: Record<string, object> = {};
const sending = new Set<string>();
let requests: Promise<unknown> = Promise.resolve();

/** Whether a request is done with: taken, or refused (400, 413) so that trying again would not change it. */
const post = async (options: MetaAdsOptions, content: object): Promise<boolean> => {
  // Browsers allow 64 KiB of keepalive bodies at a time; a character is at most three bytes of UTF-8.
  const most_characters = 20_000;
  try {
    const token = await options.accessToken?.();
    const body = stringify(content);
    const { status } = await fetch(`${options.url}/functions/v1/capi-event`, {
      method: "POST",
      headers: {
        apikey: options.publishableKey,
        "content-type": "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body,
      // Outlives the page. What is too large for it together with others on the way, the browser refuses at once.
      keepalive: body.length < most_characters,
    });
    return status < 401 || status === 413;
  } catch {
    return false;
  }
};

/** Adds an event to what waits. */
export const enqueue = (event_id: string, event: QueuedEvent, user_data: object | undefined): void => {
  // What is no JSON throws here, before it could hold up others.
  complete[event_id] = parse(stringify({ ...event, user_data: { ...user_data, ...event.user_data } }));
  remember(({ queue }) => {
    queue[event_id] = event;
    Object.keys(queue).slice(0, -MOST_EVENTS).forEach((oldest) => delete queue[oldest]);
  });
};

/** Sends what waits, unless the browser says that it is offline. */
export const flush = (options: MetaAdsOptions): void => {
  const most_events = 20;
  const { queue } = recall();
  const ids = Object.keys(queue).filter((id) => navigator.onLine && !sending.has(id)).slice(0, most_events);
  if (!ids[0]) return;
  ids.forEach(sending.add, sending);
  requests = Promise.all([
    requests,
    post(options, { events: ids.map((id) => complete[id] ?? queue[id]) }).then((done) => {
      ids.forEach(sending.delete, sending);
      // After a withdrawal nothing is left, and nothing is to be written.
      if (!done || !recall().queue[`${ids[0]}`]) return;
      remember((remembered) => ids.forEach((id) => delete remembered.queue[id]));
      flush(options);
    }),
  ]);
};

/** Tells the server about a withdrawal, after what is on its way. */
export const withdraw = (options: MetaAdsOptions, browser_id: string): void => {
  requests.then(() => post(options, { consent: { state: "denied", browser_id } })).then((done) =>
    done || setTimeout(withdraw, PAUSE_MS, options, browser_id)
  );
};

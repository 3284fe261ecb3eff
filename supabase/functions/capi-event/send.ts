/**
 * The sending side of `capi-event`: what is due goes to the Conversions API.
 *
 * @module
 */

import { sendEvents } from "../../../shared/meta/conversions_api.ts";
import { createGraphClient } from "../../../shared/meta/graph_client.ts";
import { dispatch, type DispatchSummary } from "../../../shared/outbox/dispatch.ts";
import { createCoalescer } from "../../../shared/outbox/dispatcher.ts";
import type { CapiEventCall } from "./call.ts";

/** How long a run waits for more events to come in; a burst is then one request to Meta. */
const GATHER_MS = 200;

const coalescer = createCoalescer<DispatchSummary>(() => new Promise((resolve) => setTimeout(resolve, GATHER_MS)));

/** Sends what is due; calls that come in while one is sending share the next run. */
export function sendDue(call: CapiEventCall): Promise<DispatchSummary> {
  const { config, clock, database, log, budget } = call;
  return coalescer.run(() =>
    dispatch(config, {
      database,
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

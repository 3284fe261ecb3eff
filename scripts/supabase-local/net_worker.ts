/**
 * The background worker of the pg_net stand-in, with the real one's weaknesses: batches of 200 that wait for their
 * slowest request, one transaction a batch, a pause of a second, no retries, answers kept for six hours.
 *
 * @module
 */

import { type NetRequest, type NetResponse, sendNetRequest } from "./net_request.ts";
import { pause } from "./pause.ts";
import type { Server } from "./server.ts";

const BATCH_SIZE = 200;
const TTL = "6 hours";
const PAUSE_MS = 1_000;

/** A running worker. */
export interface NetWorker {
  /** Stops it; requests under way are cut and stay in the queue. */
  stop(): Promise<void>;
}

/** Starts the worker; it sends what is queued already. */
export async function startNetWorker(server: Server): Promise<NetWorker> {
  const sql = server.connect({ max: 1, connection: { application_name: "pg_net worker" } });
  const abort = new AbortController();
  let awake = true;
  let wake: () => void = () => undefined;
  const { unlisten } = await sql.listen("pg_net_wake", () => {
    awake = true;
    wake();
  });

  const running = (async () => {
    while (!abort.signal.aborted) {
      if (!awake) await new Promise<void>((resolve) => wake = resolve);
      awake = false;
      for (;;) {
        if (abort.signal.aborted) return;
        const worked = await runBatch().catch((error) => {
          if (!abort.signal.aborted) console.error("pg_net worker:", error);
          return 1;
        });
        await pause(PAUSE_MS, abort.signal);
        if (worked === 0) break;
      }
    }
  })();

  async function runBatch(): Promise<number> {
    return await sql.begin(async (transaction) => {
      const expired = await transaction`
        delete from net._http_response where ctid in (
          select ctid from net._http_response where created < now() - ${TTL}::interval limit ${BATCH_SIZE}
        )`;
      const requests = await transaction<NetRequest[]>`
        delete from net.http_request_queue where id in (
          select id from net.http_request_queue order by id limit ${BATCH_SIZE}
        )
        returning id, method, url, headers, body, timeout_milliseconds`;
      const responses = await Promise.all(requests.map((request) => sendNetRequest(request, abort.signal)));
      if (abort.signal.aborted) throw new Error("stopped");
      for (const response of responses) await transaction`insert into net._http_response ${transaction(row(response))}`;
      return expired.count + requests.length;
    });
  }

  function row(response: NetResponse) {
    return { ...response, headers: response.headers === null ? null : sql.json(response.headers) };
  }

  return {
    async stop() {
      abort.abort();
      wake();
      await running;
      await unlisten().catch(() => undefined);
      await sql.end({ timeout: 1 });
    },
  };
}

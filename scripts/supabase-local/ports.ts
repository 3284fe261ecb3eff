/**
 * Free TCP ports below the ephemeral range: a port above it may be taken by any outgoing connection between the look
 * and the use. None of the range is on the list of ports that `fetch` refuses.
 *
 * @module
 */

import { PlatformError } from "./project.ts";

const FIRST_PORT = 11_000;
const LAST_PORT = 31_999;

/** A port of 127.0.0.1 that was free a moment ago. */
export function findFreePort(): number {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) continue;
      throw error;
    }
  }
  throw new PlatformError(`No free port between ${FIRST_PORT} and ${LAST_PORT}.`);
}

/** Calls `start` with free ports until it does not fail because somebody else was quicker. */
export async function withFreePort<Result>(start: (port: number) => Promise<Result>): Promise<Result> {
  for (let attempt = 0;; attempt++) {
    try {
      return await start(findFreePort());
    } catch (error) {
      const taken = error instanceof Error && /address already in use|AddrInUse/i.test(error.message);
      if (!taken || attempt === 4) throw error;
    }
  }
}

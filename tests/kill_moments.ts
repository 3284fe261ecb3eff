/**
 * When a test kills a worker: by what the worker does and not by a clock, so that it gets on between two kills on any
 * machine.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { GraphEmulator } from "../scripts/meta-emulator/mod.ts";

/**
 * Resolves after one to `most` further calls to Meta, and up to as long after the last as answers take: before an
 * answer, after one, or while what it brought is being stored.
 */
export async function momentOfKill(graph: GraphEmulator, random: () => number, most = 12): Promise<void> {
  let left = 1 + Math.floor(random() * most);
  await graph.ledger.whenCalled(() => --left === 0);
  await delay(random() * 2 * graph.settings.latency_ms.max);
}

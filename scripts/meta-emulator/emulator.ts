/**
 * Puts the emulator's parts together and opens its port.
 * @module
 */

import { CapiStore } from "./capi/capi_store.ts";
import { answerControl, isControl } from "./control/control.ts";
import { EmulatorClock } from "./clock.ts";
import type { GraphContext } from "./context.ts";
import { answerCall } from "./endpoint.ts";
import { FaultBook } from "./faults.ts";
import { readCall } from "./graph_call.ts";
import { listen } from "./http_listener.ts";
import { ReportBook } from "./insights/report_book.ts";
import { Ledger } from "./ledger.ts";
import { answerPicture, isPicture } from "./pictures.ts";
import { QuotaModel } from "./quota.ts";
import { defaultSettings, type Settings } from "./settings.ts";
import { TokenBook } from "./tokens.ts";
import { smallWorld } from "./world/presets.ts";
import type { World } from "./world/world.ts";

/** How an emulator starts. */
export interface EmulatorOptions {
  /** Port on 127.0.0.1; a free one when absent. */
  port?: number;
  /** The data; the small world when absent. */
  world?: World;
  /** Marketing token; `emulator-marketing-token` when absent. */
  token?: string;
  /** Conversions API token; `emulator-capi-token` when absent. */
  capiToken?: string;
  /** The machine's clock when absent. */
  now?: () => Date;
  /** Switches that differ from the defaults. */
  settings?: Partial<Settings>;
}

/** A running emulator. Its parts may be changed at any time. */
export interface GraphEmulator extends GraphContext {
  /** Origin to put in place of `https://graph.facebook.com`. */
  url: string;
  /** The marketing token. */
  token: string;
  /** The Conversions API token. */
  capiToken: string;
  /** Closes the port and all connections. */
  close(): Promise<void>;
  /** Closes at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts an emulator on loopback. */
export async function startGraphEmulator(options: EmulatorOptions = {}): Promise<GraphEmulator> {
  const closing = new AbortController();
  const clock = new EmulatorClock(options.now);
  const token = options.token ?? "emulator-marketing-token";
  const capiToken = options.capiToken ?? "emulator-capi-token";
  const settings = { ...defaultSettings(), ...options.settings };
  const tokens = new TokenBook();
  tokens.add(capiToken, { name: "capi", accounts: [], scopes: ["ads_management"] });
  tokens.add(token, { name: "marketing", pixels: [], scopes: ["ads_read", "ads_management", "business_management"] });
  const context: GraphContext = {
    world: options.world ?? smallWorld(new Date(clock.now())),
    clock,
    settings,
    tokens,
    quota: new QuotaModel(() => context.world, settings, clock),
    faults: new FaultBook(),
    ledger: new Ledger(),
    reports: new ReportBook(),
    capi: new CapiStore(),
    closing: closing.signal,
  };
  const listener = await listen(options.port ?? 0, async (request) => {
    if (isControl(request)) return answerControl(context, request);
    if (isPicture(request)) return answerPicture(request, clock.now());
    const outcome = await answerCall(context, readCall(request));
    return { status: outcome.answer.status, headers: outcome.headers, body: outcome.text, wire: outcome.wire };
  });
  const close = (): Promise<void> => {
    closing.abort();
    context.faults.clear();
    return listener.close();
  };
  const running = { url: listener.url, token, capiToken, close, [Symbol.asyncDispose]: close };
  return Object.assign(context, running);
}

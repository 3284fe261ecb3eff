/**
 * Turns the true answer of a call into what a scripted fault leaves of it.
 * @module
 */

import { catalogueError } from "./error_catalogue.ts";
import type { FaultAction } from "./faults.ts";
import type { GraphAnswer } from "./graph_call.ts";
import { errorJson, type GraphErrorBody } from "./graph_error.ts";
import type { Wire } from "./http_listener.ts";

/** An answer after a fault. */
export interface FaultedAnswer {
  /** The answer. */
  answer: GraphAnswer;
  /** How it leaves. */
  wire: Wire;
  /** True when a batch is to answer `null` for this sub-request. */
  nullEntry: boolean;
}

/** Waits in real time, or until the emulator closes. */
export function wait(milliseconds: number, closing: AbortSignal): Promise<void> {
  if (milliseconds <= 0 || closing.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      closing.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    closing.addEventListener("abort", end);
  });
}

function raw(status: number, text: string, type: string): GraphAnswer {
  return { status, body: null, text, headers: [["content-type", type]] };
}

/** Applies a fault; `truth` makes the true answer, with all its effects, and is called only where the fault lets it. */
export async function applyFault(
  action: FaultAction | null,
  truth: () => Promise<GraphAnswer>,
  closing: AbortSignal,
): Promise<FaultedAnswer> {
  const sent = (answer: GraphAnswer): FaultedAnswer => ({ answer, wire: "send", nullEntry: false });
  if (!action) return sent(await truth());
  switch (action.kind) {
    case "error": {
      const body: GraphErrorBody = typeof action.error === "string"
        ? catalogueError(action.error)
        : { status: 400, type: "OAuthException", ...action.error };
      return sent({ status: action.status ?? body.status, body: errorJson(body) });
    }
    case "body":
      if (action.after_effect) await truth();
      return sent({ status: action.status ?? 200, body: action.body });
    case "truncate": {
      const full = JSON.stringify((await truth()).body);
      const text = full.slice(0, Math.floor(full.length * (action.keep ?? 0.5)));
      return sent(raw(200, text, "application/json; charset=UTF-8"));
    }
    case "html": {
      if (action.after_effect) await truth();
      const page = "<!DOCTYPE html><html><body><h1>Sorry, something went wrong.</h1></body></html>";
      return sent(raw(action.status ?? 502, page, "text/html; charset=utf-8"));
    }
    case "text":
      return sent(raw(action.status ?? 200, action.body ?? "Service Unavailable", "text/plain"));
    case "empty":
      if (action.after_effect) await truth();
      return sent(raw(action.status ?? 200, "", "application/json; charset=UTF-8"));
    case "cut":
      return { answer: await truth(), wire: action.chunked ? "cut_chunks" : "cut", nullEntry: false };
    case "null_entry":
      return { answer: { status: 200, body: null }, wire: "send", nullEntry: true };
    case "hang":
    case "reset":
    case "garbage":
    case "endless": {
      const answer: GraphAnswer = action.after_effect ? await truth() : { status: 200, body: null };
      if (action.kind === "hang") await wait(action.ms, closing);
      return { answer, wire: action.kind === "hang" ? "close" : action.kind, nullEntry: false };
    }
    default:
      return sent(await truth());
  }
}

/**
 * Answers of the functions. `answerError` is the one place where an error becomes a `Response`.
 *
 * @module
 */

import { AppError, ConfigError } from "../errors.ts";
import type { Log } from "./log.ts";

/** What a function answers with. */
export interface Answer {
  /** HTTP status. */
  status: number;
  /** Sent as JSON. */
  body: unknown;
  /** Headers beside those of every answer. */
  headers?: Record<string, string>;
}

/** Makes the `Response` of a function that went well. */
export function answerJson(answer: Answer, headers: Record<string, string>): Response {
  return Response.json(answer.body, { status: answer.status, headers: { ...headers, ...answer.headers } });
}

/** Circumstances of an error. */
export interface ErrorContext {
  /** Names this request in the answer and in the log. */
  request_id: string;
  /** Where the rest of the story goes. */
  log: Log;
  /** Headers that every answer to this request carries. */
  headers: Record<string, string>;
  /** The caller has shown a key that is no web app's, so it may read which setting is wrong. */
  trusted: boolean;
}

/** Turns any error into the project's form of an answer; logs what the caller is not told. */
export function answerError(error: unknown, context: ErrorContext): Response {
  const { request_id, log, trusted } = context;
  const headers: Record<string, string> = { ...context.headers };
  if (!(error instanceof AppError)) {
    log.error("request failed unexpectedly", { error });
    const body = { error: { code: "internal", message: "Something went wrong inside.", request_id } };
    return Response.json(body, { status: 500, headers });
  }
  if (error.status >= 500) log.error("request failed", { error });
  else log.info("request refused", { code: error.code, status: error.status, details: error.details });
  if (error.retry_after_seconds !== undefined) headers["Retry-After"] = String(Math.ceil(error.retry_after_seconds));
  if (error.code === "method_not_allowed") headers["Allow"] = "GET, POST";
  const hidden = error instanceof ConfigError && !trusted && !error.is_public;
  const message = hidden ? "The function is not configured; its log says what is wrong." : error.message;
  const details = hidden || error.details === undefined ? {} : { details: error.details };
  return Response.json({ error: { code: error.code, message, ...details, request_id } }, {
    status: error.status,
    headers,
  });
}

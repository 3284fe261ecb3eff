/**
 * A function under test with its calls and log lines, and what the tests of `serve.ts` say of answers.
 *
 * @module
 */

import { assert } from "@std/assert";
import { z } from "zod";
import type { Project } from "../../shared/database/project.ts";
import type { ProjectAccess } from "../../shared/database/rpc.ts";
import type { Callers } from "../../shared/edge/project_keys.ts";
import { type Call, createFunction } from "../../shared/edge/serve.ts";
import { environment, SCHEDULE_DIGEST } from "./edge_environment.ts";

/** Body of the function under test. */
export const bodySchema = z.strictObject({
  account_ids: z.array(z.string().regex(/^\d+$/, "must be digits")).optional(),
  full: z.boolean().optional(),
});
/** Its checked body. */
export type Body = z.infer<typeof bodySchema>;

/** Its checked call. */
export type TestCall = Call<Body, "account_ids" | "api_version" | "require_consent">;

/** How the function under test differs from a plain one. */
export interface Setup {
  callers?: Callers;
  browsers?: boolean;
  variables?: Record<string, string | null>;
  run?: (call: TestCall) => Promise<{ status: number; body: unknown; headers?: Record<string, string> }>;
  fetch?: typeof fetch;
  connect?: (access: ProjectAccess) => Project;
  copy_of?: string;
}

/** A project whose database knows the schedule's key and nothing else. */
function fakeProject(copy_of: string | null, identified: () => void): Project {
  const refuse = () => Promise.reject(new Error("no database here"));
  return {
    database: { call: refuse, readSecret: refuse },
    identify: () => {
      identified();
      return Promise.resolve({ key_sha256: SCHEDULE_DIGEST, copy_of });
    },
  };
}

/** Makes the function. */
export function setUp(setup: Setup = {}) {
  const calls: TestCall[] = [];
  const lines: string[] = [];
  let identified = 0;
  const { callers = "secret", browsers = callers !== "secret", variables = {}, run } = setup;
  const fn = createFunction({
    slug: "fb-test",
    callers,
    browsers,
    settings: ["account_ids", "api_version", "require_consent"],
    bodySchema,
    connect: setup.connect ?? (() => fakeProject(setup.copy_of ?? null, () => identified += 1)),
    run: async (call) => {
      calls.push(call);
      return await (run?.(call) ?? Promise.resolve({ status: 200, body: { done: true } }));
    },
  }, {
    get: environment(variables),
    log_sink: (_level, line) => lines.push(line),
    ...(setup.fetch === undefined ? {} : { fetch: setup.fetch }),
  });
  return { fn, calls, lines, identified: () => identified };
}

/** A request to it. */
export function post(headers: Record<string, string>, body: BodyInit = "{}"): Request {
  return new Request("http://127.0.0.1/fb-test", { method: "POST", headers, body });
}

/** What a stranger is told. */
export const UNAUTHORIZED = { code: "unauthorized", message: "This request is not authenticated." };

/** The error of an answer without its request id, which has to be one. */
export async function errorOf(response: Response) {
  const { error } = await response.json();
  const { request_id, ...rest } = error;
  assert(/^[0-9a-f-]{36}$/.test(request_id));
  return rest;
}

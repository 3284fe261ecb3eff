/**
 * Who calls: by the key in the header `apikey`, and nothing else. A user's token beside it is looked at afterwards and
 * costs, when it is bad, the user id alone. The answer to a stranger tells nothing.
 *
 * @module
 */

import { AuthError } from "../errors.ts";
import type { KnownIdentity } from "./project_identity.ts";
import { createKeyRing, digestKey, type ProjectKeys } from "./project_keys.ts";

/**
 * `secret`: people and servers; `publishable`: web apps, whose key anyone can read; `schedule`: the database's tick.
 */
export type Caller = "secret" | "publishable" | "schedule";

/** What the key of the schedule is good for: asking that waiting work be done. */
const SCHEDULE_BODIES = ["{}", '{"resume":true}', '{"refresh":true}', '{"dispatch":true}'];

/** Finds out who calls; null for a stranger. */
export type FindCaller = (apikey: string | null) => Promise<Caller | null>;

/**
 * Makes the finder of one isolate. A key of the project is known at once; any other may be the key of the schedule.
 * Keys are compared by digest, in constant time.
 */
export function createCallerFinder(keys: ProjectKeys, identity: KnownIdentity): FindCaller {
  const findKey = createKeyRing(keys);
  return async (apikey) => {
    if (apikey === null || apikey === "") return null;
    const digest = digestKey(apikey);
    return findKey(digest) ?? (await identity.isScheduleKey(digest) ? "schedule" : null);
  };
}

/**
 * Lets the schedule ask for waiting work and for nothing else.
 *
 * @throws {AuthError} 403 `forbidden`, naming what is allowed.
 */
export function requireScheduleBody(body: unknown): void {
  if (SCHEDULE_BODIES.includes(JSON.stringify(body))) return;
  throw new AuthError(
    "forbidden",
    `The key of the schedule is good for ${SCHEDULE_BODIES.join(", ")} alone; use a secret key of the project.`,
  );
}

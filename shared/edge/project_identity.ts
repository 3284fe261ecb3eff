/**
 * What the database says of its project, kept for a minute: the digest of the key of the schedule, and whether this
 * project is a copy of another. A key that does not fit asks the database again at most every five seconds, so that a
 * new key is seen soon and a stranger's guesses cost the database nothing.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { ProjectIdentity } from "../database/project.ts";
import { digestsAreEqual } from "./project_keys.ts";

const KEPT_MS = 60_000;
const ASKED_AGAIN_MS = 5_000;

/** What one isolate knows of its project. */
export interface KnownIdentity {
  /**
   * The identity, not older than a minute while the database answers.
   *
   * @throws {DatabaseError} When the database never answered.
   */
  current(): Promise<ProjectIdentity>;
  /**
   * The identity as the database tells it now.
   *
   * @throws {DatabaseError}
   */
  fresh(): Promise<ProjectIdentity>;
  /**
   * Whether a key with this digest is the key of the schedule.
   *
   * @throws {DatabaseError} When the database never answered.
   */
  isScheduleKey(digest: Uint8Array): Promise<boolean>;
}

function decodeHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** Knows nothing before it is asked. Requests at the same time share one question. */
export function createKnownIdentity(read: () => Promise<ProjectIdentity>, clock: Clock): KnownIdentity {
  let known: ProjectIdentity | null = null;
  let known_since_ms = Number.NEGATIVE_INFINITY;
  let asked_ms = Number.NEGATIVE_INFINITY;
  let failure: unknown = null;
  let asking: Promise<ProjectIdentity> | null = null;
  const since = (then_ms: number) => Math.abs(clock.now().getTime() - then_ms);

  async function ask(): Promise<ProjectIdentity> {
    asked_ms = clock.now().getTime();
    try {
      known = await read();
      known_since_ms = asked_ms;
      return known;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      asking = null;
    }
  }
  const fresh = () => asking ??= ask();
  const fits = (digest: Uint8Array) => {
    const { key_sha256 = null } = known ?? {};
    return key_sha256 !== null && digestsAreEqual(decodeHex(key_sha256), digest);
  };

  return {
    fresh,
    async current() {
      if (known !== null && since(known_since_ms) < KEPT_MS) return known;
      try {
        return await fresh();
      } catch (error) {
        // What was true a while ago serves on: the work itself meets the database's error.
        if (known !== null) return known;
        throw error;
      }
    },
    async isScheduleKey(digest) {
      if (since(known_since_ms) < KEPT_MS && fits(digest)) return true;
      if (asking === null && since(asked_ms) < ASKED_AGAIN_MS) {
        if (known === null) throw failure;
        return fits(digest);
      }
      await fresh();
      return fits(digest);
    },
  };
}

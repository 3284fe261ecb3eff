/**
 * How a quota's rise is learned: what the next call may find of it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { decideThrottle, UsageRises } from "../../shared/queue/usage.ts";

const NOW = new Date("2026-11-27T12:00:00Z");
const appAt = (pct: number) => ({ scope: "app", key: null, pct, regain_seconds: 0 }) as const;
const accountAt = (key: string, pct: number) => ({ scope: "account", key, pct, regain_seconds: 300 }) as const;

function throttle(rises: UsageRises, fb_account_id: string, reading: Parameters<UsageRises["of"]>[1]) {
  rises.note(fb_account_id, [reading]);
  return decideThrottle([reading], { fb_account_id, use_case: "ads_insights", now: NOW, threshold: 90, rises })?.scope;
}

Deno.test("the app's rise that one account's calls have seen counts for the first call of another", () => {
  const rises = new UsageRises();
  assertEquals(throttle(rises, "1", appAt(60)), undefined);
  assertEquals(throttle(rises, "1", appAt(72)), undefined);
  assertEquals(throttle(rises, "2", appAt(87)), undefined, "87 and 12 are less than 100");
  assertEquals(throttle(rises, "3", appAt(88)), "app");
});

Deno.test("an account's rise counts for that account alone", () => {
  const rises = new UsageRises();
  throttle(rises, "1", accountAt("1", 60));
  assertEquals(throttle(rises, "1", accountAt("1", 72)), undefined);
  assertEquals(throttle(rises, "2", accountAt("2", 88)), undefined);
  assertEquals(throttle(rises, "1", accountAt("1", 88)), "account");
});

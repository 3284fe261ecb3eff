/**
 * Which keys count as the one named `fb_ads`.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { loadAuthEnvironment } from "../../shared/edge/auth.ts";
import { ConfigError } from "../../shared/errors.ts";

const keysAt = (url: string, keys: Record<string, string>) =>
  loadAuthEnvironment(
    (name) => ({ SUPABASE_URL: url, SUPABASE_SECRET_KEYS: JSON.stringify(keys) })[name],
    "secret",
  ).secretKeys;

Deno.test("`loadAuthEnvironment()` takes a local stack's only secret key for `fb_ads`, a hosted project's never", () => {
  for (const url of ["http://kong:8000", "http://127.0.0.1:54321"]) {
    assertEquals(keysAt(url, { default: "sb_secret_a" }), { default: "sb_secret_a", fb_ads: "sb_secret_a" });
  }
  assertThrows(() => keysAt("https://abcdefghijklmnopqrst.supabase.co", { default: "sb_secret_a" }), ConfigError);
});

Deno.test("`loadAuthEnvironment()` leaves a key named `fb_ads` and several keys as they are", () => {
  const named = { default: "sb_secret_a", fb_ads: "sb_secret_b" };
  assertEquals(keysAt("http://127.0.0.1:54321", named), named);
  assertThrows(() => keysAt("http://127.0.0.1:54321", { default: "sb_secret_a", other: "sb_secret_c" }), ConfigError);
});

/**
 * Which keys a function takes, and which one the database sees.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { createKeyRing, digestKey, loadProjectKeys } from "../../shared/edge/project_keys.ts";
import { ConfigError } from "../../shared/errors.ts";

const URL_OF_PROJECT = "https://abcdefghijklmnopqrst.supabase.co";

const load = (variables: Record<string, string>, callers: "secret" | "publishable_or_secret" = "secret") =>
  loadProjectKeys((name) => ({ SUPABASE_URL: URL_OF_PROJECT, ...variables })[name], callers);

const keysNamed = (keys: Record<string, string>) => load({ SUPABASE_SECRET_KEYS: JSON.stringify(keys) });

Deno.test("loadProjectKeys() takes every secret key, and shows the database `default`, else the first", () => {
  assertEquals(keysNamed({ server: "sb_secret_a", default: "sb_secret_b" }).database_key, "sb_secret_b");
  const keys = keysNamed({ server: "sb_secret_a", cron: "sb_secret_b" });
  assertEquals([keys.database_key, keys.secret], ["sb_secret_a", { server: "sb_secret_a", cron: "sb_secret_b" }]);
});

Deno.test("loadProjectKeys() takes the legacy keys only where a project has none of the new form", () => {
  const legacy = { SUPABASE_SERVICE_ROLE_KEY: "legacy-service", SUPABASE_ANON_KEY: "legacy-anon" };
  const old = load(legacy, "publishable_or_secret");
  assertEquals([old.secret, old.publishable], [{ default: "legacy-service" }, { default: "legacy-anon" }]);
  assertEquals(load({ ...legacy, SUPABASE_SECRET_KEYS: '{"a":"sb_secret_a"}' }).secret, { a: "sb_secret_a" });
});

const UNUSABLE: [what: string, variables: Record<string, string>, names: string[]][] = [
  ["no secret key", {}, ["SUPABASE_SECRET_KEYS", "SUPABASE_PUBLISHABLE_KEYS"]],
  ["an empty secret key", { SUPABASE_SECRET_KEYS: '{"default":""}', SUPABASE_ANON_KEY: "a" }, ["SUPABASE_SECRET_KEYS"]],
  ["keys that are no JSON", { SUPABASE_SECRET_KEYS: "{", SUPABASE_ANON_KEY: "a" }, ["SUPABASE_SECRET_KEYS"]],
  ["a list of keys", { SUPABASE_SECRET_KEYS: '["sb_secret_a"]', SUPABASE_ANON_KEY: "a" }, ["SUPABASE_SECRET_KEYS"]],
  [
    "no URL",
    { SUPABASE_SECRET_KEYS: '{"a":"b"}', SUPABASE_ANON_KEY: "a", SUPABASE_URL: "project" },
    ["SUPABASE_URL"],
  ],
];
for (const [what, variables, names] of UNUSABLE) {
  Deno.test(`loadProjectKeys() refuses ${what} by the variable's name`, () => {
    const error = assertThrows(() => load(variables, "publishable_or_secret"), ConfigError);
    assertEquals(error.details?.map(({ path }) => path), names);
  });
}

Deno.test("createKeyRing() knows keys by their digest, and a secret key that is publishable too as secret", () => {
  const find = createKeyRing({
    url: URL_OF_PROJECT,
    publishable: { web: "sb_publishable_a", odd: "sb_secret_b" },
    secret: { default: "sb_secret_a", other: "sb_secret_b" },
    database_key: "sb_secret_a",
  });
  const kinds = ["sb_secret_a", "sb_secret_b", "sb_publishable_a", "sb_secret_c", ""].map((key) =>
    find(digestKey(key))
  );
  assertEquals(kinds, ["secret", "secret", "publishable", null, null]);
});

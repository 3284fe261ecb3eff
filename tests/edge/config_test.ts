/**
 * What a variable of the environment becomes, and which values are refused by name.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Config, DEFAULT_API_VERSION, loadConfig } from "../../shared/edge/config.ts";
import { ConfigError } from "../../shared/errors.ts";

const ALL = [
  "pixel_ids",
  "api_version",
  "graph_url",
  "test_event_code",
  "account_ids",
  "default_country",
  "require_consent",
] as const;

const load = (variables: Record<string, string>): Config => loadConfig((name) => variables[name], ALL);

const DEFAULTS: Config = {
  pixel_ids: [],
  api_version: DEFAULT_API_VERSION,
  graph_url: "https://graph.facebook.com",
  test_event_code: null,
  account_ids: { mode: "none", ids: [] },
  default_country: null,
  require_consent: true,
};

Deno.test("loadConfig() has a default for everything, and an empty string counts as unset", () => {
  assertEquals(load({}), DEFAULTS);
  const names = ["META_PIXEL_ID", "META_API_VERSION", "META_GRAPH_URL", "META_TEST_EVENT_CODE", "FB_ADS_ACCOUNT_IDS"];
  const more = ["FB_ADS_DEFAULT_COUNTRY", "FB_ADS_REQUIRE_CONSENT"];
  assertEquals(load(Object.fromEntries([...names, ...more].map((name) => [name, " "]))), DEFAULTS);
});

const GOOD: [Record<string, string>, Partial<Config>][] = [
  [{ META_PIXEL_ID: "123, 456 ,123" }, { pixel_ids: ["123", "456"] }],
  [{ META_API_VERSION: "v98.0" }, { api_version: "v98.0" }],
  [{ META_GRAPH_URL: "https://graph.facebook.com/" }, { graph_url: "https://graph.facebook.com" }],
  [{ META_GRAPH_URL: "http://127.0.0.1:8123/" }, { graph_url: "http://127.0.0.1:8123" }],
  [{ META_GRAPH_URL: "http://localhost:8123/graph/" }, { graph_url: "http://localhost:8123/graph" }],
  [{ META_GRAPH_URL: "http://[::1]:9" }, { graph_url: "http://[::1]:9" }],
  [{ META_TEST_EVENT_CODE: "TEST123" }, { test_event_code: "TEST123" }],
  [{ FB_ADS_ACCOUNT_IDS: "*" }, { account_ids: { mode: "all", ids: [] } }],
  [{ FB_ADS_ACCOUNT_IDS: "act_1001,1002 1001" }, { account_ids: { mode: "list", ids: ["1001", "1002"] } }],
  [{ FB_ADS_DEFAULT_COUNTRY: "id" }, { default_country: "ID" }],
  [{ FB_ADS_REQUIRE_CONSENT: "FALSE" }, { require_consent: false }],
  [{ FB_ADS_REQUIRE_CONSENT: "0" }, { require_consent: false }],
  [{ FB_ADS_REQUIRE_CONSENT: "yes" }, { require_consent: true }],
];
for (const [variables, expected] of GOOD) {
  Deno.test(`loadConfig() reads ${JSON.stringify(variables)}`, () => {
    assertEquals(load(variables), { ...DEFAULTS, ...expected });
  });
}

const BAD: [string, string][] = [
  ["META_PIXEL_ID", "123,abc"],
  ["META_API_VERSION", "26.0"],
  ["META_API_VERSION", "v26.1"],
  ["META_API_VERSION", "../v26.0"],
  ["META_GRAPH_URL", "https://evil.example"],
  ["META_GRAPH_URL", "https://graph.facebook.com.evil.example"],
  ["META_GRAPH_URL", "http://graph.facebook.com"],
  ["META_GRAPH_URL", "https://graph.facebook.com/v26.0"],
  ["META_GRAPH_URL", "http://127.0.0.1.evil.example"],
  ["META_GRAPH_URL", "http://user:pass@127.0.0.1"],
  ["META_GRAPH_URL", "file:///etc/passwd"],
  ["META_GRAPH_URL", "graph"],
  ["FB_ADS_ACCOUNT_IDS", "*,1001"],
  ["FB_ADS_ACCOUNT_IDS", "10a"],
  ["FB_ADS_DEFAULT_COUNTRY", "IDN"],
  ["FB_ADS_REQUIRE_CONSENT", "maybe"],
  ["META_TEST_EVENT_CODE", '"TEST123"'],
  ["META_PIXEL_ID", '"123"'],
];
for (const [name, value] of BAD) {
  Deno.test(`loadConfig() refuses ${name}=${value}`, () => {
    const error = assertThrows(() => load({ [name]: value }), ConfigError);
    assertEquals(error.details?.map((problem) => problem.path), [name]);
  });
}

Deno.test("loadConfig() does not repeat a wrong value, which may be a secret in the wrong place", () => {
  const error = assertThrows(
    () => load({ META_PIXEL_ID: "EAAtoken", META_GRAPH_URL: "https://x/EAAtoken" }),
    ConfigError,
  );
  assert(!`${error.message} ${JSON.stringify(error.details)}`.includes("EAAtoken"));
});

Deno.test("loadConfig() reads the settings that are asked for: a mistake in another one stops nobody", () => {
  const get = (name: string) => ({ META_API_VERSION: "x", FB_ADS_DEFAULT_COUNTRY: "PH" })[name];
  assertEquals(loadConfig(get, ["default_country", "pixel_ids"]), { default_country: "PH", pixel_ids: [] });
  assertThrows(() => loadConfig(get, ["default_country", "api_version"]), ConfigError);
});

Deno.test("loadConfig() names all wrong variables at once", () => {
  const wrong = { META_API_VERSION: "x", FB_ADS_ACCOUNT_IDS: "x", FB_ADS_REQUIRE_CONSENT: "x" };
  const error = assertThrows(() => load(wrong), ConfigError);
  assertEquals(error.details?.map((problem) => problem.path), Object.keys(wrong));
  assertEquals([error.code, error.status, error.retryable], ["config_invalid", 500, false]);
});

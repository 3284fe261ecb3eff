/**
 * `createFunction()` before the key of the schedule, in a copy of another project, and when it is asked whether it
 * works.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { errorOf, post, setUp, UNAUTHORIZED } from "./served_function.ts";
import { OTHER_SECRET, PUBLISHABLE, SCHEDULE_KEY, SECRET } from "./edge_environment.ts";

const ORIGIN = { origin: "https://shop.example" };
const get = (headers: Record<string, string>) => new Request("http://127.0.0.1/fb-test", { headers });

for (const body of ["", "{}", '{"resume":true}', ' {"refresh" : true} ', '{"dispatch":true}']) {
  Deno.test(`the key of the schedule may ask for ${JSON.stringify(body)}`, async () => {
    const { fn, calls } = setUp();
    const response = await fn.fetch(post({ apikey: SCHEDULE_KEY }, body));
    // What a function does not know is refused by its schema, as from anybody.
    assertEquals(response.status === 403, false);
    assertEquals(calls.map(({ caller }) => caller), /resume|refresh|dispatch/.test(body) ? [] : ["schedule"]);
  });
}

const REFUSED = [
  '{"account_ids":["1001"]}',
  '{"full":true}',
  '{"resume":true,"full":true}',
  '{"resume":false}',
  '{"resume":"true"}',
  '{"since":"2026-01-01"}',
  '{"events":[]}',
  '{"event_name":"Purchase"}',
  '{"transaction_refs":["1"]}',
  "[]",
  "null",
  "true",
];
for (const body of REFUSED) {
  Deno.test(`the key of the schedule may not ask for ${body}, and is told for what`, async () => {
    const { fn, calls } = setUp({ callers: "publishable_or_secret" });
    const response = await fn.fetch(post({ apikey: SCHEDULE_KEY }, body));
    const error = await errorOf(response);
    assertEquals([response.status, error.code, calls.length], [403, "forbidden", 0]);
    assertStringIncludes(error.message, '{}, {"resume":true}, {"refresh":true}, {"dispatch":true}');
  });
}

Deno.test("any secret key of the project may ask for anything", async () => {
  for (const apikey of [SECRET, OTHER_SECRET]) {
    const { fn, calls } = setUp();
    assertEquals((await fn.fetch(post({ apikey }, '{"account_ids":["1001"]}'))).status, 200);
    assertEquals(calls.map(({ caller }) => caller), ["secret"]);
  }
});

Deno.test("a stranger's keys are one question to the database, and the project's own are one a minute", async () => {
  const { fn, identified } = setUp();
  for (let guess = 0; guess < 20; guess++) {
    assertEquals((await fn.fetch(post({ apikey: `fb_ads_guess_${guess}` }))).status, 401);
  }
  assertEquals(identified(), 1);
  for (let call = 0; call < 20; call++) await fn.fetch(post({ apikey: SECRET }));
  await fn.fetch(post({ apikey: SCHEDULE_KEY }));
  assertEquals(identified(), 1);
});

Deno.test("a copy of another project does nothing, and says of which one to whoever has a key that is no web app's", async () => {
  const copy = { callers: "publishable_or_secret", copy_of: "abcdefghijklmnopqrst" } as const;
  for (const apikey of [SECRET, SCHEDULE_KEY]) {
    const { fn, calls } = setUp(copy);
    const response = await fn.fetch(post({ apikey }));
    const error = await errorOf(response);
    assertEquals([response.status, error.code, calls.length], [409, "project_copy", 0]);
    assertStringIncludes(error.message, "copy of project abcdefghijklmnopqrst");
    assertStringIncludes(error.message, "fb_ads.adopt_project");
  }
  const { fn, calls } = setUp(copy);
  const response = await fn.fetch(post({ apikey: PUBLISHABLE, ...ORIGIN }));
  assertEquals([response.status, await errorOf(response), calls.length], [409, {
    code: "project_copy",
    message: "The function is not configured; its log says what is wrong.",
  }, 0]);
});

Deno.test("GET does no work and asks the database each time", async () => {
  const { fn, calls, identified } = setUp({ callers: "publishable_or_secret" });
  for (const apikey of [SECRET, SCHEDULE_KEY]) {
    const response = await fn.fetch(get({ apikey }));
    assertEquals([response.status, await response.json()], [200, { function: "fb-test", status: "ok" }]);
  }
  assertEquals([calls.length, identified()], [0, 2]);
});

Deno.test("GET says what is wrong: a setting, a copy, a database that does not answer", async () => {
  const wrong = await setUp({ variables: { META_API_VERSION: "26" } }).fn.fetch(get({ apikey: SECRET }));
  assertEquals([wrong.status, (await errorOf(wrong)).details.map(({ path }: { path: string }) => path)], [500, [
    "META_API_VERSION",
  ]]);
  const copy = await setUp({ copy_of: "abcdefghijklmnopqrst" }).fn.fetch(get({ apikey: SECRET }));
  assertEquals([copy.status, (await errorOf(copy)).code], [409, "project_copy"]);
});

Deno.test("GET is answered to no stranger and to no web app", async () => {
  const { fn } = setUp({ callers: "publishable_or_secret" });
  const nobody = await fn.fetch(get({}));
  assertEquals([nobody.status, await errorOf(nobody)], [401, UNAUTHORIZED]);
  const browser = await fn.fetch(get({ apikey: PUBLISHABLE, ...ORIGIN }));
  assertEquals([browser.status, (await errorOf(browser)).code], [405, "method_not_allowed"]);
});

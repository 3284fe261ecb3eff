/**
 * The Data API turns keys into roles, with the grants and time-outs of a hosted project.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Platform, startPlatform } from "../mod.ts";
import { fixtureProject } from "./fixtures/recorder.ts";
import { until } from "../waiting.ts";

async function rest(platform: Platform, path: string, headers: Record<string, string>, body?: unknown) {
  const response = await fetch(`${platform.apiUrl}/rest/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json().catch(() => null) };
}

Deno.test("the Data API is that of a hosted project", async (t) => {
  await using platform = await startPlatform({ projectRoot: fixtureProject, schedule: false });
  const started = performance.now();
  // Eight seconds, in which the other claims are looked at.
  const asleep = Promise.all([platform.secretKey, platform.publishableKey].map(async (apikey) => {
    const { body } = await rest(platform, "/rpc/sleep_for", { apikey }, { seconds: 20 });
    return { code: body.code, at: performance.now() };
  }));
  asleep.catch(() => undefined);

  await t.step(
    "the Data API takes a secret key for service_role, a publishable one for anon, a user's token for the user",
    async () => {
      const secret = { apikey: platform.secretKey };
      assertEquals((await rest(platform, "/rpc/add_note", secret, { body: "x" })).body, 1);
      assertEquals((await rest(platform, "/note?select=body", secret)).body, [{ body: "x" }]);
      assertEquals((await rest(platform, "/rpc/sleep_for", secret, { seconds: 0 })).body, "service_role");
      const publishable = { apikey: platform.publishableKey };
      assertEquals((await rest(platform, "/rpc/sleep_for", publishable, { seconds: 0 })).body, "anon");
      const refused = await rest(platform, "/rpc/add_note", publishable, { body: "x" });
      assertEquals([refused.status, refused.body.code], [401, "42501"]);
      const user = { ...publishable, authorization: `Bearer ${await platform.userToken()}` };
      assertEquals((await rest(platform, "/rpc/sleep_for", user, { seconds: 0 })).body, "authenticated");
      const expired = {
        ...publishable,
        authorization: `Bearer ${await platform.userToken({ expiresInSeconds: -60 })}`,
      };
      assertEquals((await rest(platform, "/rpc/sleep_for", expired, { seconds: 0 })).status, 401);
      const both = { ...secret, authorization: `Bearer ${platform.secretKey}` };
      assertEquals((await rest(platform, "/rpc/sleep_for", both, { seconds: 0 })).body, "service_role");
    },
  );

  await t.step("the Data API refuses missing and unknown keys, and a secret key in a browser", async () => {
    assertEquals((await rest(platform, "/note", {})).status, 401);
    assertEquals((await rest(platform, "/note", { apikey: "sb_secret_guess" })).status, 401);
    const browser = { apikey: platform.secretKey, "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" };
    const refused = await rest(platform, "/note", browser);
    assertEquals(refused.status, 401);
    assertMatch(refused.body.message, /^Forbidden use of secret API key in browser/);
  });

  await t.step("the Data API learns of a function that is made later", async () => {
    await platform.sql`create function public.made_later() returns text language sql as $$ select 'here' $$`;
    await until("the function answers", async () => {
      return (await rest(platform, "/rpc/made_later", { apikey: platform.secretKey }, {})).body === "here";
    });
  });

  await t.step(
    "the Data API answers unknown functions with PGRST202, ends statements after 3 and 8 s, and gives 1,000 rows",
    async () => {
      const secret = { apikey: platform.secretKey };
      const unknown = await rest(platform, "/rpc/no_such", secret, {});
      assertEquals([unknown.status, unknown.body.code], [404, "PGRST202"]);
      const [service, anonymous] = await asleep;
      assertEquals([service?.code, anonymous?.code], ["57014", "57014"]);
      assert((anonymous?.at ?? 0) - started >= 3_000);
      assert((service?.at ?? 0) - started >= 8_000);
      assert((anonymous?.at ?? 0) < (service?.at ?? 0));
      await platform.sql`insert into public.note (body) select 'many' from generate_series(1, 1001)`;
      assertEquals((await rest(platform, "/note", secret)).body.length, 1000);
    },
  );
});

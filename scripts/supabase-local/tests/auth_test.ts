/**
 * What of Auth the platform has: tokens of users, signed with a key of the JWKS or with the legacy secret, and whose
 * they are.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { PlatformKeys } from "../keys.ts";
import { type Platform, startPlatform, type TokenSigning } from "../mod.ts";
import { fixtureProject } from "./fixtures/recorder.ts";

const USER = "7d9f7a64-1111-4222-8333-444455556666";

async function ask({ apiUrl }: Platform, headers: Record<string, string>) {
  const response = await fetch(`${apiUrl}/auth/v1/user`, { headers });
  const body = await response.json();
  return { status: response.status, body };
}

async function roleOf({ apiUrl, publishableKey }: Platform, token: string) {
  const response = await fetch(`${apiUrl}/rest/v1/rpc/sleep_for`, {
    method: "POST",
    headers: { apikey: publishableKey, authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ seconds: 0 }),
  });
  return await response.json();
}

for (const tokenSigning of ["ES256", "HS256"] satisfies TokenSigning[]) {
  Deno.test(`Auth knows its users' tokens when it signs with ${tokenSigning}, and nobody else's`, async () => {
    await using platform = await startPlatform({ projectRoot: fixtureProject, schedule: false, tokenSigning });
    const apikey = platform.publishableKey;
    const token = await platform.userToken({ sub: USER, email: "siti@example.com" });
    const { status, body } = await ask(platform, { apikey, authorization: `Bearer ${token}` });
    assertEquals([status, body.id, body.email, body.role], [200, USER, "siti@example.com", "authenticated"]);
    assertEquals(await roleOf(platform, token), "authenticated");

    const expired = await platform.userToken({ sub: USER, expiresInSeconds: -60 });
    const foreign = await (await PlatformKeys.generate(tokenSigning)).userToken({ sub: USER });
    for (const wrong of [expired, foreign, "a.b.c", apikey]) {
      assertEquals((await ask(platform, { apikey, authorization: `Bearer ${wrong}` })).status, 403);
    }
    assertEquals((await ask(platform, { apikey })).status, 401);
    assertEquals((await ask(platform, { authorization: `Bearer ${token}` })).status, 401);
  });
}

Deno.test("the JWKS holds the key of ES256, and never the legacy secret", async () => {
  for (const [tokenSigning, kinds] of [["ES256", ["EC"]], ["HS256", []]] as const) {
    await using platform = await startPlatform({ projectRoot: fixtureProject, schedule: false, tokenSigning });
    const published = await (await fetch(`${platform.apiUrl}/auth/v1/.well-known/jwks.json`)).json();
    assertEquals(published.keys.map(({ kty }: { kty: string }) => kty), kinds);
    const response = await platform.invoke("probe", { do: "variable", of: "SUPABASE_JWKS" });
    assertEquals(JSON.parse((await response.json()).answer), published);
  }
});

/**
 * A signed-in visitor of a project whose Auth signs with the legacy secret: the event carries the user, as with ES256.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { answersOf, pageView, postAsBrowser, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";

const USER = "7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01";
/** `printf '<the user's id>' | sha256sum` */
const DIGEST = "76cb99edf21880e15573bd4c382983ec99ebb50fe6db642e4c1245be133b075b";

Deno.test("capi-event knows users by Auth where the JWKS holds no key", async () => {
  await using suite = await startCapiSuite({ platform: { tokenSigning: "HS256" } });
  const { platform } = suite;
  const as = async (expiresInSeconds: number) => ({
    Authorization: `Bearer ${await platform.userToken({ sub: USER, expiresInSeconds })}`,
  });
  await answersOf(await postAsBrowser(platform, pageView("a"), await as(3_600)));
  await answersOf(await postAsBrowser(platform, pageView("b"), await as(-60)));
  await answersOf(await postAsBrowser(platform, pageView("c")));
  const rows = await platform.sql`select event_id, user_digest from fb_ads.conversion_events order by event_id`;
  assertEquals(rows.map((row) => [row.event_id, row.user_digest]), [["a", DIGEST], ["b", null], ["c", null]]);
  const told = platform.functionLogs("capi-event").filter((line) => line.includes("users are looked up at Auth"));
  assertEquals(told.length, 1);
});

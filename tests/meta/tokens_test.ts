/**
 * What a token may do, asked without the token in the URL.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { fetchGrantedPermissions } from "../../shared/meta/tokens.ts";
import { API_VERSION, serveGraph } from "./graph_server.ts";

Deno.test("`fetchGrantedPermissions()` names what was granted and nothing that was declined", async () => {
  const data = [
    { permission: "business_management", status: "declined" },
    { permission: "public_profile", status: "granted" },
    { permission: "ads_read", status: "granted" },
    { permission: 5, status: "granted" },
    null,
  ];
  const answers = [
    Response.json({ data }),
    Response.json({ data: "none" }),
    Response.json({ error: { code: 190, message: "expired" } }, { status: 400 }),
  ];
  await using server = serveGraph((index) => answers[index] ?? Response.error());
  assertEquals(await fetchGrantedPermissions(server.client), ["ads_read", "public_profile"]);
  assertEquals([server.seen[0]?.path, server.seen[0]?.query], [`/${API_VERSION}/me/permissions`, { limit: "200" }]);
  await assertRejects(() => fetchGrantedPermissions(server.client), GraphApiError);
  await assertRejects(() => fetchGrantedPermissions(server.client), GraphApiError);
});

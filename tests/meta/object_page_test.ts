/**
 * Where a list goes on and where it ends, however its `paging` looks.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { fetchAdsPage } from "../../shared/meta/ads.ts";
import { API_VERSION, listAnswer, serveGraph } from "./graph_server.ts";

Deno.test("fetchAdsPage() ends only where `next` is absent, although the last page still has a cursor", async () => {
  const last = {
    data: [{ id: "1", adset_id: "2", campaign_id: "3" }],
    paging: { cursors: { before: "a", after: "b" } },
  };
  const answers = [listAnswer([], "middle"), Response.json(last), Response.json({ data: [] })];
  await using server = serveGraph((index) => answers[index] ?? Response.error());
  const read = () => fetchAdsPage(server.client, { fb_account_id: "1001", limit: 100 });
  const [empty, end, nothing] = [await read(), await read(), await read()];
  assertEquals([empty.rows.length, empty.after], [0, "middle"]);
  assertEquals([end.rows.length, end.after], [1, null]);
  assertEquals([nothing.rows.length, nothing.after], [0, null]);
});

Deno.test("fetchAdsPage() takes the cursor, and nothing else, from `next` where no other names it", async () => {
  const next = `https://graph.facebook.com/${API_VERSION}/act_1001/ads?access_token=EAAxyz12345678&after=MjQZD`;
  await using server = serveGraph(() => Response.json({ data: [], paging: { next } }));
  const page = await fetchAdsPage(server.client, { fb_account_id: "1001", limit: 100 });
  assertEquals(page.after, "MjQZD");
});

for (
  const [paging, after] of [
    [null, null],
    [{ cursors: null, next: null }, null],
    [{ cursors: { before: "a", after: "b" }, next: null }, null],
    [
      { cursors: { after: null }, next: `https://graph.facebook.com/${API_VERSION}/act_1001/ads?limit=1&after=MjQZD` },
      "MjQZD",
    ],
    [{ cursors: { after: "" }, next: `/${API_VERSION}/act_1001/ads?after=MjQ%3D` }, "MjQ="],
    [{ previous: `https://graph.facebook.com/${API_VERSION}/act_1001/ads?before=x`, cursors: {} }, null],
  ]
) {
  Deno.test(`fetchAdsPage() reads the paging ${JSON.stringify(paging)}`, async () => {
    await using server = serveGraph(() => Response.json({ data: [], paging }));
    assertEquals((await fetchAdsPage(server.client, { fb_account_id: "1001", limit: 100 })).after, after);
  });
}

for (const body of [{}, { data: null }, { data: {} }, { data: [], paging: { next: "https://x/?limit=1" } }]) {
  Deno.test(`fetchAdsPage() takes ${JSON.stringify(body)} for a broken answer, not for an empty list`, async () => {
    await using server = serveGraph(() => Response.json(body));
    const read = () => fetchAdsPage(server.client, { fb_account_id: "1001", limit: 100 });
    const error = await assertRejects(read, GraphApiError);
    assertEquals([error.reason, error.action], ["malformed_body", "retry"]);
  });
}

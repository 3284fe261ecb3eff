/**
 * Which pages may call, by `FB_ADS_ALLOWED_ORIGINS`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { loadAllowedOrigins } from "../../shared/edge/origins.ts";

const load = (list: string) => loadAllowedOrigins((name) => name === "FB_ADS_ALLOWED_ORIGINS" ? list : undefined);

const CASES: [list: string, allowed: string[], refused: string[]][] = [
  ["", [], ["https://shop.example", "null"]],
  [
    "https://Shop.example, http://localhost:3000/",
    ["https://shop.example", "http://localhost:3000"],
    ["http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example", "http://localhost"],
  ],
  [
    "https://*.vercel.app",
    ["https://my-shop.vercel.app", "https://my-shop-git-main-team.vercel.app"],
    [
      "https://vercel.app",
      "https://a.b.vercel.app",
      "http://my-shop.vercel.app",
      "https://my-shop.vercel.app:8443",
      "https://my-shop.vercel.app.evil.example",
      "https://evil.example/.vercel.app",
      "https://my-shopxvercel.app",
      "https://.vercel.app",
    ],
  ],
  ["https://*.shop.example:8443", ["https://a.shop.example:8443"], ["https://a.shop.example"]],
  ["https://*.shop.example https://shop.example", ["https://shop.example", "https://a.shop.example"], []],
];
for (const [list, allowed, refused] of CASES) {
  Deno.test(`FB_ADS_ALLOWED_ORIGINS="${list}" allows ${allowed.length} of ${allowed.length + refused.length} pages`, () => {
    const { allows, problem } = load(list);
    assertEquals(problem, null);
    assertEquals(allowed.filter((origin) => !allows(origin)), []);
    assertEquals(refused.filter((origin) => allows(origin)), []);
    assertEquals(allows(null), false);
  });
}

for (
  const list of [
    "*",
    "https://*",
    "https://*.example",
    "https://shop.*.example",
    "https://shop-*.vercel.app",
    "https://*.*.example",
    "https://shop.example/path",
    "shop.example",
    "ftp://shop.example",
    "https://user@shop.example",
    "https://good.example,nonsense",
  ]
) {
  Deno.test(`FB_ADS_ALLOWED_ORIGINS="${list}" is refused by name and allows nobody`, () => {
    const { allows, problem } = load(list);
    assertEquals(problem?.details?.map(({ path }) => path), ["FB_ADS_ALLOWED_ORIGINS"]);
    assertEquals([allows("https://good.example"), allows("https://shop.example")], [false, false]);
  });
}

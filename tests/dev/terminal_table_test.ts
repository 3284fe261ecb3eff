/**
 * The tables that `npm start` prints.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { formatTable, MOST_COLUMNS, widthOf } from "../../scripts/dev/demo/terminal_table.ts";

Deno.test("formatTable() writes numbers with separators to the right, texts to the left, without quotes or index", () => {
  const table = formatTable([
    { ad: "Video", spend: 1234567, roas: 1.5, reason: null },
    { ad: "Picture, half price", spend: 89, roas: 0.3333, reason: "no_touch" },
  ]);
  assertEquals(
    table,
    [
      "  ad                       spend  roas  reason",
      "  ───────────────────  ─────────  ────  ────────",
      "  Video                1,234,567  1.50  –",
      "  Picture, half price         89  0.33  no_touch",
    ].join("\n"),
  );
});

Deno.test("widthOf() counts columns, and not code units", () => {
  assertEquals(["Café", "Cafe\u0301", "キャン", "🇵🇭", "👩‍👧", ""].map(widthOf), [4, 4, 6, 2, 2, 0]);
});

Deno.test("formatTable() keeps within the terminal, wide characters too", () => {
  const lines = formatTable([
    { campaign: "キャンバ講座 — 新規 ".repeat(9), account: "Bili't Benta PH 🇵🇭".repeat(4), spend: 1_234_567_890 },
    { campaign: "short", account: "short", spend: 1 },
  ]).split("\n");
  for (const line of lines) assert(widthOf(line) <= MOST_COLUMNS, line);
  assert(lines[2]?.includes("…") && lines[2].endsWith("1,234,567,890"), lines[2]);
});

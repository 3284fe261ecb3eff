/**
 * The demo shop's pages, as they leave the server.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fillPage, readPage } from "../../scripts/dev/demo/shop/page_files.ts";

Deno.test("`readPage()` gives whole documents, each with its own title and the shop's frame", () => {
  const titles: Record<string, string> = {
    "/": "Warung Kreatif",
    "/checkout": "Checkout · Warung Kreatif",
    "/thanks": "Thank you · Warung Kreatif",
    "/feed": "Arrive by an ad · Warung Kreatif",
  };
  for (const [path, title] of Object.entries(titles)) {
    const { text, type } = readPage(path);
    assertEquals(type, "text/html");
    assertStringIncludes(text, `<title>${title}</title>`);
    for (const tag of ["<!DOCTYPE html>", "<main", "<footer>", 'id="consent"']) {
      assertEquals(text.split(tag).length, 2, `${path} has one ${tag}`);
    }
    assertEquals(text.includes("{{"), false, path);
  }
});

Deno.test("`fillPage()` puts the amount on the payment page", () => {
  const page = fillPage(readPage("/pay").text, { amount: "149,000" });
  assertStringIncludes(page, "Rp 149,000");
  assertEquals(page.includes("{{"), false);
});

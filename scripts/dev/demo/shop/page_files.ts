/**
 * The shop's pages, plain files beside this one. Those of the shop itself have one frame; the payment page is another
 * site's and stands alone.
 *
 * @module
 */

/** What a page of the shop is called, and the file of its `<main>`. */
const PAGES: Readonly<Record<string, { page: string; title: string }>> = {
  "/": { page: "landing", title: "Warung Kreatif" },
  "/checkout": { page: "checkout", title: "Checkout · Warung Kreatif" },
  "/thanks": { page: "thanks", title: "Thank you · Warung Kreatif" },
  "/feed": { page: "feed", title: "Arrive by an ad · Warung Kreatif" },
};

const FILES: Readonly<Record<string, { name: string; type: string }>> = {
  "/pay": { name: "pay.html", type: "text/html" },
  "/style.css": { name: "style.css", type: "text/css" },
  "/shop.js": { name: "shop.js", type: "text/javascript" },
};

/** Reads what stands at a path. */
export function readPage(path: string): { text: string; type: string } {
  const page = PAGES[path];
  if (page !== undefined) {
    const main = readFile(`${page.page}.html`).trimEnd();
    return { text: fillPage(readFile("frame.html"), { ...page, main }), type: "text/html" };
  }
  const file = FILES[path];
  if (file === undefined) throw new Error(`the shop has no page ${path}`);
  return { text: readFile(file.name), type: file.type };
}

function readFile(name: string): string {
  return Deno.readTextFileSync(new URL(`./pages/${name}`, import.meta.url));
}

/** Puts values into `{{ name }}`; none of the shop's values comes from a visitor. */
export function fillPage(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{ (\w+) \}\}/g, (_, name: string) => values[name] ?? "");
}

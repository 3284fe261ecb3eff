/**
 * The shop's pages, plain files beside this one.
 *
 * @module
 */

const FILES: Readonly<Record<string, string>> = {
  "/": "landing.html",
  "/checkout": "checkout.html",
  "/thanks": "thanks.html",
  "/feed": "feed.html",
  "/pay": "pay.html",
  "/style.css": "style.css",
  "/shop.js": "shop.js",
};

const TYPES: Readonly<Record<string, string>> = { html: "text/html", css: "text/css", js: "text/javascript" };

/** Reads the file of a path. */
export function readPage(path: string): { text: string; type: string } {
  const name = FILES[path];
  if (name === undefined) throw new Error(`the shop has no page ${path}`);
  const text = Deno.readTextFileSync(new URL(`./pages/${name}`, import.meta.url));
  return { text, type: TYPES[name.split(".").at(-1) ?? ""] ?? "text/plain" };
}

/** Puts values into `{{name}}`; none of the shop's values comes from a visitor. */
export function fillPage(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? "");
}

/**
 * `npm run browser-client -- <folder>`: writes the browser client there as `meta-ads.js`, an ES module, with `meta-ads.d.ts`
 * beside it. Pages with a bundler import `shared/browser/mod.ts` and need neither.
 *
 * @module
 */

import { join } from "node:path";
import { bundleBrowserClient } from "./browser/bundle.ts";

const [folder] = Deno.args;
if (folder === undefined) {
  console.error("Name the folder: npm run browser-client -- public/");
  Deno.exit(2);
}
const { script, declarations } = bundleBrowserClient();
Deno.mkdirSync(folder, { recursive: true });
Deno.writeTextFileSync(join(folder, "meta-ads.js"), script);
Deno.writeTextFileSync(join(folder, "meta-ads.d.ts"), declarations);
console.log(`${join(folder, "meta-ads.js")}: ${new TextEncoder().encode(script).length} bytes`);

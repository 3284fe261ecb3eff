/**
 * `meta-ads browser-client <folder>`: writes the browser client there as `meta-ads.js`, an ES module, with
 * `meta-ads.d.ts` beside it. Pages with a bundler import `shared/browser/mod.ts` and need neither.
 *
 * @module
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleBrowserClient } from "./browser/bundle.ts";
import { pathFromUser } from "./terminal.ts";
import { verb } from "./verb.ts";

/** The verb. */
export const browserClient = verb("browser-client", {
  summary: "write the browser client as one file, for pages without a bundler",
  examples: ["browser-client public/"],
})
  .argument("<folder>", "where meta-ads.js and meta-ads.d.ts go; it is made if it is not there")
  .action((folder) => {
    const { script, declarations } = bundleBrowserClient();
    const directory = pathFromUser(folder);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "meta-ads.js"), script);
    writeFileSync(join(directory, "meta-ads.d.ts"), declarations);
    console.log(`${join(directory, "meta-ads.js")}: ${new TextEncoder().encode(script).length} bytes`);
  });

/**
 * Builds the browser client into one small module, for pages that have no bundler of their own.
 *
 * @module
 */

import { buildSync } from "esbuild";
import { readSuiteFile, suiteRoot } from "../suite_root.ts";

/** The built client. */
export interface BrowserClient {
  /** An ES module, minified. */
  script: string;
  /** Its declarations. */
  declarations: string;
}

/** Builds `shared/browser/mod.ts`; it takes some hundredths of a second. */
export function bundleBrowserClient(): BrowserClient {
  const { outputFiles } = buildSync({
    entryPoints: [`${suiteRoot}/shared/browser/mod.ts`],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    write: false,
  });
  const script = outputFiles[0]?.text.trimEnd() ?? "";
  const options = readSuiteFile("shared/browser/options.ts");
  return {
    script,
    declarations: `${options}
/** Creates the client of a page; one a page. On a server it does nothing. */
export declare function createMetaAds(options: MetaAdsOptions): MetaAds;
/** Derives the \`eventID\` for a Pixel's Purchase from what \`fb_ads.purchases\` calls the transaction. */
export declare function purchaseEventId(transaction_ref: string): string;
`,
  };
}

/**
 * Chromium for the tests of pages: Debian's, or the one that `CHROMIUM_PATH` names. Where there is none the tests are
 * ignored, and say so.
 *
 * @module
 */

import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where the browser is; undefined where there is none. */
const chromiumPath = [Deno.env.get("CHROMIUM_PATH"), ...PLACES].find((path) => {
  try {
    return path !== undefined && Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
});

if (chromiumPath === undefined) {
  console.warn(
    "SKIPPED for want of Chromium: the tests in tests/browser. Install it (apt-get install chromium) or name it in CHROMIUM_PATH.",
  );
}

/** Registers a test that needs the browser. Without one it is ignored. */
export function browserTest(name: string, run: (test: Deno.TestContext) => Promise<void>): void {
  // The driver keeps timers and a child of its own between tests.
  Deno.test({ name, fn: run, ignore: chromiumPath === undefined, sanitizeOps: false, sanitizeResources: false });
}

/** A browser that ends with its scope. */
export interface RunningBrowser extends AsyncDisposable {
  /** Opens a page in a profile of its own. */
  open(options?: BrowserContextOptions): Promise<WatchedPage>;
}

/** A page, and everything that went wrong or out of it. */
export interface WatchedPage {
  /** The page. */
  page: Page;
  /** Its profile. */
  context: BrowserContext;
  /** Errors and warnings of the console, and what was thrown. */
  complaints: string[];
  /** URLs asked for, the page itself included. */
  requests: string[];
}

/** Starts the browser. */
export async function startChromium(): Promise<RunningBrowser> {
  if (chromiumPath === undefined) throw new Error("there is no Chromium");
  // Loaded late, past a look into /proc/sys by one of its dependencies, which the tests' permissions do not allow.
  Deno.env.set("__IS_WSL_TEST__", "1");
  const { chromium } = await import("playwright-core");
  const browser: Browser = await chromium.launch({
    executablePath: chromiumPath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Names for pages with subdomains, without any look-up; example.test is nobody's.
      "--host-resolver-rules=MAP *.example.test 127.0.0.1",
    ],
  });
  return {
    async open(options = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(`${error}`));
      page.on("request", (request) => requests.push(request.url()));
      return { page, context, complaints, requests };
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
    },
  };
}

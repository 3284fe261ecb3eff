/**
 * Browsers whose addresses a test chooses: `capi-event` without the gateway, which writes the true one.
 *
 * @module
 */

import { clearEvents, ORIGIN } from "../../scripts/dev/testing/shop_suite.ts";
import type { Suite } from "../../scripts/dev/testing/suite.ts";
import { settleBackground } from "../../shared/edge/background.ts";
import { openFunctions } from "../open_functions.ts";

/** Posts a body from an address. */
export type Post = (body: unknown, address: string) => Promise<Response>;

/** A browser's id. */
export const browserId = (name: string | number): string => `fb.1.1795300000000.${name}`;

/** Opens `capi-event` for browsers of any address. */
export function openBrowsers(suite: Suite): Post {
  const { "capi-event": capiEvent } = openFunctions(suite, []);
  return (body, address) =>
    capiEvent(
      new Request("http://127.0.0.1/capi-event", {
        method: "POST",
        headers: {
          apikey: suite.platform.publishableKey,
          Origin: ORIGIN,
          "User-Agent": "Mozilla/5.0 (test)",
          "x-forwarded-for": address,
        },
        body: JSON.stringify(body),
      }),
    );
}

/** The status of an answer; its body is not read. */
export async function statusOf(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

/** Empties all that browsers can fill, once nothing is being sent any more. */
export async function forgetBrowsers(suite: Suite): Promise<void> {
  await settleBackground();
  await clearEvents(suite);
  await suite.platform.sql`truncate fb_ads.touchpoints, fb_ads.browser_people, fb_ads.checkout_clicks`;
}

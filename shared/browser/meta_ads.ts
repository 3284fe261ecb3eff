/**
 * The browser client: tells `capi-event` what a visitor does, with Meta's browser and click ids, when the visitor
 * agrees. Before that it holds events in memory and touches neither cookies nor storage.
 *
 * @module
 */

import { ensureBrowserIds, LIFE_SECONDS, readBrowserId, writeBrowserId } from "./browser_ids.ts";
import { findLanding, type Landing, newerLanding } from "./landing.ts";
import { forget, recall, remember } from "./memory.ts";
import type { ConsentState, MetaAds, MetaAdsOptions } from "./options.ts";
import { enqueue, flush, MOST_EVENTS, PAUSE_MS, withdraw } from "./outbox.ts";
import { attempt, document, location, randomDigits } from "./web_page.ts";

/** Creates the client of a page; one a page. On a server it does nothing. */
export const createMetaAds = (options: MetaAdsOptions): MetaAds => {
  /** Within this time the server takes a landing's parameters on another page for the same landing. */
  const same_visit_seconds = 1_500;
  const held: (() => void)[] = [];
  let isAgreed: boolean | undefined;
  let seen: Landing | undefined;

  const look = (): void => {
    seen = newerLanding(seen, findLanding());
    if (isAgreed) remember((memory) => memory.landing = newerLanding(memory.landing, seen));
  };

  /** With consent: sends what waits for it, and what waits for the network. */
  const release = (): void => {
    attempt(() => {
      if (!isAgreed) return;
      held.splice(0).forEach((send) => attempt(send));
      flush(options);
    });
  };

  const setConsent = (state: ConsentState): void => {
    attempt(() => {
      isAgreed = state === "granted";
      look();
      release();
      if (isAgreed) return;
      const browser_id = readBrowserId("fbp");
      if (browser_id) withdraw(options, browser_id);
      writeBrowserId("fbc", "");
      writeBrowserId("fbp", "");
      forget();
      held.length = 0;
    });
  };

  attempt(() => {
    look();
    addEventListener("online", release);
    setInterval(release, PAUSE_MS);
    if (options.consent) setConsent(options.consent);
  });
  return {
    setConsent,
    track(event_name, { event_id = randomDigits(4), custom_data, user_data } = {}) {
      attempt(() => {
        look();
        const event_time = Math.floor(Date.now() / 1_000);
        const url = new URL(location.href);
        const send = () => {
          const { at = 0, tags: all } = recall().landing ?? {};
          const age = event_time - at / 1_000;
          const { fbclid, ...tags } = age < LIFE_SECONDS && all || {};
          // Perhaps nobody was told of the landing itself.
          if (age < same_visit_seconds) { for (const name in tags) url.searchParams.set(name, `${tags[name]}`); }
          enqueue(event_id, {
            event_name,
            event_time,
            event_id,
            event_source_url: url.href,
            referrer_url: document.referrer,
            custom_data: { ...tags, ...custom_data },
            user_data: ensureBrowserIds(fbclid, at),
            consent: "granted",
          }, user_data);
        };
        const isSent = event_name !== "PageView" || Math.random() < (options.pageViews ?? 1) || findLanding();
        if (isAgreed !== false && isSent && held.length < MOST_EVENTS) held.push(send);
        release();
      });
      return event_id;
    },
  };
};

/**
 * What a web page says to the browser client and gets from it. Types alone, in no need of anything else: this file is
 * also the declaration file of the built client.
 *
 * @module
 */

/** What the visitor decided. Until either is said, events wait in memory. */
export type ConsentState = "granted" | "denied";

/** How a client reaches the project. */
export interface MetaAdsOptions {
  /** `SUPABASE_URL`, such as `https://<ref>.supabase.co`. */
  readonly url: string;
  /** The project's publishable key; it may be public, and is good for nothing from an origin that is not allowed. */
  readonly publishableKey: string;
  /** What the visitor decided on an earlier page; the client keeps no decision itself. */
  readonly consent?: ConsentState | undefined;
  /**
   * The signed-in user's access token, or how to get it: the event is then that user's. It must
   * not fail: null where nobody is signed in.
   */
  readonly accessToken?: (() => string | null | undefined | PromiseLike<string | null | undefined>) | undefined;
  /**
   * The share of PageViews that are sent, from 0 to 1; each is an invocation of a function. Those that a click on an ad
   * led to always go, for a sale is credited by them: with 0 they alone do.
   *
   * @default 1
   */
  readonly pageViews?: number | undefined;
}

/** The details of an event, in Meta's field names. */
export interface EventDetails {
  /**
   * `value` (a number), `currency`, `order_id`, `content_ids`, `contents`, `content_type`, ... and fields of your own.
   */
  readonly custom_data?: Readonly<Record<string, unknown>> | undefined;
  /**
   * `em`, `ph`, `fn`, ... in clear; the server normalises and hashes. Kept in memory only, never in the browser's
   * storage.
   */
  readonly user_data?: Readonly<Record<string, unknown>> | undefined;
  /** Where the page has given one to the Pixel already. */
  readonly event_id?: string | undefined;
}

/** A client. Nothing of it throws, and on a server all of it does nothing. */
export interface MetaAds {
  /**
   * Tells of an event: `PageView`, `ViewContent`, `Lead`, `InitiateCheckout`, ... but never `Purchase`, which the
   * server tells of when it is paid.
   *
   * @returns The `event_id`: give the same to the Pixel as `eventID`, and Meta counts one.
   */
  track(event_name: string, details?: EventDetails): string;
  /**
   * Says what the visitor decided. Granted: what waited is sent. Denied: what waits, the cookies `_fbc` and `_fbp` and
   * everything else that the client stored is deleted, and the server is told when there was anything to tell of.
   */
  setConsent(consent: ConsentState): void;
}

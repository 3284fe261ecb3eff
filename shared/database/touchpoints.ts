/**
 * What an event says of an ad click, as `fb_ads.store_touchpoints` takes it; it is stored with the event.
 *
 * @module
 */

/** Ids in an address, as text: they are longer than 2^53. */
export interface ObjectIds {
  /** `ad_id`. */
  readonly fb_ad_id: string | null;
  /** `adset_id`. */
  readonly fb_adset_id: string | null;
  /** `campaign_id`. */
  readonly fb_campaign_id: string | null;
  /** A number in `utm_content`, by convention the ad's id. */
  readonly utm_content_id: string | null;
  /** A number in `utm_term`, by convention the ad set's id. */
  readonly utm_term_id: string | null;
  /** A number in `utm_campaign`, by convention the campaign's id. */
  readonly utm_campaign_id: string | null;
}

/**
 * A row for `fb_ads.store_touchpoints`. Nothing personal is in clear; the click id is kept, because a sale names it.
 */
export interface Touchpoint extends ObjectIds {
  /** `touchpoint`: it is one; `link`: none, but it says which person or checkout belongs to a browser or click. */
  readonly kind: "touchpoint" | "link";
  /** Meta's name of the event that describes it. */
  readonly event_name: string;
  /** Meta's id of that event. */
  readonly event_id: string;
  /** ISO 8601. Of a click id, when that was first seen; else when the event happened. */
  readonly clicked_at: string;
  /** When the event happened, ISO 8601. */
  readonly seen_at: string;
  /** When it was received, ISO 8601. */
  readonly received_at: string;
  /** Who reported it: the secret key, a browser with a verified user, or an anonymous browser. */
  readonly reported_by: Reporter;
  /** The click id of the address, else the one inside `fbc`. */
  readonly fbclid: string | null;
  /** SHA-256 of the click id: the times in a browser's `fbc` and in one built here may differ, the click id cannot. */
  readonly fbc_digest: string | null;
  /** SHA-256 of `fbp`. */
  readonly browser_digest: string | null;
  /** SHA-256 of the user id, as Meta's `external_id`. */
  readonly user_digest: string | null;
  /** SHA-256 of e-mail addresses in the event (Meta's `em`). */
  readonly email_digests: readonly string[];
  /** SHA-256 of phone numbers in the event (Meta's `ph`). */
  readonly phone_digests: readonly string[];
  /** Origin, path and campaign parameters of the page. */
  readonly page_url: string | null;
  /** Where the visitor came from. */
  readonly referrer_host: string | null;
}

/** Who reports an event: what an anonymous browser says of a person is a claim. */
export type Reporter = "server" | "user" | "browser";

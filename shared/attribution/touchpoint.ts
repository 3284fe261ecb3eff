/**
 * What an event says of an ad click: a touchpoint (the page's address names an ad, or a click id is new), or just whose
 * browser it is, which links earlier touchpoints to later sales. Pure; `fb_ads.store_touchpoints` keeps it in the
 * transaction that stores the event.
 *
 * @module
 */

import type { Click } from "../outbox/event/click.ts";
import { fbclidOfFbc, findFbclid } from "../user_data/click_id.ts";
import type { ServerEvent } from "../outbox/event/server_event.ts";
import { sha256 } from "../user_data/digest.ts";
import type { ObjectIds, Reporter, Touchpoint } from "../database/touchpoints.ts";
import { hasObjectId, plainPageUrl, readObjectIds } from "./object_ids.ts";
import { isPaymentHost } from "./payment_providers.ts";

/** What is known beside the event. */
export interface TouchpointContext {
  /** The server's time in milliseconds. */
  readonly now_ms: number;
  /** Who reports the event. */
  readonly reported_by: Reporter;
  /** The page's address as it came, where the event's own was cleaned. */
  readonly page_url?: string | undefined;
  /** The click that `validateEvent` found. */
  readonly click?: Click | undefined;
  /** Digest of the verified user. @default the event's `external_id` */
  readonly user_digest?: string | undefined;
  /** Digest of the browser's id, where it is not `fbp`. @default of `fbp` */
  readonly browser_digest?: string | undefined;
}

/** The parts of an event that matter here. */
export type TouchpointEvent = Pick<
  ServerEvent,
  "event_name" | "event_id" | "event_time" | "event_source_url" | "referrer_url" | "user_data"
>;

/** Recognises the touchpoint in an event; null where it says nothing that attribution could use. */
export function buildTouchpoint(event: TouchpointEvent, context: TouchpointContext): Touchpoint | null {
  const { user_data } = event;
  const url = parseUrl(context.page_url) ?? parseUrl(event.event_source_url);
  const referrer_host = parseUrl(event.referrer_url)?.hostname ?? null;
  const ids = url === undefined ? NO_IDS : readObjectIds(url);
  const click = findTouchpointClick(event, context, url);
  const happened_ms = Math.min(event.event_time * 1_000, context.now_ms);
  const clicked_ms = click === undefined ? happened_ms : Math.min(click.seen_at_ms, happened_ms);

  // A browser still carries its older cookie when this click's id was taken off the address: a key, not this click.
  const linkedClickId = click?.fbclid ?? (user_data.fbc === undefined ? undefined : fbclidOfFbc(user_data.fbc));
  const digests = {
    fbc_digest: linkedClickId === undefined ? null : sha256(linkedClickId),
    browser_digest: context.browser_digest ?? (user_data.fbp === undefined ? null : sha256(user_data.fbp)),
    user_digest: context.user_digest ?? plainDigests(user_data.external_id)[0] ?? null,
    email_digests: plainDigests(user_data.em),
    phone_digests: plainDigests(user_data.ph),
  };
  const { fbc_digest, browser_digest, user_digest } = digests;
  const knowsBrowser = fbc_digest !== null || browser_digest !== null;
  const knowsPerson = user_digest !== null || digests.email_digests.length + digests.phone_digests.length > 0;
  // A return from the payment page may repeat the touchpoint's parameters, and is not a click.
  const isTouchpoint = (hasObjectId(ids) || click !== undefined) && (knowsBrowser || knowsPerson) &&
    !(referrer_host !== null && isPaymentHost(referrer_host));
  const linksPerson = knowsBrowser && knowsPerson;
  const linksCheckout = event.event_name === "InitiateCheckout" && fbc_digest !== null;
  if (!isTouchpoint && !linksPerson && !linksCheckout) return null;
  return {
    kind: isTouchpoint ? "touchpoint" : "link",
    event_name: event.event_name,
    event_id: event.event_id,
    clicked_at: new Date(clicked_ms).toISOString(),
    seen_at: new Date(happened_ms).toISOString(),
    received_at: new Date(context.now_ms).toISOString(),
    reported_by: context.reported_by,
    ...ids,
    fbclid: click?.fbclid ?? null,
    ...digests,
    page_url: url === undefined || !isTouchpoint ? null : plainPageUrl(url, parseUrl(event.event_source_url) ?? url),
    referrer_host,
  };
}

const NO_IDS: ObjectIds = {
  fb_ad_id: null,
  fb_adset_id: null,
  fb_campaign_id: null,
  utm_content_id: null,
  utm_term_id: null,
  utm_campaign_id: null,
};

/**
 * The click of this very visit. A cookie is older than a touchpoint whose address names an ad but no click id (Safari
 * took it off): then the cookie says nothing about this click.
 */
function findTouchpointClick(
  event: TouchpointEvent,
  context: TouchpointContext,
  url: URL | undefined,
): { fbclid: string; seen_at_ms: number } | undefined {
  const happened_ms = event.event_time * 1_000;
  const { fbc } = event.user_data;
  const inCookie = fbc === undefined ? undefined : fbclidOfFbc(fbc);
  const cookie_ms = Number(fbc?.split(".")[2]);
  const inUrl = url === undefined ? undefined : findFbclid(url.href);
  const given = context.click?.built === true ? context.click : undefined;
  const fbclid = given?.fbclid ?? inUrl;
  if (fbclid !== undefined) {
    return { fbclid, seen_at_ms: inCookie === fbclid ? cookie_ms : given?.seen_at_ms ?? happened_ms };
  }
  if (inCookie === undefined || (url !== undefined && hasObjectId(readObjectIds(url)))) return undefined;
  return { fbclid: inCookie, seen_at_ms: cookie_ms };
}

function plainDigests(given: string | string[] | undefined): string[] {
  const digests = given === undefined ? [] : [given].flat();
  return [...new Set(digests.map((digest) => digest.slice(0, 64).toLowerCase()))];
}

function parseUrl(text: string | undefined): URL | undefined {
  return text !== undefined && URL.canParse(text) && /^https?:/i.test(text) ? new URL(text) : undefined;
}

/**
 * The browser client of the project: framework-free, without dependencies, under 3 kB minified. Built for pages without
 * a bundler by `npm run browser-client`.
 *
 * @module
 */

export { createMetaAds } from "./meta_ads.ts";
export { purchaseEventId } from "./purchase_id.ts";
export type { ConsentState, EventDetails, MetaAds, MetaAdsOptions } from "./options.ts";

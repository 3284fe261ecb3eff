/**
 * Live ads without the URL parameters that attribution needs, with the string to paste.
 *
 * @module
 */

import { namesItsAd } from "../../../shared/attribution/object_ids.ts";
import type { Finding, Patient } from "./finding.ts";

/** What goes into an ad's "URL parameters" box. Meta fills in the braces. */
export const URL_TAGS =
  "utm_source={{site_source_name}}&utm_medium=paid_social&utm_campaign={{campaign.id}}&utm_term={{adset.id}}" +
  "&utm_content={{ad.id}}&campaign_id={{campaign.id}}&adset_id={{adset.id}}&ad_id={{ad.id}}&placement={{placement}}";

/** Looks at the ads that run. */
export async function checkUrlTags({ database }: Patient): Promise<Finding[]> {
  const live = await database.query(`
    select ad.fb_ad_id, ad.name, coalesce(ad.url_tags, '') as url_tags
    from public.ad_ads as ad where ad.effective_status = 'ACTIVE' order by ad.fb_ad_id`);
  // By the very code that reads the landing's address.
  const lacking = live.filter((row) => !namesItsAd(String(row.url_tags)));
  if (lacking.length === 0) {
    return [{ check: "url_tags", severity: "ok", found: "no live ad is known that does not name itself" }];
  }
  return [{
    check: "url_tags",
    severity: "warning",
    found: `${lacking.length} of ${live.length} live ads do not name themselves in their URL parameters`,
    items: lacking.slice(0, 1_000).map((row) => `${row.fb_ad_id} (${row.name ?? "no name"})`),
    cost: "A sale through them is not credited to the ad (unless the link itself carries ad_id).",
    remedy: `Paste into the ad's URL parameters (Ads Manager > Ad > Tracking): ${URL_TAGS}`,
  }];
}

/**
 * Live ads without the URL parameters that attribution needs, with the string to paste.
 *
 * @module
 */

import type { Finding, Patient } from "./finding.ts";

/** What goes into an ad's "URL parameters" box. Meta fills in the braces. */
export const URL_TAGS =
  "utm_source={{site_source_name}}&utm_medium=paid_social&utm_campaign={{campaign.id}}&utm_term={{adset.id}}" +
  "&utm_content={{ad.id}}&campaign_id={{campaign.id}}&adset_id={{adset.id}}&ad_id={{ad.id}}&placement={{placement}}";

/** Looks at the ads that run. */
export async function checkUrlTags({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select ad.fb_ad_id, ad.name, count(*) over () as lacking,
      (select count(*) from public.ad_ads as live where live.effective_status = 'ACTIVE') as live
    from public.ad_ads as ad
    where ad.effective_status = 'ACTIVE' and coalesce(ad.url_tags, '') !~* '(\\{\\{|%7b%7b)ad\\.id(\\}\\}|%7d%7d)'
    order by ad.fb_ad_id limit 1000`);
  const [first] = rows;
  if (first === undefined) {
    return [{ check: "url_tags", severity: "ok", found: "no live ad is known that does not name itself" }];
  }
  const lacking = Number(first.lacking);
  return [{
    check: "url_tags",
    severity: "warning",
    found: `${lacking} of ${first.live} live ads do not name themselves in their URL parameters`,
    items: rows.map((row) => `${row.fb_ad_id} (${row.name ?? "no name"})`),
    cost: "A sale through them is not credited to the ad (unless the link itself carries ad_id).",
    remedy: `Paste into the ad's URL parameters (Ads Manager > Ad > Tracking): ${URL_TAGS}`,
  }];
}

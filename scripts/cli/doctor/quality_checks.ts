/**
 * How well Meta recognises the people behind the events, as it last said, and of which pixels it says nothing. What is
 * wrong with the figures is an alert.
 *
 * @module
 */

import type { Finding, Patient } from "./finding.ts";

/** Tells the scores, a pixel a finding, and each pixel in use whose token may not read them. */
export async function checkQuality(patient: Patient): Promise<Finding[]> {
  const findings = [...await tellScores(patient), ...await tellRefusals(patient)];
  if (findings.length > 0) return findings;
  return [{
    check: "match_quality",
    severity: "ok",
    found: "Meta has said nothing of the events of the last days; the nightly sync asks once something was sent",
  }];
}

async function tellScores({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select pixel_id, max(date)::text as date,
      string_agg(
        event_name || ' ' || coalesce(trim_scale(composite_score)::text, '?'), ', ' order by event_name
      ) as scores
    from fb_ads.newest_event_quality()
    group by pixel_id order by pixel_id`);
  return rows.map(({ pixel_id, date, scores }): Finding => ({
    check: `match_quality:${pixel_id}`,
    severity: "ok",
    found: `of 10, read on ${date}: ${scores}`,
  }));
}

/** A pixel that takes no events has an alert of its own. */
async function tellRefusals({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select refusal.pixel_id,
      concat(refusal.error ->> 'reason', ' (code ' || (refusal.error ->> 'meta_code') || ')') as reason
    from fb_ads.quality_refusals as refusal
    where exists (
        select from fb_ads.sent_event_keys as sent
        where sent.pixel_id = refusal.pixel_id and sent.date >= (now() at time zone 'UTC')::date - 7
      )
      and not exists (
        select from fb_ads.pixels as pixel where pixel.pixel_id = refusal.pixel_id and pixel.state = 'blocked'
      )
    order by refusal.pixel_id`);
  return rows.map(({ pixel_id, reason }): Finding => ({
    check: `match_quality:${pixel_id}`,
    severity: "warning",
    found: `Meta does not say how well it recognises the people behind the events: ${reason}.`,
    cost:
      "ad_event_quality has no figures of this pixel, and nobody is told when they fall. Events are sent all the same.",
    remedy:
      "Give the system user of the pixel's token \"use events dataset\" (partial access) on it, and the token's app " +
      "ads_read with ads_management or business_management; or make a token in Events Manager (Settings > Conversions " +
      `API) and store it in Vault as meta_capi_access_token_${pixel_id}. Meta is asked again after a week, or the night ` +
      "after another token is stored; at the next sync after: delete from fb_ads.quality_refusals where pixel_id = " +
      `'${pixel_id}';`,
  }));
}

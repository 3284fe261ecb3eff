/**
 * How well Meta recognises the people behind the events, as it last said; what is wrong with it is an alert.
 *
 * @module
 */

import type { Finding, Patient } from "./finding.ts";

/** Tells the scores, a pixel a finding. */
export async function checkQuality({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select pixel_id, max(date)::text as date,
      string_agg(event_name || ' ' || coalesce(trim_scale(composite_score)::text, '?'), ', ' order by event_name) as scores
    from fb_ads.newest_event_quality()
    group by pixel_id order by pixel_id`);
  if (rows.length === 0) {
    return [{
      check: "match_quality",
      severity: "ok",
      found: "Meta has said nothing of the events of the last days; the nightly sync asks once something was sent",
    }];
  }
  return rows.map(({ pixel_id, date, scores }): Finding => ({
    check: `match_quality:${pixel_id}`,
    severity: "ok",
    found: `of 10, read on ${date}: ${scores}`,
  }));
}

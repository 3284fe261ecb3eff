/**
 * Reads how well Meta recognises the people behind the events, as it last said in the range, and beside it what the
 * shop sent in the same days.
 *
 * @module
 */

import type { EventRecognition } from "./data.ts";
import type { Sql } from "../operator/database.ts";
import type { ReportRange } from "./data.ts";

/** Reads it: a row an event of a pixel, in the order of `event_names` and then by name. */
export async function readRecognition(
  sql: Sql,
  { since, until }: ReportRange,
  event_names: readonly string[],
): Promise<EventRecognition[]> {
  const rows = await sql<EventRecognition[]>`
    with newest as (
      select distinct on (pixel_id, event_name) *
      from public.ad_event_quality
      where date between ${since} and ${until}
      order by pixel_id, event_name, date desc
    )
    select
      newest.pixel_id, newest.event_name, newest.date::text, newest.composite_score::float8,
      newest.event_coverage::float8, newest.event_coverage_goal::float8, newest.upload_frequency,
      (
        select percentile_cont(0.5) within group (order by older.composite_score)::float8
        from public.ad_event_quality as older
        where older.pixel_id = newest.pixel_id and older.event_name = newest.event_name
          and older.date between newest.date - 7 and newest.date - 1
      ) as score_before,
      coalesce(
        (
          select jsonb_agg(jsonb_build_object('key', key, 'meta', told.percentage, 'sent', own.percentage)
            order by coalesce(told.percentage, own.percentage) desc, key)
          from (
            select key, value::float8 as percentage from jsonb_each_text(newest.match_key_coverage)
          ) as told
          full join (
            -- Meta's own figures are of seven days.
            select carried.key, round(100.0 * sum(carried.events) / max(total.events), 1)::float8 as percentage
            from fb_ads.sent_event_keys as carried
            cross join (
              select sum(sent.events) as events from fb_ads.sent_event_keys as sent
              where sent.pixel_id = newest.pixel_id and sent.event_name = newest.event_name and sent.key = 'event_id'
                and sent.date between newest.date - 6 and newest.date
            ) as total
            where carried.pixel_id = newest.pixel_id and carried.event_name = newest.event_name
              and carried.key <> 'event_id' and carried.date between newest.date - 6 and newest.date
            group by carried.key
          ) as own using (key)
        ),
        '[]'
      ) as keys,
      (
        select coalesce(jsonb_agg(jsonb_build_object(
          'name', found.name, 'description', found.description, 'solution', found.solution
        )), '[]')
        from jsonb_to_recordset(newest.diagnostics) as found (name text, description text, solution text)
        where found.name <> ''
      ) as diagnostics
    from newest
    order by newest.pixel_id, array_position(${[...event_names]}::text[], newest.event_name), newest.event_name`;
  return [...rows];
}

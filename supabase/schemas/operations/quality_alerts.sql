-- Alerts about how well Meta recognises the people behind the events. An alert needs a figure of the last three days,
-- so that none outlives an event or a pixel that is no longer used.

create function fb_ads.newest_event_quality()
returns setof public.ad_event_quality language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select distinct on (quality.pixel_id, quality.event_name) quality.*
  from public.ad_event_quality as quality
  where quality.date >= (now() at time zone 'UTC')::date - 2
  order by quality.pixel_id, quality.event_name, quality.date desc;
$$;

comment on function fb_ads.newest_event_quality() is
  'What Meta last said of each pixel and event, where that is of today or the two days before.';

create function fb_ads.fallen_keys(pixel_id text, event_name text, date date)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with counted as (
    select
      sent.key,
      coalesce(sum(sent.events) filter (where sent.date < fallen_keys.date - 1), 0) as before,
      coalesce(sum(sent.events) filter (where sent.date >= fallen_keys.date - 1), 0) as after
    from fb_ads.sent_event_keys as sent
    where sent.pixel_id = fallen_keys.pixel_id
      and sent.event_name = fallen_keys.event_name
      and sent.date between fallen_keys.date - 8 and fallen_keys.date
    group by sent.key
  ),
  compared as (
    select
      counted.key,
      round(100.0 * counted.before / total.before) as before,
      round(100.0 * counted.after / total.after) as after
    from counted
    join counted as total on total.key = 'event_id' and total.before > 0 and total.after > 0
  )
  select string_agg(
    compared.key || ' fell from ' || compared.before || ' % to ' || compared.after || ' %', ', '
    order by compared.after - compared.before, compared.key
  )
  from compared
  where compared.after <= compared.before - 10;
$$;

comment on function fb_ads.fallen_keys(text, text, date) is
  'Which keys the events sent carry less often than before, by ten points or more, in words: the two days to date '
  'against the seven before them. Null where none does.';

create function fb_ads.quality_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'match_quality_fell:' || newest.pixel_id || ':' || newest.event_name, 'warning',
    'Meta recognises the people behind ' || newest.event_name || ' of pixel ' || newest.pixel_id || ' worse: '
      || trim_scale(newest.composite_score) || ' of 10, after ' || trim_scale(before.median) || ' in the week before'
      || coalesce('. Of the events sent, ' || fb_ads.fallen_keys(newest.pixel_id, newest.event_name, newest.date), '')
      || '.',
    'Meta credits fewer sales to the ads, and learns from fewer whom to show them to.',
    'See what the shop and its checkout send, day by day: select * from fb_ads.daily_event_keys where pixel_id = '
      || quote_literal(newest.pixel_id) || ' and event_name = ' || quote_literal(newest.event_name)
      || ' and date >= current_date - 14 order by key, date;',
    null::timestamptz
  from fb_ads.newest_event_quality() as newest
  cross join lateral (
    select round((percentile_cont(0.5) within group (order by older.composite_score))::numeric, 2) as median
    from public.ad_event_quality as older
    where older.pixel_id = newest.pixel_id
      and older.event_name = newest.event_name
      and older.date between newest.date - 7 and newest.date - 1
    -- The first days of a pixel swing.
    having count(older.composite_score) >= 3
  ) as before
  where newest.composite_score <= before.median - 1
  union all
  select
    'event_coverage_low:' || newest.pixel_id, 'warning',
    'Of what the browser''s Pixel ' || newest.pixel_id || ' sends, Meta gets too little from the server too: '
      || string_agg(
        newest.event_name || ' ' || trim_scale(newest.event_coverage) || ' % (goal '
          || trim_scale(newest.event_coverage_goal) || ' %)',
        ', ' order by newest.event_coverage, newest.event_name
      ) || '.',
    'What browsers block is lost to Meta: it counts fewer sales, and learns from fewer.',
    'Send from the server each event that the Pixel sends, under the same event_id (docs/browser.md), and see that '
    'both have fbp or external_id.',
    null
  from fb_ads.newest_event_quality() as newest
  where newest.event_coverage < newest.event_coverage_goal
  group by newest.pixel_id
  union all
  select
    'quality_diagnostic:' || newest.pixel_id || ':' || found.name, 'warning',
    'Meta finds on pixel ' || newest.pixel_id || ': ' || found.name || ' ('
      || string_agg(
        newest.event_name || coalesce(' ' || found.percentage || ' %', ''), ', ' order by newest.event_name
      ) || ').',
    coalesce(min(nullif(found.description, '')), 'Meta recognises fewer of the people behind these events.'),
    coalesce(min(nullif(found.solution, '')), 'See Events Manager > Data sources > the pixel > Diagnostics.'),
    null
  from fb_ads.newest_event_quality() as newest
  cross join lateral (
    select
      left(told.name, 200) as name, left(told.description, 1000) as description, left(told.solution, 1000) as solution,
      left(told.percentage, 20) as percentage
    from jsonb_to_recordset(newest.diagnostics) as told (name text, description text, solution text, percentage text)
    where told.name <> ''
  ) as found
  group by newest.pixel_id, found.name;
$$;

comment on function fb_ads.quality_alerts() is
  'Alerts about how well Meta recognises the people behind the events: a score that fell by a point against the median '
  'of the seven days before, coverage under Meta''s goal, what Meta finds wrong. Part of fb_ads.current_alerts. That '
  'Meta says nothing of a pixel is no alert: nothing is lost; the doctor tells.';

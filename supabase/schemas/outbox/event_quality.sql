-- How well Meta recognises the people behind the events: what its Dataset Quality API says of each pixel, once a night.
-- Why planned for the pixels that something was sent to: Meta tells of the last seven days, and of an event without
-- traffic nothing. So the sync needs no setting of the sender's, whose mistakes then stay with the sender.
-- Why a refusal is a row and no failure: the events are sent all the same, and a person needs to hear of it once.

create table public.ad_event_quality (
  date date not null,
  pixel_id text not null,
  event_name text collate "C" not null,
  composite_score numeric,
  match_key_coverage jsonb not null default '{}',
  event_coverage numeric,
  event_coverage_goal numeric,
  dedupe_key_feedback jsonb not null default '{}',
  upload_frequency text,
  diagnostics jsonb not null default '[]',
  raw jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (date, pixel_id, event_name),
  constraint pixel_id_is_digits check (pixel_id ~ '^[0-9]{1,20}$'),
  constraint diagnostics_is_a_list check (jsonb_typeof(diagnostics) = 'array')
);

comment on table public.ad_event_quality is
  'How well Meta recognises the people behind the events of a pixel, as Events Manager shows it: a day, pixel and '
  'event. Only website events, and only those that had traffic in the last seven days. Kept for good.';
comment on column public.ad_event_quality.date is 'Day in UTC on which it was read.';
comment on column public.ad_event_quality.pixel_id is 'Meta''s id of the pixel (dataset_id).';
comment on column public.ad_event_quality.event_name is 'Meta''s event_name.';
comment on column public.ad_event_quality.composite_score is
  'Event match quality, 0 to 10 (event_match_quality.composite_score); null where Meta gave none.';
comment on column public.ad_event_quality.match_key_coverage is
  'Per cent of the events that carried each key, as Meta counted them: {"email": 98.1, "fbc": 41}. Our own count is in '
  'fb_ads.daily_event_keys.';
comment on column public.ad_event_quality.event_coverage is
  'Per cent of the browser Pixel''s events that the server sent too, on average over seven days '
  '(event_coverage.percentage); null where no Pixel runs.';
comment on column public.ad_event_quality.event_coverage_goal is
  'What Meta wants event_coverage to be (event_coverage.goal_percentage).';
comment on column public.ad_event_quality.dedupe_key_feedback is
  'Per key of deduplication, in per cent: {"event_id": {"browser_events_with_dedupe_key": 100, '
  '"server_events_with_dedupe_key": 100, "overall_browser_coverage_from_dedupe_key": 33}}.';
comment on column public.ad_event_quality.upload_frequency is
  'How late events arrive, in Meta''s words: real_time, hourly, daily, ... (data_freshness.upload_frequency).';
comment on column public.ad_event_quality.diagnostics is
  'What Meta finds wrong, as it came: [{name, description, solution, percentage, affected_event_count, '
  'total_event_count}].';
comment on column public.ad_event_quality.raw is 'Everything that Meta said of the event, as it came.';
comment on column public.ad_event_quality.created_at is 'When the row was first written.';
comment on column public.ad_event_quality.updated_at is 'When a column of this row last changed.';

alter table public.ad_event_quality enable row level security;
create policy reader_reads_ad_event_quality on public.ad_event_quality for select to fb_ads_reader using (true);

create table fb_ads.quality_refusals (
  pixel_id text primary key,
  error jsonb not null,
  refused_at timestamptz not null default now(),
  tried_at timestamptz not null default now(),
  learned_with text not null
);

comment on table fb_ads.quality_refusals is
  'Pixels of which Meta does not say how well it recognises people. Asked again after a week, or at once with another '
  'token or API version; the row goes when Meta answers.';
comment on column fb_ads.quality_refusals.pixel_id is 'Meta''s id of the pixel.';
comment on column fb_ads.quality_refusals.error is
  'The last refusal: code, reason, Meta''s code and error_subcode, fbtrace_id, message. Never a token or a URL.';
comment on column fb_ads.quality_refusals.refused_at is 'Since when Meta refuses.';
comment on column fb_ads.quality_refusals.tried_at is 'When it last did.';
comment on column fb_ads.quality_refusals.learned_with is 'Fingerprint of the token and API version that it refused.';

alter table fb_ads.quality_refusals enable row level security;

-- Definer: the fingerprint is computed from a Vault secret. It gives out no more than the name of the token.
create function fb_ads.capi_token_fingerprint(pixel_id text)
returns text language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select fb_ads.token_fingerprint(coalesce(
    fb_ads.read_token('meta_capi_access_token_' || capi_token_fingerprint.pixel_id),
    fb_ads.read_token('meta_capi_access_token')
  ));
$$;

comment on function fb_ads.capi_token_fingerprint(text) is
  'Name of the Conversions API token that Vault has for a pixel, its own first; null where it has none.';

create function fb_ads.plan_event_quality(request jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sync_jobs (kind, priority, object_ids, not_before)
  select 'event_quality', 900, array[pixel.pixel_id], fb_ads.throttled_until(null, 'event_quality')
  from (
    select distinct sent.pixel_id
    from fb_ads.sent_event_keys as sent
    where sent.date >= (now() at time zone 'UTC')::date - 7
  ) as pixel
  cross join lateral (select fb_ads.capi_token_fingerprint(pixel.pixel_id) as fingerprint) as token
  where token.fingerprint is not null
    and not exists (
      select from fb_ads.quality_refusals as refusal
      where refusal.pixel_id = pixel.pixel_id
        and refusal.tried_at > now() - interval '7 days'
        and refusal.learned_with = concat_ws(' ', token.fingerprint, request ->> 'api_version')
    )
    -- One that was planned since the request arrived serves it too.
    and not exists (
      select from fb_ads.sync_jobs as job
      where job.kind = 'event_quality'
        and job.object_ids = array[pixel.pixel_id]
        and job.created_at >= coalesce((request ->> 'arrived_at')::timestamptz, now())
    )
  order by pixel.pixel_id
  on conflict do nothing;
$$;

comment on function fb_ads.plan_event_quality(jsonb) is
  'Plans to read the match quality of each pixel that something was sent to in the last seven days and that Vault has '
  'a token for, but not of one that Meta refused with that token less than a week ago.';

create function fb_ads.upsert_event_quality(pixel_id text, rows jsonb)
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.event_name) r.*
    from jsonb_populate_recordset(null::public.ad_event_quality, rows) as r
    order by r.event_name
  ),
  written as (
    insert into public.ad_event_quality as q (
      date, pixel_id, event_name, composite_score, match_key_coverage, event_coverage, event_coverage_goal,
      dedupe_key_feedback, upload_frequency, diagnostics, raw
    )
    select
      (now() at time zone 'UTC')::date, upsert_event_quality.pixel_id, i.event_name, i.composite_score,
      i.match_key_coverage, i.event_coverage, i.event_coverage_goal, i.dedupe_key_feedback, i.upload_frequency,
      i.diagnostics, i.raw
    from incoming as i
    order by i.event_name
    on conflict (date, pixel_id, event_name) do update set
      composite_score = excluded.composite_score,
      match_key_coverage = excluded.match_key_coverage,
      event_coverage = excluded.event_coverage,
      event_coverage_goal = excluded.event_coverage_goal,
      dedupe_key_feedback = excluded.dedupe_key_feedback,
      upload_frequency = excluded.upload_frequency,
      diagnostics = excluded.diagnostics,
      raw = excluded.raw,
      updated_at = now()
    where (
      q.composite_score, q.match_key_coverage, q.event_coverage, q.event_coverage_goal, q.dedupe_key_feedback,
      q.upload_frequency, q.diagnostics, q.raw
    )
      is distinct from (
        excluded.composite_score, excluded.match_key_coverage, excluded.event_coverage, excluded.event_coverage_goal,
        excluded.dedupe_key_feedback, excluded.upload_frequency, excluded.diagnostics, excluded.raw
      )
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_event_quality(text, jsonb) is
  'Stores what Meta says today of the events of one pixel; returns how many rows it wrote.';

create function public.fb_store_event_quality(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  refused jsonb := nullif(request -> 'refusal', 'null');
begin
  perform fb_ads.upsert_event_quality(job.object_ids[1], request -> 'rows');
  if (request ->> 'is_answered')::boolean then
    delete from fb_ads.quality_refusals as known where known.pixel_id = job.object_ids[1];
  elsif refused is not null then
    insert into fb_ads.quality_refusals as known (pixel_id, error, learned_with)
    select job.object_ids[1], refused, concat_ws(' ', request ->> 'token_fingerprint', run.api_version)
    from fb_ads.sync_runs as run
    where run.id = job.run_id
    on conflict (pixel_id) do update set
      error = excluded.error, tried_at = excluded.tried_at, learned_with = excluded.learned_with;
  end if;
  perform fb_ads.advance_sync_job(job, request);
  return '{"state": "done", "next_job": null}';
end;
$$;

comment on function public.fb_store_event_quality(jsonb) is
  'Stores what Meta said of one pixel''s events and ends the job: {job_id, lease_id, rows, refusal, is_answered, '
  'token_fingerprint, done: true, row_count}. refusal: why Meta says nothing, with the token of that fingerprint. '
  'Neither answered nor refused: nothing is known, and nothing changes. Returns {state, next_job}. Raises '
  'lease_lost (409) when another holds the job.';

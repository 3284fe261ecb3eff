-- Whether the functions that the tick calls answer.
-- Why: cron and pg_net say "succeeded" once a request is queued. Only its answer tells that it was sent, and that the
-- function took it.
-- Why unlogged: pg_net's tables are, and its request ids start anew after a crash. What was awaited is forgotten with
-- them.

create unlogged table fb_ads.function_answers (
  slug text primary key,
  called_at timestamptz not null default now(),
  request_id bigint,
  requested_at timestamptz,
  unanswered_since timestamptz,
  outcome text
);

comment on table fb_ads.function_answers is
  'What came of the tick''s calls: one row for each Edge Function that it has called.';
comment on column fb_ads.function_answers.slug is 'The Edge Function.';
comment on column fb_ads.function_answers.called_at is 'When the tick last called it.';
comment on column fb_ads.function_answers.request_id is
  'pg_net''s id of the call whose answer is awaited; null once it was read.';
comment on column fb_ads.function_answers.requested_at is 'When that call was made.';
comment on column fb_ads.function_answers.unanswered_since is
  'The first call after the last answer of HTTP 2xx; null while that is the last.';
comment on column fb_ads.function_answers.outcome is
  'The last answer: HTTP and its status, or pg_net''s error. Null before the first.';

alter table fb_ads.function_answers enable row level security;

create function fb_ads.call_function(slug text, body jsonb default '{}')
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.function_answers as known (slug, request_id, requested_at, unanswered_since)
  values (call_function.slug, fb_ads.invoke_edge_function(call_function.slug, body), now(), now())
  on conflict (slug) do update set
    called_at = excluded.called_at,
    -- An answer may come later than the next call: pg_net's batches wait for their slowest. A call that has none after
    -- five minutes was lost.
    (request_id, requested_at) = (
      select
        case when is_awaited then known.request_id else excluded.request_id end,
        case when is_awaited then known.requested_at else excluded.requested_at end
      from (
        select known.request_id is not null and known.requested_at > now() - interval '5 minutes' as is_awaited
      ) as call
    ),
    unanswered_since = coalesce(known.unanswered_since, excluded.unanswered_since);
$$;

comment on function fb_ads.call_function(text, jsonb) is
  'Calls an Edge Function as fb_ads.invoke_edge_function does, and notes that an answer is awaited. For the tick '
  'alone: two transactions that call the same function wait for each other.';

create function fb_ads.read_answers()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  oldest timestamptz := (
    select min(call.requested_at) from fb_ads.function_answers as call where call.request_id is not null
  );
begin
  -- An idle minute does not look into pg_net's table, which may hold a million answers to the host.
  if oldest is null then
    return;
  end if;
  update fb_ads.function_answers as call
  set
    request_id = null,
    outcome = answer.outcome,
    unanswered_since = case when answer.is_well then null else call.unanswered_since end
  from (
    select
      response.id,
      response.status_code between 200 and 299 as is_well,
      coalesce(
        -- The rest of pg_net's text about a time-out is how the time was spent.
        substring(response.error_msg from '^Timeout of \d+ ms reached'), response.error_msg,
        'HTTP ' || response.status_code, 'no answer'
      ) as outcome
    from net._http_response as response
    -- created is the time at which pg_net began the batch.
    where response.created > oldest - interval '1 minute'
  ) as answer
  where answer.id = call.request_id;
end;
$$;

comment on function fb_ads.read_answers() is
  'Reads what came of the calls that fb_ads.call_function noted. Writes nothing where none is awaited.';

create function fb_ads.answer_remedy(outcome text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when outcome ~ '^HTTP 40[13]' then
      'select fb_ads.renew_function_key(); and deploy the functions with verify_jwt = false.'
    when outcome ~ '^HTTP 404' then 'Deploy the functions: supabase functions deploy --use-api'
    when outcome ~ '^HTTP 409' then
      'See the alert project_copy: is this a copy of another project? select fb_ads.adopt_project(''<url>'');'
    when outcome ~ '^(HTTP|Timeout)' then
      'See the function''s log (dashboard > Edge Functions > Logs), then run: npm run doctor'
    else
      'See whether the project is paused, and whether the URL in the Vault secret fb_ads_project_url is right and '
      'answers.'
  end;
$$;

comment on function fb_ads.answer_remedy(text) is
  'What to do about a bad answer to a call: outcome is HTTP and the status, or pg_net''s error. Alerts and the doctor '
  'say the same.';

create function fb_ads.answer_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with silent as materialized (
    select
      call.slug, call.outcome, call.request_id, call.unanswered_since,
      to_char(call.unanswered_since at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC' as since
    from fb_ads.function_answers as call
    cross join fb_ads.settings as settings
    where call.unanswered_since < now() - settings.alert_answer_silence
      -- What the tick calls no more has no work that waits.
      and call.called_at > now() - interval '5 minutes'
  ),
  pg_net as materialized (
    select exists (select from net.http_request_queue) as has_queue
  )
  select
    'pg_net_silent', 'error',
    'Nothing has answered since ' || (array_agg(silent.since order by silent.unanswered_since))[1]
      || ': requests lie in the queue of pg_net and are not sent.',
    'No function is called: nothing is synced, sales are not sent, and the webhook for alerts, which pg_net carries, '
    'is silent too.',
    'select net.worker_restart(); if that does not help, restart the database (dashboard > Project Settings > '
    'General).',
    min(silent.unanswered_since)
  from silent
  cross join pg_net
  where silent.request_id is not null and pg_net.has_queue
  having count(*) > 0
  union all
  select
    'function_silent:' || silent.slug, 'error',
    silent.slug || ' has not answered well since ' || silent.since || '; pg_net''s last answer: '
      || coalesce(silent.outcome, 'none') || '.',
    'What it does is not done.', fb_ads.answer_remedy(coalesce(silent.outcome, 'none')), silent.unanswered_since
  from silent
  cross join pg_net
  where silent.request_id is null or not pg_net.has_queue;
$$;

comment on function fb_ads.answer_alerts() is
  'Alerts about calls of the functions that nobody answers. Part of fb_ads.current_alerts.';

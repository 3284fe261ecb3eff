-- Telling people: every problem is posted once when it begins and once when it ends, to the webhook whose address is in
-- Vault.
-- At least once: a message is done when a 2xx answer was seen; an answer that was lost makes it go again. In order: the
-- end of a problem never goes before its beginning. While the webhook fails, one message is tried, after 1 minute, 2,
-- 4, ... up to an hour.
-- The address is read here, handed to pg_net and kept nowhere.

create function fb_ads.note_alerts()
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with current as materialized (
    select * from fb_ads.current_alerts()
  ),
  began as (
    insert into fb_ads.alert_states as known (key, severity, problem, began_at)
    select current.key, current.severity, current.problem, coalesce(current.since, now())
    from current
    where not exists (select from fb_ads.alert_states as state where state.key = current.key and state.ended_at is null)
    on conflict (key) do update set
      severity = excluded.severity, problem = excluded.problem, began_at = excluded.began_at, noticed_at = now(),
      ended_at = null, announced_at = null
    where known.ended_at is not null
    returning 1
  ),
  ended as (
    update fb_ads.alert_states as state
    set ended_at = now()
    where state.ended_at is null and not exists (select from current where current.key = state.key)
    returning 1
  )
  -- What has just begun or ended, is not posted yet, or is on its way.
  select (select count(*) from began) + (select count(*) from ended)
    + (select count(*) from fb_ads.alert_states as state where (state.announced_at is null) = (state.ended_at is null))
    + (select count(*) from fb_ads.alert_posts as post where post.confirmed_at is null);
$$;

comment on function fb_ads.note_alerts() is
  'Compares what is wrong now with what was known and keeps the difference. Returns how many messages are to be sent '
  'or waited for; 0 in a quiet minute, in which it writes nothing.';

create function fb_ads.alert_text(state fb_ads.alert_states)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  -- Slack reads these three characters as its own.
  select replace(replace(replace(
    case
      when state.ended_at is not null then
        'Meta Ads: over. ' || state.problem || ' (from '
          || to_char(state.began_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
          || ' to ' || to_char(state.ended_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC)'
      else
        'Meta Ads: ' || state.severity || '. ' || alert.problem || E'\nCosts: ' || alert.cost
          || E'\nTo mend: ' || alert.remedy
          || E'\nSince ' || to_char(state.began_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
          || ' UTC (' || state.key || ')'
    end, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
  from (select state.key as key) as wanted
  left join fb_ads.current_alerts() as alert on alert.key = wanted.key and state.ended_at is null;
$$;

comment on function fb_ads.alert_text(fb_ads.alert_states) is
  'The message for the webhook: the problem, its cost and its remedy when it begins, and its times when it is over. '
  'Null when it ended meanwhile.';

create function fb_ads.write_alert_posts()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  state fb_ads.alert_states;
  message text;
begin
  for state in
    select s.*
    from fb_ads.alert_states as s
    where (s.announced_at is null) = (s.ended_at is null)
      -- The webhook cannot receive a message about its own failure.
      and s.key not in ('webhook_failing', 'webhook_url')
    order by coalesce(s.ended_at, s.noticed_at), s.began_at, s.key
  loop
    message := fb_ads.alert_text(state);
    continue when message is null;
    insert into fb_ads.alert_posts (key, moment, body)
    values (state.key, case when state.ended_at is null then 'begin' else 'end' end, message);
    update fb_ads.alert_states as s
    set announced_at = case when state.ended_at is null then now() end
    where s.key = state.key;
  end loop;
end;
$$;

comment on function fb_ads.write_alert_posts() is
  'Writes the messages that are due: of problems that have begun, and of ended ones whose beginning was written.';

create function fb_ads.settle_alert_posts()
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with answered as (
    delete from fb_ads.alert_flights as flight
    using (
      select f.post_id, response.id is not null as answered, response.status_code
      from fb_ads.alert_flights as f
      left join net._http_response as response on response.id = f.request_id
      where response.id is not null or f.sent_at < now() - interval '2 minutes'
    ) as seen
    where flight.post_id = seen.post_id
    returning flight.post_id, seen.status_code
  )
  update fb_ads.alert_posts as post
  set
    last_status = answered.status_code,
    confirmed_at = case when answered.status_code between 200 and 299 then now() end,
    next_attempt_at = now() + least(
      interval '1 hour', interval '1 minute' * power(2, least(post.attempts, 7) - 1)
    ) - interval '10 seconds'
  from answered
  where post.id = answered.post_id;
$$;

comment on function fb_ads.settle_alert_posts() is
  'Reads the answers to sent messages: 2xx confirms one, anything else or two minutes without an answer puts it off.';

create function fb_ads.send_alert_posts(url text)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  post fb_ads.alert_posts;
  request bigint;
begin
  if exists (select from fb_ads.alert_flights)
    or exists (
      select from fb_ads.alert_posts as waiting where waiting.confirmed_at is null and waiting.next_attempt_at > now()
    ) then
    return;
  end if;
  for post in
    select waiting.*
    from fb_ads.alert_posts as waiting
    where waiting.confirmed_at is null
      and not exists (
        select from fb_ads.alert_posts as earlier
        where earlier.confirmed_at is null and earlier.key = waiting.key and earlier.id < waiting.id
      )
    order by waiting.id
    limit case
      when exists (select from fb_ads.alert_posts as failed where failed.confirmed_at is null and failed.attempts > 0)
        then 1
      else 5
    end
  loop
    -- A short time-out, for everything that pg_net sends in one batch waits for the slowest answer.
    request := net.http_post(url := url, body := jsonb_build_object('text', post.body), timeout_milliseconds := 3000);
    insert into fb_ads.alert_flights (post_id, request_id) values (post.id, request);
    update fb_ads.alert_posts as sent set attempts = sent.attempts + 1 where sent.id = post.id;
  end loop;
  delete from fb_ads.alert_posts as old where old.confirmed_at < now() - interval '90 days';
end;
$$;

comment on function fb_ads.send_alert_posts(text) is
  'Hands messages to pg_net: up to 5 at a time, one while the webhook fails, none while one is on its way or put off.';

create function fb_ads.announce_alerts()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  url text := fb_ads.read_vault_text('fb_ads_alert_webhook');
begin
  -- Two ticks at once would post every message twice.
  if not pg_try_advisory_xact_lock(hashtext('fb_ads.announce_alerts')) or fb_ads.note_alerts() = 0 then
    return;
  end if;
  if not fb_ads.is_webhook_url(url) then
    return;
  end if;
  perform fb_ads.settle_alert_posts();
  perform fb_ads.write_alert_posts();
  perform fb_ads.send_alert_posts(url);
end;
$$;

comment on function fb_ads.announce_alerts() is
  'Called by fb_ads.tick every minute: notices problems that begin and end, and posts them to the webhook in the Vault '
  'secret fb_ads_alert_webhook. Without a webhook it only notices; problems that last are posted once there is one.';

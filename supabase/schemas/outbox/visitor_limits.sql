-- How much each visitor sends.
-- Why the limits are read before and counted after: a counter is a row that every request of a visitor writes, and it
-- stays locked from then to the commit. A few events too many in a burst are no harm.

create unlogged table fb_ads.event_counts (
  counter text not null,
  window_start timestamptz not null,
  events bigint not null,
  primary key (counter, window_start)
);

comment on table fb_ads.event_counts is
  'How many browser events came in a minute and a day, for the limits in settings. '
  'Unlogged: a crash forgets at most a day of counting.';
comment on column fb_ads.event_counts.counter is
  'minute:<visitor>, day:<visitor> or all:<shard>. A visitor is an HMAC of the client address (of an IPv6 address its '
  '/64) under a salt that lives a day.';
comment on column fb_ads.event_counts.window_start is 'Start of the minute or of the UTC day.';
comment on column fb_ads.event_counts.events is 'Events taken in it.';

alter table fb_ads.event_counts enable row level security;

create table fb_ads.visitor_salts (
  salted_on date primary key,
  salt bytea not null
);

comment on table fb_ads.visitor_salts is
  'The salt of each day''s visitor counters. Yesterday''s is deleted, so nothing leads back to an address.';
comment on column fb_ads.visitor_salts.salted_on is 'The UTC day.';
comment on column fb_ads.visitor_salts.salt is '32 random bytes.';

alter table fb_ads.visitor_salts enable row level security;

create function fb_ads.visitor_of(client_address text)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  today date := (now() at time zone 'utc')::date;
  todays_salt bytea;
begin
  select known.salt into todays_salt from fb_ads.visitor_salts as known where known.salted_on = today;
  if todays_salt is null then
    insert into fb_ads.visitor_salts (salted_on, salt)
    values (today, extensions.gen_random_bytes(32))
    on conflict do nothing;
    select known.salt into todays_salt from fb_ads.visitor_salts as known where known.salted_on = today;
    delete from fb_ads.visitor_salts where salted_on < today;
  end if;
  return encode(extensions.hmac(convert_to(coalesce(client_address, ''), 'UTF8'), todays_salt, 'sha256'), 'hex');
end;
$$;

comment on function fb_ads.visitor_of(text) is
  'Name of a visitor for a day: an HMAC-SHA-256 of the client address (the function passes the /64 of an IPv6 '
  'address) under the day''s salt.';

create function fb_ads.exceeded_event_limit(visitor text, events bigint)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when coalesce((
      select counted.events from fb_ads.event_counts as counted
      where counted.counter = 'minute:' || visitor and counted.window_start = date_trunc('minute', now())
    ), 0) + exceeded_event_limit.events > settings.visitor_events_per_minute then 'minute'
    when coalesce((
      select counted.events from fb_ads.event_counts as counted
      where counted.counter = 'day:' || visitor and counted.window_start = date_trunc('day', now(), 'utc')
    ), 0) + exceeded_event_limit.events > settings.visitor_events_per_day then 'day'
    when coalesce((
      select sum(counted.events) from fb_ads.event_counts as counted
      where counted.counter in ('all:0', 'all:1', 'all:2', 'all:3')
        and counted.window_start = date_trunc('minute', now())
    ), 0) + exceeded_event_limit.events > settings.browser_events_per_minute then 'minute'
  end
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.exceeded_event_limit(text, bigint) is
  'The window (minute or day) whose limit so many more events of a visitor would exceed; null when they may come.';

create function fb_ads.count_events(visitor text, events bigint)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.event_counts as counted (counter, window_start, events)
  values
    -- The sum of all is spread over four rows, so that visitors seldom wait for one another.
    ('all:' || floor(random() * 4)::text, date_trunc('minute', now()), count_events.events),
    ('day:' || visitor, date_trunc('day', now(), 'utc'), count_events.events),
    ('minute:' || visitor, date_trunc('minute', now()), count_events.events)
  on conflict (counter, window_start) do update set events = counted.events + excluded.events;
$$;

comment on function fb_ads.count_events(text, bigint) is
  'Counts events of a visitor, in the order of the counters'' names so that two calls never deadlock.';

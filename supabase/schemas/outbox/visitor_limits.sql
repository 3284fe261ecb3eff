-- How much browsers may store, shared out so that no source of traffic can spend it for the others.
-- Why a call of its own, before the events are stored: a charge survives the failure of the work that it is for, and
-- its rows are locked for a moment only.
-- Why buckets: the tables of the limits cannot grow, however many addresses somebody forges, and a bucket of 16 bits
-- leads back to nobody.

create unlogged table fb_ads.traffic_days (
  day date primary key,
  salt bytea not null,
  known_networks bigint not null,
  minute_start timestamptz not null,
  minute_events bigint not null default 0,
  events bigint not null default 0,
  denials bigint not null default 0
);

comment on table fb_ads.traffic_days is
  'What all browsers together spent of the limits in settings, a row a day; the last two days. Unlogged: a crash '
  'forgets the counting.';
comment on column fb_ads.traffic_days.day is 'The UTC day.';
comment on column fb_ads.traffic_days.salt is
  '32 random bytes that visitors'' buckets of this day are worked out with, so that nobody can aim at another''s.';
comment on column fb_ads.traffic_days.known_networks is
  'How many networks had been seen before this day: they share the reserved half of the day''s events.';
comment on column fb_ads.traffic_days.minute_start is 'The minute that minute_events belongs to.';
comment on column fb_ads.traffic_days.minute_events is 'Events charged in that minute outside the reserved half.';
comment on column fb_ads.traffic_days.events is 'Events charged on this day outside the reserved half.';
comment on column fb_ads.traffic_days.denials is 'Denials of browsers that were charged on this day.';

alter table fb_ads.traffic_days enable row level security;

create unlogged table fb_ads.traffic_sources (
  source text collate "C" primary key,
  first_seen_on date not null,
  last_seen_on date not null,
  minute_start timestamptz not null,
  minute_events bigint not null default 0,
  day_events bigint not null default 0,
  day_denials bigint not null default 0
);

comment on table fb_ads.traffic_sources is
  'What one visitor or network spent of the limits in settings. At most 65,536 rows of each, used again and again. '
  'Visitors'' go after their day, networks'' 30 days after they were last seen. Unlogged: a crash forgets the '
  'counting.';
comment on column fb_ads.traffic_sources.source is
  'visitor:<bucket>, of a client address (of an IPv6 address its /64) under the day''s salt, or network:<bucket>, of '
  'its IPv4 /24 or IPv6 /48. A bucket is the first 16 bits of a digest: many share one.';
comment on column fb_ads.traffic_sources.first_seen_on is
  'UTC day of the first request. A network that was seen before today has a share of the reserved half.';
comment on column fb_ads.traffic_sources.last_seen_on is 'UTC day that day_events and day_denials belong to.';
comment on column fb_ads.traffic_sources.minute_start is 'The minute that minute_events belongs to.';
comment on column fb_ads.traffic_sources.minute_events is
  'Charged in that minute: of a visitor events and denials, of a network events.';
comment on column fb_ads.traffic_sources.day_events is 'Charged on that day: as minute_events.';
comment on column fb_ads.traffic_sources.day_denials is 'Denials charged on that day; of a network only.';

alter table fb_ads.traffic_sources enable row level security;

create function fb_ads.open_traffic_day(today date)
returns fb_ads.traffic_days language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  found_day fb_ads.traffic_days;
begin
  select known.* into found_day from fb_ads.traffic_days as known where known.day = today;
  if found_day.day is null then
    insert into fb_ads.traffic_days (day, salt, known_networks, minute_start)
    select today, extensions.gen_random_bytes(32), count(*), date_trunc('minute', now())
    from fb_ads.traffic_sources as known
    where known.source like 'network:%' and known.first_seen_on < today
    on conflict do nothing;
    select known.* into found_day from fb_ads.traffic_days as known where known.day = today;
  end if;
  return found_day;
end;
$$;

comment on function fb_ads.open_traffic_day(date) is
  'The row of a UTC day; the first call of a day makes it and counts the networks that were seen before.';

create function fb_ads.bucket_of(source text, salt bytea)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select encode(substring(extensions.hmac(convert_to(coalesce(source, ''), 'UTF8'), salt, 'sha256') for 2), 'hex');
$$;

comment on function fb_ads.bucket_of(text, bytea) is
  'The bucket of an address or network: the first 16 bits of its HMAC-SHA-256, in hex.';

create function fb_ads.open_traffic_source(source text, today date)
returns fb_ads.traffic_sources language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.traffic_sources as known (source, first_seen_on, last_seen_on, minute_start)
  values (open_traffic_source.source, today, today, date_trunc('minute', now()))
  on conflict (source) do update
  set minute_events = case when known.minute_start < excluded.minute_start then 0 else known.minute_events end,
    minute_start = greatest(known.minute_start, excluded.minute_start),
    day_events = case when known.last_seen_on < excluded.last_seen_on then 0 else known.day_events end,
    day_denials = case when known.last_seen_on < excluded.last_seen_on then 0 else known.day_denials end,
    last_seen_on = greatest(known.last_seen_on, excluded.last_seen_on)
  returning known.*;
$$;

comment on function fb_ads.open_traffic_source(text, date) is
  'The row of a source, locked, with its counts of this minute and day.';

create function public.fb_charge_visitor(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  today date := (now() at time zone 'utc')::date;
  whole fb_ads.traffic_days := fb_ads.open_traffic_day(today);
  limits fb_ads.settings;
  visitor fb_ads.traffic_sources;
  network fb_ads.traffic_sources;
  new_events bigint := (request ->> 'events')::bigint;
  new_denials bigint := (request ->> 'denials')::bigint;
  reserved bigint;
  is_reserved boolean;
  remembers_denials boolean;
  limited text;
begin
  select known.* into limits from fb_ads.settings as known;
  -- Every call locks in this order: visitor, network, day.
  visitor := fb_ads.open_traffic_source('visitor:' || fb_ads.bucket_of(request ->> 'visitor', whole.salt), today);
  limited := case
    when visitor.minute_events + new_events + new_denials > limits.visitor_events_per_minute then 'minute'
    when visitor.day_events + new_events + new_denials > limits.visitor_events_per_day then 'day'
  end;
  if limited is not null then
    return jsonb_build_object('limited', limited, 'takes_denials', false, 'remembers_denials', false);
  end if;
  -- Without a salt: a network is known again the next day.
  network := fb_ads.open_traffic_source('network:' || fb_ads.bucket_of(request ->> 'network', ''), today);
  update fb_ads.traffic_days as known
  set minute_events = case when known.minute_start < date_trunc('minute', now()) then 0 else known.minute_events end,
    minute_start = greatest(known.minute_start, date_trunc('minute', now()))
  where known.day = today
  returning known.* into whole;

  -- Half of the day's events belong to the networks that were seen before, to each the same; the rest is anybody's.
  reserved := case when whole.known_networks > 0 then limits.browser_events_per_day / 2 else 0 end;
  is_reserved := network.first_seen_on < today
    and network.day_events + new_events
      <= least(reserved / greatest(whole.known_networks, 1), limits.browser_events_per_day / 4);
  if new_events > 0 and not is_reserved then
    limited := case
      when network.minute_events + new_events > limits.browser_events_per_minute / 4
        or whole.minute_events + new_events > limits.browser_events_per_minute then 'minute'
      when network.day_events + new_events > limits.browser_events_per_day / 4
        or whole.events + new_events > limits.browser_events_per_day - reserved then 'day'
    end;
  end if;
  remembers_denials := network.day_denials + new_denials <= limits.browser_denials_per_day / 4
    and whole.denials + new_denials <= limits.browser_denials_per_day;

  new_events := case when limited is null then new_events else 0 end;
  update fb_ads.traffic_sources as known
  set minute_events = known.minute_events + new_events + new_denials,
    day_events = known.day_events + new_events + new_denials
  where known.source = visitor.source;
  update fb_ads.traffic_sources as known
  set minute_events = known.minute_events + new_events, day_events = known.day_events + new_events,
    day_denials = known.day_denials + case when remembers_denials then new_denials else 0 end
  where known.source = network.source;
  update fb_ads.traffic_days as known
  set minute_events = known.minute_events + case when is_reserved then 0 else new_events end,
    events = known.events + case when is_reserved then 0 else new_events end,
    denials = known.denials + case when remembers_denials then new_denials else 0 end
  where known.day = today;
  return jsonb_strip_nulls(jsonb_build_object(
    'limited', limited, 'takes_denials', true, 'remembers_denials', remembers_denials
  ));
end;
$$;

comment on function public.fb_charge_visitor(jsonb) is
  'Called by capi-event before it stores what a browser sent: charges {visitor, network, events, denials} to the '
  'limits in settings and returns {limited?, takes_denials, remembers_denials}. limited: the window (minute or day) '
  'that is spent, and no event is charged. takes_denials: whether denials may come all the same; false where the '
  'visitor''s own limit is spent. remembers_denials: whether denials of browsers that nothing is known of may be '
  'stored.';

create function fb_ads.delete_old_traffic()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  today date := (now() at time zone 'utc')::date;
  deleted bigint;
begin
  delete from fb_ads.traffic_sources as old
  where old.last_seen_on < case when old.source like 'visitor:%' then today else today - 30 end;
  get diagnostics deleted = row_count;
  delete from fb_ads.traffic_days as old where old.day < today - 1;
  return deleted;
end;
$$;

comment on function fb_ads.delete_old_traffic() is
  'For the nightly job: forgets visitors of earlier days, networks after 30 days and old days. Returns how many '
  'sources.';

-- How many events of each name there were on each day.
-- Why deleted events are counted before they go: page views are kept for days, and a report asks for weeks.

create table fb_ads.deleted_events (
  date date not null,
  event_name text collate "C" not null,
  events bigint not null,
  suppressed bigint not null,
  primary key (date, event_name),
  constraint counts_are_not_negative check (suppressed between 0 and events)
);

comment on table fb_ads.deleted_events is
  'Events that the retention deleted, counted by day and name. Kept for good: it says nothing of anybody.';
comment on column fb_ads.deleted_events.date is 'Day of event_time in UTC.';
comment on column fb_ads.deleted_events.event_name is 'Meta''s event_name.';
comment on column fb_ads.deleted_events.events is 'How many there were.';
comment on column fb_ads.deleted_events.suppressed is 'Of them, those of people who had not agreed.';

alter table fb_ads.deleted_events enable row level security;

create view fb_ads.daily_events with (security_invoker = true) as
select counted.date, counted.event_name, sum(counted.events)::bigint as events,
  sum(counted.suppressed)::bigint as suppressed
from (
  select
    (event.event_time at time zone 'UTC')::date as date, event.event_name, count(*) as events,
    count(*) filter (where event.state = 'suppressed') as suppressed
  from fb_ads.conversion_events as event
  group by (event.event_time at time zone 'UTC')::date, event.event_name
  union all
  select deleted.date, deleted.event_name, deleted.events, deleted.suppressed from fb_ads.deleted_events as deleted
) as counted
group by counted.date, counted.event_name;

comment on view fb_ads.daily_events is
  'Events by day and name, those that the retention deleted too. The report''s funnel reads it.';
comment on column fb_ads.daily_events.date is 'Day of event_time in UTC.';
comment on column fb_ads.daily_events.event_name is 'Meta''s event_name.';
comment on column fb_ads.daily_events.events is 'How many there were.';
comment on column fb_ads.daily_events.suppressed is 'Of them, those of people who had not agreed: nothing was sent.';

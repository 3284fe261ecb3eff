-- How many of the events that Meta confirmed carried each key by which it recognises a person.
-- Why counted at the confirmation: what an event holds in clear is deleted then, and with it what it carried.

create table fb_ads.sent_event_keys (
  date date not null,
  pixel_id text not null,
  event_name text collate "C" not null,
  key text collate "C" not null,
  events bigint not null,
  primary key (date, pixel_id, event_name, key),
  constraint events_is_positive check (events > 0)
);

comment on table fb_ads.sent_event_keys is
  'Events that Meta confirmed, counted by day, pixel, name and key that they carried. Kept for good: it says nothing '
  'of anybody.';
comment on column fb_ads.sent_event_keys.date is 'Day of event_time in UTC.';
comment on column fb_ads.sent_event_keys.pixel_id is 'Meta''s id of the pixel that took them.';
comment on column fb_ads.sent_event_keys.event_name is 'Meta''s event_name.';
comment on column fb_ads.sent_event_keys.key is
  'What they carried, in the words of Meta''s Dataset Quality API: email, phone, fbc, fbp, external_id, ip_address. '
  'Every event carries event_id: its count is that of all events.';
comment on column fb_ads.sent_event_keys.events is 'How many carried it.';

alter table fb_ads.sent_event_keys enable row level security;
create policy reader_reads_sent_event_keys on fb_ads.sent_event_keys for select to fb_ads_reader using (true);

-- https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
create function fb_ads.match_key(parameter text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case parameter
    when 'em' then 'email'
    when 'ph' then 'phone'
    when 'fn' then 'first_name'
    when 'ln' then 'last_name'
    when 'ct' then 'city'
    when 'st' then 'state'
    when 'zp' then 'zip'
    when 'db' then 'date_of_birth'
    when 'ge' then 'gender'
    when 'client_ip_address' then 'ip_address'
    when 'client_user_agent' then 'user_agent'
    else parameter
  end;
$$;

comment on function fb_ads.match_key(text) is
  'What Meta''s Dataset Quality API calls a parameter of user_data; the parameter itself where both have one name.';

create view fb_ads.daily_event_keys with (security_invoker = true) as
select carried.date, carried.pixel_id, carried.event_name, carried.key, carried.events, sent.events as sent,
  round(100.0 * carried.events / sent.events, 1) as percentage
from fb_ads.sent_event_keys as carried
join fb_ads.sent_event_keys as sent
  on sent.date = carried.date
    and sent.pixel_id = carried.pixel_id
    and sent.event_name = carried.event_name
    and sent.key = 'event_id';

comment on view fb_ads.daily_event_keys is
  'Of the events that Meta confirmed, the share that carried each key, by day, pixel and name: our side of '
  'public.ad_event_quality. Give a range of days.';
comment on column fb_ads.daily_event_keys.date is 'Day of event_time in UTC.';
comment on column fb_ads.daily_event_keys.pixel_id is 'Meta''s id of the pixel that took them.';
comment on column fb_ads.daily_event_keys.event_name is 'Meta''s event_name.';
comment on column fb_ads.daily_event_keys.key is 'What they carried, in the words of Meta''s Dataset Quality API.';
comment on column fb_ads.daily_event_keys.events is 'How many carried it.';
comment on column fb_ads.daily_event_keys.sent is 'How many events of the name Meta confirmed.';
comment on column fb_ads.daily_event_keys.percentage is 'events of sent, 0 to 100.';

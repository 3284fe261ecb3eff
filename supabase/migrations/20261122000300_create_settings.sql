-- What triggers, cron and functions must agree on. They cannot all see environment variables, so it is one row here.
-- Each migration that needs a setting adds its column in its own file.

create table fb_ads.settings (
  id boolean primary key default true,
  accounts_in_flight integer not null default 3,
  metadata_page_size integer not null default 100,
  metadata_page_size_max integer not null default 400,
  usage_brake_percent numeric not null default 90,
  project_host text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint settings_is_one_row check (id),
  constraint accounts_in_flight_is_small check (accounts_in_flight between 1 and 10),
  constraint metadata_page_size_is_positive check (metadata_page_size between 1 and metadata_page_size_max),
  constraint metadata_page_size_max_is_sane check (metadata_page_size_max between 1 and 1000),
  constraint usage_brake_percent_is_a_percentage check (usage_brake_percent between 10 and 100),
  constraint project_host_is_a_host_name check (project_host ~ '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')
);

comment on table fb_ads.settings is 'The one row of settings that SQL and functions share. Change it with update; it is read at every run.';
comment on column fb_ads.settings.id is 'Always true: there is one row.';
comment on column fb_ads.settings.accounts_in_flight is 'How many ad accounts one invocation of a sync works on at a time, with one request each.';
comment on column fb_ads.settings.metadata_page_size is 'Objects a page with which a list of campaigns, ad sets or ads begins. Halved when Meta asks to reduce the amount of data.';
comment on column fb_ads.settings.metadata_page_size_max is 'The largest page that a list grows to while every page succeeds.';
comment on column fb_ads.settings.usage_brake_percent is 'Percent of a Meta quota, as its usage headers say, from which an account is parked before Meta blocks it.';
comment on column fb_ads.settings.project_host is
  'Host of the project URL where it is neither <ref>.supabase.co nor loopback: a custom domain (https), or the gateway''s name beside a database in a container (http). Null: no other host may receive the function key.';
comment on column fb_ads.settings.created_at is 'When the suite was installed.';
comment on column fb_ads.settings.updated_at is 'When a setting was last changed by hand, if whoever changed it says so.';

insert into fb_ads.settings default values;

alter table fb_ads.settings enable row level security;
grant select on fb_ads.settings to service_role;

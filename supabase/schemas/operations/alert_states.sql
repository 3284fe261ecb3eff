-- What was announced: the known problems, the messages for the webhook, and those that are on their way.
-- Why the messages are rows of their own: a webhook that is down must lose none, and a problem may end before the
-- message of its beginning is sent.
-- Why what is on its way is unlogged: pg_net's queue is, so a crash empties both, and what was not confirmed goes
-- again.

create table fb_ads.alert_states (
  key text primary key,
  severity text not null,
  problem text not null,
  began_at timestamptz not null,
  noticed_at timestamptz not null default now(),
  ended_at timestamptz,
  announced_at timestamptz,
  constraint severity_is_known check (severity in ('error', 'warning'))
);

comment on table fb_ads.alert_states is
  'Problems that are or were there: one row a key, used again when the same problem comes back. What is there now is '
  'in the view public.fb_alerts.';
comment on column fb_ads.alert_states.key is 'Which problem: its kind, and after a colon what it is about.';
comment on column fb_ads.alert_states.severity is 'error: money or sales are being lost; warning: something will be.';
comment on column fb_ads.alert_states.problem is 'What was wrong when it was noticed.';
comment on column fb_ads.alert_states.began_at is 'Since when, as far as it is known; otherwise when it was noticed.';
comment on column fb_ads.alert_states.noticed_at is 'When the tick first saw it.';
comment on column fb_ads.alert_states.ended_at is 'When the tick no longer saw it; null while it lasts.';
comment on column fb_ads.alert_states.announced_at is
  'When the message of its beginning was written; null where there was no webhook, or the end was written too.';

alter table fb_ads.alert_states enable row level security;
create policy reader_reads_alert_states on fb_ads.alert_states for select to fb_ads_reader using (true);

create table fb_ads.alert_posts (
  id bigint generated always as identity primary key,
  key text not null,
  moment text not null,
  body text not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  last_status integer,
  confirmed_at timestamptz,
  created_at timestamptz not null default now(),
  constraint moment_is_known check (moment in ('begin', 'end'))
);

comment on table fb_ads.alert_posts is
  'Messages for the webhook, sent in order until it answers 2xx. At least once: when '
  'its answer is lost, a message goes again. Kept 90 days.';
comment on column fb_ads.alert_posts.id is 'Our key, in the order of sending.';
comment on column fb_ads.alert_posts.key is 'The problem (fb_ads.alert_states.key).';
comment on column fb_ads.alert_posts.moment is 'begin or end.';
comment on column fb_ads.alert_posts.body is 'The message as it is sent.';
comment on column fb_ads.alert_posts.attempts is 'How often it was sent.';
comment on column fb_ads.alert_posts.next_attempt_at is
  'Not sent before: 1 minute after the first failure, doubling to an hour.';
comment on column fb_ads.alert_posts.last_status is 'HTTP status of the last answer; null when there was none.';
comment on column fb_ads.alert_posts.confirmed_at is 'When a 2xx answer was seen; null before.';
comment on column fb_ads.alert_posts.created_at is 'When the message was written.';

create index alert_posts_open_idx on fb_ads.alert_posts (id) where confirmed_at is null;
create index alert_posts_confirmed_at_idx on fb_ads.alert_posts (confirmed_at) where confirmed_at is not null;

alter table fb_ads.alert_posts enable row level security;

create unlogged table fb_ads.alert_flights (
  post_id bigint primary key references fb_ads.alert_posts (id) on delete cascade,
  request_id bigint not null,
  sent_at timestamptz not null default now()
);

comment on table fb_ads.alert_flights is
  'Messages handed to pg_net whose answer is not known yet. Unlogged like pg_net''s '
  'own tables, whose request ids start anew after a crash.';
comment on column fb_ads.alert_flights.post_id is 'The message.';
comment on column fb_ads.alert_flights.request_id is 'pg_net''s id of the request.';
comment on column fb_ads.alert_flights.sent_at is 'When it was handed over.';

alter table fb_ads.alert_flights enable row level security;

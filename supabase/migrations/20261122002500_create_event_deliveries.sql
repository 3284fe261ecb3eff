-- Deliveries: one row an event and pixel, and what is known of each pixel.
-- Why apart from the events: each pixel has its own token, its own throttling and its own answer.

create table fb_ads.event_deliveries (
  event_row_id bigint not null references fb_ads.conversion_events (id) on delete cascade,
  pixel_id text not null,
  state text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  attempted_at timestamptz,
  first_unknown_at timestamptz,
  lease_id uuid,
  lease_until timestamptz,
  sent_at timestamptz,
  code integer,
  subcode integer,
  fbtrace_id text,
  reason text,
  created_at timestamptz not null default now(),
  primary key (event_row_id, pixel_id),
  constraint pixel_id_is_digits check (pixel_id ~ '^[0-9]{1,20}$'),
  constraint state_is_known check (state in ('pending', 'sending', 'sent', 'suppressed', 'expired', 'blocked', 'dead')),
  constraint sending_has_a_lease check ((state = 'sending') = (lease_id is not null) and (lease_id is null) = (lease_until is null)),
  constraint sent_has_sent_at check ((state = 'sent') = (sent_at is not null)),
  constraint dead_has_a_reason check (state <> 'dead' or reason is not null)
);

create index event_deliveries_pending_idx on fb_ads.event_deliveries (pixel_id, next_attempt_at) where state = 'pending';
create index event_deliveries_sending_idx on fb_ads.event_deliveries (lease_until) where state = 'sending';
create index event_deliveries_stuck_idx on fb_ads.event_deliveries (state, pixel_id, event_row_id) where state in ('blocked', 'dead');

comment on table fb_ads.event_deliveries is 'The outbox: where each event stands with each pixel. Rows go with their event.';
comment on column fb_ads.event_deliveries.event_row_id is 'The event (fb_ads.conversion_events.id).';
comment on column fb_ads.event_deliveries.pixel_id is 'Meta''s id of the pixel (now also called dataset) that it goes to.';
comment on column fb_ads.event_deliveries.state is
  'pending; sending (under a lease); sent; suppressed: no consent; expired: too old for Meta, or too old to be repeated without counting twice; blocked: the pixel''s token or permission is dead, waits for a new one; dead: Meta refuses this event.';
comment on column fb_ads.event_deliveries.attempts is 'How often it was taken up to be sent.';
comment on column fb_ads.event_deliveries.next_attempt_at is 'Not to be sent before.';
comment on column fb_ads.event_deliveries.attempted_at is 'When it was last taken up to be sent.';
comment on column fb_ads.event_deliveries.first_unknown_at is
  'First attempt of which nobody knows whether Meta took the event (time-out, 5xx, a killed sender). Never sent again later than 48 hours after: until then Meta recognises a copy.';
comment on column fb_ads.event_deliveries.lease_id is 'Who is sending it; an outcome with another lease is refused.';
comment on column fb_ads.event_deliveries.lease_until is 'Until when the lease holds; after it the attempt counts as one of unknown outcome.';
comment on column fb_ads.event_deliveries.sent_at is 'When Meta confirmed it.';
comment on column fb_ads.event_deliveries.code is 'Meta''s error code of the last refusal.';
comment on column fb_ads.event_deliveries.subcode is 'Meta''s error_subcode of the last refusal.';
comment on column fb_ads.event_deliveries.fbtrace_id is 'Meta''s trace id of the last answer: what its support asks for.';
comment on column fb_ads.event_deliveries.reason is 'Our word for the last refusal, such as token_dead, event_too_old, not_enough_user_data, outcome_unknown.';
comment on column fb_ads.event_deliveries.created_at is 'When the event was stored for this pixel.';

create table fb_ads.pixels (
  pixel_id text primary key,
  state text not null default 'open',
  blocked_at timestamptz,
  blocked_token text,
  probed_at timestamptz,
  parked_until timestamptz,
  parked_count integer not null default 0,
  code integer,
  subcode integer,
  fbtrace_id text,
  reason text,
  updated_at timestamptz not null default now(),
  constraint pixel_id_is_digits check (pixel_id ~ '^[0-9]{1,20}$'),
  constraint state_is_known check (state in ('open', 'blocked')),
  constraint blocked_has_blocked_at check ((state = 'blocked') = (blocked_at is not null))
);

comment on table fb_ads.pixels is 'What stops a pixel from taking events: a dead token or permission, or Meta''s throttling.';
comment on column fb_ads.pixels.pixel_id is 'Meta''s id of the pixel.';
comment on column fb_ads.pixels.state is 'open; or blocked: its token or permission is dead. Its events wait, one is tried a minute, and all go when that succeeds or Vault has another token.';
comment on column fb_ads.pixels.blocked_at is 'Since when it is blocked.';
comment on column fb_ads.pixels.blocked_token is 'Fingerprint of the token that Meta refused; empty when Vault had none.';
comment on column fb_ads.pixels.probed_at is 'When one event was last tried while blocked.';
comment on column fb_ads.pixels.parked_until is 'Meta throttles: nothing is sent before.';
comment on column fb_ads.pixels.parked_count is 'Throttlings in a row, each of which parks it for longer.';
comment on column fb_ads.pixels.code is 'Meta''s error code of the last refusal that concerned the whole pixel.';
comment on column fb_ads.pixels.subcode is 'Meta''s error_subcode of it.';
comment on column fb_ads.pixels.fbtrace_id is 'Meta''s trace id of it.';
comment on column fb_ads.pixels.reason is 'Our word for it: token_dead, permission, no_token, throttled.';
comment on column fb_ads.pixels.updated_at is 'When this row last changed.';

alter table fb_ads.event_deliveries enable row level security;
alter table fb_ads.pixels enable row level security;
grant select, insert, update, delete on fb_ads.event_deliveries, fb_ads.pixels to service_role;

-- Events on their way to Meta: one row an (event_name, event_id), written before anything is sent.
-- Why content is split: what is personal in clear (browser_data) goes as soon as the event is delivered, the digests go
-- with the retention, and the key stays, so that a Purchase can never be made twice.
-- Why so few indexes: the purchase triggers write here inside the host's own statements.

create table fb_ads.conversion_events (
  id bigint generated always as identity primary key,
  -- Compared byte by byte: it is faster than any language's order, and nobody sorts by them.
  event_name text collate "C" not null,
  event_id text collate "C" not null,
  event_time timestamptz not null,
  action_source text,
  content jsonb,
  user_data jsonb,
  browser_data jsonb,
  origin text not null default 'transaction',
  state text not null default 'waiting',
  transaction_ref text collate "C",
  order_id text,
  checkout_event_id bigint,
  user_digest text,
  browser_digest text,
  person_digests text[],
  consent text,
  consent_at timestamptz,
  test_event_code text,
  attempts integer not null default 0,
  not_before timestamptz not null default now(),
  lease_id uuid,
  attribution_done boolean not null default false,
  attribution_not_before timestamptz,
  final_at timestamptz,
  received_at timestamptz not null default now(),
  constraint conversion_events_key unique (event_id, event_name),
  constraint origin_is_known check (origin in ('browser', 'server', 'transaction')),
  constraint state_is_known check (state in ('waiting', 'stored', 'suppressed', 'refused', 'expired', 'erased')),
  constraint consent_is_known check (consent in ('granted', 'denied')),
  constraint stored_event_has_content check (state <> 'stored' or content is not null or final_at is not null),
  constraint suppressed_event_says_nothing_of_the_person check (
    state not in ('suppressed', 'expired', 'erased')
    or (
      content is null and user_data is null and browser_data is null
      and person_digests is null and user_digest is null and browser_digest is null
    )
  )
);

comment on table fb_ads.conversion_events is
  'Server events for the Conversions API, one row an (event_name, event_id). A Purchase''s key stays for good; every '
  'other event goes with its retention.';
comment on column fb_ads.conversion_events.id is 'Our key, in the order of arrival.';
comment on column fb_ads.conversion_events.event_name is 'Meta''s event_name, case-sensitive.';
comment on column fb_ads.conversion_events.event_id is
  'Meta''s event_id: with event_name its key for de-duplication. Of a completed transaction it is transaction_ref.';
comment on column fb_ads.conversion_events.event_time is
  'When it happened (Meta''s event_time, there in seconds); of a purchase, when it was paid.';
comment on column fb_ads.conversion_events.action_source is 'Meta''s action_source; decides how old an event may be.';
comment on column fb_ads.conversion_events.content is
  'The server event as it is sent, without its key, its time and the person; a snapshot from before the first attempt. '
  'Null before that, when suppressed, and after the retention.';
comment on column fb_ads.conversion_events.user_data is
  'Meta''s user_data, normalised and hashed, without browser_data; part of the same snapshot as content. Null when '
  'suppressed and after the retention.';
comment on column fb_ads.conversion_events.browser_data is
  'The four fields of user_data that Meta wants in clear: client_ip_address, client_user_agent, fbc, fbp. Gone when '
  'the delivery is final; a checkout''s when its Purchase is final, at most 8 days after it came.';
comment on column fb_ads.conversion_events.origin is
  'Who reported it: browser (publishable key), server (secret key) or transaction (purchase trigger or sweep).';
comment on column fb_ads.conversion_events.state is
  'waiting: the bare key of a purchase that has no snapshot yet; stored: has content and deliveries; suppressed: no '
  'consent; refused: Meta could not take it as it is; expired: too old before it could be sent; erased: the person was '
  'removed.';
comment on column fb_ads.conversion_events.transaction_ref is
  'The transaction in fb_ads.purchases; null for events that did not come from one.';
comment on column fb_ads.conversion_events.order_id is
  'custom_data.order_id of the event: links a checkout with its sale. Kept when the event is suppressed.';
comment on column fb_ads.conversion_events.checkout_event_id is
  'Of a purchase: the checkout event (id) that it uses, written when it is claimed. No other purchase uses it. No '
  'foreign key, because the checkout goes earlier.';
comment on column fb_ads.conversion_events.user_digest is
  'SHA-256 of the verified user''s id, as Meta''s external_id; null for a guest.';
comment on column fb_ads.conversion_events.browser_digest is 'SHA-256 of fbp; null without one.';
comment on column fb_ads.conversion_events.person_digests is
  'Digests of e-mail address, phone number and external id in the event: how fb_erase_person finds it.';
comment on column fb_ads.conversion_events.consent is
  'Consent that counted when the event was received or its snapshot was made, '
  'or a later withdrawal; null: nobody said anything.';
comment on column fb_ads.conversion_events.consent_at is 'Since when that consent holds.';
comment on column fb_ads.conversion_events.test_event_code is
  'Meta''s test_event_code that came with the event. Such events count like any other.';
comment on column fb_ads.conversion_events.attempts is 'How often a waiting purchase was claimed for its snapshot.';
comment on column fb_ads.conversion_events.not_before is
  'Of a waiting purchase: when to look (again) for it in fb_ads.purchases; while its '
  'snapshot is being made, the end of the lease of 90 s.';
comment on column fb_ads.conversion_events.lease_id is
  'Of a waiting purchase: who takes its snapshot; a write with another lease is refused.';
comment on column fb_ads.conversion_events.attribution_done is
  'Of a purchase: whether fb_ads.attribution_results has it. Otherwise without meaning.';
comment on column fb_ads.conversion_events.attribution_not_before is
  'Of a purchase that the host did not show as paid when it was looked at: when to look again.';
comment on column fb_ads.conversion_events.final_at is
  'When the last of its deliveries became final (sent, suppressed or expired); null before.';
comment on column fb_ads.conversion_events.received_at is 'When the row was written.';

create index conversion_events_not_before_idx on fb_ads.conversion_events (not_before) where state = 'waiting';
create index conversion_events_order_id_idx on fb_ads.conversion_events (order_id)
  where event_name = 'InitiateCheckout' and order_id is not null;
create index conversion_events_user_digest_idx on fb_ads.conversion_events (user_digest, event_time)
  where user_digest is not null;
create index conversion_events_browser_digest_idx on fb_ads.conversion_events (browser_digest, received_at)
  where browser_digest is not null;
create index conversion_events_person_digests_idx on fb_ads.conversion_events using gin (person_digests)
  where person_digests is not null;
create index conversion_events_checkout_event_id_idx on fb_ads.conversion_events (checkout_event_id)
  where checkout_event_id is not null;
create index conversion_events_final_at_idx on fb_ads.conversion_events (final_at)
  where final_at is not null and (event_name <> 'Purchase' or content is not null);
create index conversion_events_browser_data_idx on fb_ads.conversion_events (received_at)
  where browser_data is not null;
-- Sales that attribution has not looked at. Those without content yet are in an index already (waiting): the purchase
-- triggers, which write those inside the host's own statements, pay nothing for this one.
create index conversion_events_attribution_idx on fb_ads.conversion_events (event_time)
  where not attribution_done and event_name = 'Purchase' and state <> 'waiting';

alter table fb_ads.conversion_events enable row level security;

-- Settings of events and deliveries: what browsers may send and how much, how long things are kept.
-- Why here and not in the environment: triggers, cron and the function must agree on them, and they hold without a deployment.

alter table fb_ads.settings
  add column browser_events text[] not null default array[
    'PageView', 'ViewContent', 'ViewCategory', 'Search', 'AddToCart', 'AddToWishlist', 'InitiateCheckout', 'AddPaymentInfo', 'Lead',
    'CompleteRegistration', 'Contact', 'CustomizeProduct', 'FindLocation', 'Schedule', 'SubmitApplication'
  ],
  add column visitor_events_per_minute integer not null default 15000,
  add column visitor_events_per_day integer not null default 100000,
  add column browser_events_per_minute integer not null default 60000,
  add column checkout_window interval not null default interval '7 days',
  add column sent_event_retention interval not null default interval '30 days',
  add column page_view_retention interval not null default interval '3 days',
  add column completed_statuses text[] not null default array['completed', 'paid', 'settled', 'succeeded'],
  add column purchases_view_md5 text,
  add constraint purchase_is_never_a_browser_event check (not ('Purchase' = any (browser_events))),
  add constraint event_limits_are_positive check (
    visitor_events_per_minute > 0 and visitor_events_per_day > 0 and browser_events_per_minute > 0
  ),
  add constraint checkout_window_is_within_clear_data check (checkout_window between interval '0' and interval '7 days'),
  add constraint event_retention_is_positive check (
    sent_event_retention > interval '0' and page_view_retention > interval '0'
  );

comment on column fb_ads.settings.browser_events is 'event_name values that a publishable key may send. Never Purchase: it comes from completed transactions or a secret key.';
comment on column fb_ads.settings.visitor_events_per_minute is
  'Events that one client address may send in a minute. Generous, because a mobile carrier puts thousands of people behind one address.';
comment on column fb_ads.settings.visitor_events_per_day is 'Events that one client address may send in a UTC day; bounds what a stranger can fill the tables with.';
comment on column fb_ads.settings.browser_events_per_minute is 'Events that all browsers together may send in a minute.';
comment on column fb_ads.settings.checkout_window is 'How long before a sale the same user''s checkout may lie to lend it its browser data, when no order id links them. At most 7 days.';
comment on column fb_ads.settings.sent_event_retention is 'How long an event is kept after its delivery became final. A Purchase then keeps its bare key; other events go.';
comment on column fb_ads.settings.page_view_retention is 'The same for PageView.';
comment on column fb_ads.settings.completed_statuses is 'Statuses of a transaction that mean paid, in lower case: the default of fb_ads.attach_transactions.';
comment on column fb_ads.settings.purchases_view_md5 is 'Digest of fb_ads.purchases as this suite made it; while it fits, the view may be made anew. A view that the host defined is left alone.';

-- Settings of attribution: the window, how long things are looked at again and kept, and which of the host's words take a sale back.

alter table fb_ads.settings
  add column attribution_window interval not null default interval '7 days',
  add column attribution_revision_window interval not null default interval '30 days',
  add column attribution_lookup_patience interval not null default interval '1 day',
  add column landing_reload_window interval not null default interval '30 minutes',
  add column click_retention interval not null default interval '90 days',
  add column payment_hosts text[] not null default '{}',
  add column refunded_statuses text[] not null default array['refunded', 'refund', 'reversed', 'returned', 'cancelled', 'canceled', 'voided'],
  add column charged_back_statuses text[] not null default array['chargeback', 'charged_back', 'charge_back', 'dispute_lost'],
  add constraint attribution_window_is_sane check (attribution_window between interval '0' and interval '90 days'),
  add constraint attribution_revision_window_is_sane check (attribution_revision_window between interval '0' and interval '90 days'),
  add constraint attribution_lookup_patience_is_sane check (attribution_lookup_patience between interval '0' and interval '7 days'),
  add constraint landing_reload_window_is_sane check (landing_reload_window between interval '0' and interval '1 day'),
  add constraint click_retention_covers_the_window check (click_retention >= attribution_window);

comment on column fb_ads.settings.attribution_window is 'How long before the checkout a click may lie to be credited, both ends included, to the second.';
comment on column fb_ads.settings.attribution_revision_window is
  'How long after a sale its attribution is worked out anew when a click, a log-in or an ad becomes known.';
comment on column fb_ads.settings.attribution_lookup_patience is 'How long a sale waits at most for an ad that is being read by its id.';
comment on column fb_ads.settings.landing_reload_window is
  'A landing without click id that comes again from the same browser with the same ids within this time is a reload, not a second touch.';
comment on column fb_ads.settings.click_retention is 'How long touches are kept.';
comment on column fb_ads.settings.payment_hosts is
  'Domains of payment pages beside the built-in list (lower case, with all hosts below them): a return from there is no touch.';
comment on column fb_ads.settings.refunded_statuses is
  'Statuses of a transaction, in lower case, that take its whole value back unless its refunded amount says how much.';
comment on column fb_ads.settings.charged_back_statuses is 'Statuses of a transaction, in lower case, that take its whole value back whatever was refunded.';

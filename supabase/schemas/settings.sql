-- What triggers, cron and functions must agree on. They cannot all see environment variables, so it is one row here. A
-- change holds at once, without a deployment.

create table fb_ads.settings (
  id boolean primary key default true,

  -- Both syncs.
  accounts_in_flight integer not null default 3,
  usage_brake_percent numeric not null default 90,
  project_host text,

  -- The metadata sync.
  metadata_page_size integer not null default 100,
  metadata_page_size_max integer not null default 400,

  -- The insights sync.
  insights_page_size integer not null default 500,
  insights_page_size_max integer not null default 1000,
  insights_window_days integer not null default 28,
  insights_backfill_days integer not null default 90,
  insights_sync_rows integer not null default 5000,
  insights_open_reports integer not null default 5,
  insights_hourly_refresh boolean not null default true,

  -- Events from browsers.
  browser_events text[] not null default array[
    'PageView', 'ViewContent', 'ViewCategory', 'Search', 'AddToCart', 'AddToWishlist', 'InitiateCheckout',
    'AddPaymentInfo', 'Lead', 'CompleteRegistration', 'Contact', 'CustomizeProduct', 'FindLocation', 'Schedule',
    'SubmitApplication'
  ],
  visitor_events_per_minute integer not null default 15000,
  visitor_events_per_day integer not null default 100000,
  browser_events_per_minute integer not null default 60000,
  browser_events_per_day integer not null default 1000000,
  browser_denials_per_day integer not null default 100000,

  -- Sales of the host.
  checkout_window interval not null default interval '7 days',
  completed_statuses text[] not null default array['completed', 'paid', 'settled', 'succeeded'],
  refunded_statuses text[] not null default array[
    'refunded', 'refund', 'reversed', 'returned', 'cancelled', 'canceled', 'voided'
  ],
  unpaid_statuses text[] not null default array[
    'unpaid', 'pending', 'failed', 'declined', 'expired', 'draft', 'deleted'
  ],
  charged_back_statuses text[] not null default array['chargeback', 'charged_back', 'charge_back', 'dispute_lost'],
  purchases_view_md5 text,

  -- Attribution.
  attribution_window interval not null default interval '7 days',
  attribution_revision_window interval not null default interval '30 days',
  attribution_lookup_patience interval not null default interval '1 day',
  touchpoint_reload_window interval not null default interval '30 minutes',
  page_delay interval not null default interval '10 minutes',
  browser_touchpoints_per_hour integer not null default 60,
  payment_hosts text[] not null default '{}',

  -- The report.
  break_even_roas numeric not null default 1,

  -- How long things are kept.
  sent_event_retention interval not null default interval '30 days',
  page_view_retention interval not null default interval '3 days',
  browser_consent_retention interval not null default interval '395 days',
  touchpoint_retention interval not null default interval '90 days',
  click_id_retention interval not null default interval '90 days',
  run_retention interval not null default interval '90 days',
  job_retention interval not null default interval '14 days',
  cron_detail_retention interval not null default interval '30 days',

  -- From when on something is an alert. A shop that sells a few times a week and one that sells every minute notice
  -- silence at different times.
  alert_sync_age interval not null default interval '3 hours',
  alert_backfill_age interval not null default interval '2 days',
  alert_delivery_age interval not null default interval '1 hour',
  alert_answer_silence interval not null default interval '10 minutes',
  alert_attribution_age interval not null default interval '3 hours',
  alert_run_silence interval not null default interval '26 hours',
  alert_purchase_silence interval not null default interval '6 hours',

  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  constraint settings_is_one_row check (id),
  constraint accounts_in_flight_is_small check (accounts_in_flight between 1 and 10),
  constraint usage_brake_percent_is_a_percentage check (usage_brake_percent between 10 and 100),
  constraint project_host_is_a_host_name check (project_host ~ '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$'),
  constraint metadata_page_size_is_positive check (metadata_page_size between 1 and metadata_page_size_max),
  constraint metadata_page_size_max_is_sane check (metadata_page_size_max between 1 and 1000),
  constraint insights_page_size_is_positive check (insights_page_size between 1 and insights_page_size_max),
  constraint insights_page_size_max_is_sane check (insights_page_size_max between 1 and 2000),
  constraint insights_window_days_is_sane check (insights_window_days between 2 and 90),
  constraint insights_backfill_days_is_within_retention check (insights_backfill_days between 0 and 1127),
  constraint insights_sync_rows_is_not_negative check (insights_sync_rows >= 0),
  constraint insights_open_reports_is_positive check (insights_open_reports between 1 and 50),
  constraint purchase_is_never_a_browser_event check (not ('Purchase' = any (browser_events))),
  constraint event_limits_are_positive check (
    visitor_events_per_minute > 0 and visitor_events_per_day > 0 and browser_events_per_minute > 0
    and browser_events_per_day > 0 and browser_denials_per_day > 0
  ),
  constraint checkout_window_is_within_clear_data check (checkout_window between interval '0' and interval '7 days'),
  constraint attribution_window_is_sane check (attribution_window between interval '0' and interval '90 days'),
  constraint attribution_revision_window_is_sane check (
    attribution_revision_window between interval '0' and interval '90 days'
  ),
  constraint attribution_lookup_patience_is_sane check (
    attribution_lookup_patience between interval '0' and interval '7 days'
  ),
  constraint touchpoint_reload_window_is_sane check (
    touchpoint_reload_window between interval '0' and interval '1 day'
  ),
  constraint page_delay_is_sane check (page_delay between interval '0' and interval '1 day'),
  constraint browser_touchpoints_are_not_negative check (browser_touchpoints_per_hour >= 0),
  constraint break_even_roas_is_positive check (break_even_roas > 0),
  constraint event_retention_is_positive check (
    sent_event_retention > interval '0' and page_view_retention > interval '0'
    and browser_consent_retention > interval '0'
  ),
  constraint touchpoint_retention_covers_the_window check (touchpoint_retention >= attribution_window),
  constraint click_id_retention_covers_revisions check (click_id_retention >= attribution_revision_window),
  constraint run_retention_is_positive check (
    run_retention > interval '0' and job_retention > interval '0' and cron_detail_retention > interval '0'
  ),
  constraint alert_ages_are_positive check (
    alert_sync_age > interval '0' and alert_backfill_age > interval '0' and alert_delivery_age > interval '0'
    and alert_answer_silence > interval '0'
    and alert_attribution_age > interval '0'
    and alert_run_silence > interval '0'
    and alert_purchase_silence > interval '0'
  )
);

comment on table fb_ads.settings is
  'The one row of settings that SQL and functions share. Change it with update; it is read at every run.';
comment on column fb_ads.settings.id is 'Always true: there is one row.';
comment on column fb_ads.settings.accounts_in_flight is
  'How many ad accounts one invocation of a sync works on at a time, with one request each.';
comment on column fb_ads.settings.usage_brake_percent is
  'Percent of a Meta quota, as its usage headers say, from which an account is throttled before Meta blocks it.';
comment on column fb_ads.settings.project_host is
  'Host of the project URL where it is neither <ref>.supabase.co nor loopback: a custom domain (https), or the '
  'gateway''s name beside a database in a container (http). Null: no other host may receive the function key.';
comment on column fb_ads.settings.metadata_page_size is
  'Objects a page with which a list of campaigns, ad sets or ads begins. '
  'Halved when Meta asks to reduce the amount of data.';
comment on column fb_ads.settings.metadata_page_size_max is
  'The largest page that a list grows to while every page succeeds.';
comment on column fb_ads.settings.insights_page_size is
  'Rows a page with which insights begin. Halved when Meta asks to reduce the amount of data.';
comment on column fb_ads.settings.insights_page_size_max is
  'The largest page that insights grow to while every page succeeds.';
comment on column fb_ads.settings.insights_window_days is
  'How many of an account''s last local days every full run reads anew. Meta restates for 28 days.';
comment on column fb_ads.settings.insights_backfill_days is
  'How many days back the first run of a newly enabled account reads, at most 37 months.';
comment on column fb_ads.settings.insights_sync_rows is
  'Expected rows of a range above which an asynchronous report is made instead of reading at once. 0: always reports.';
comment on column fb_ads.settings.insights_open_reports is
  'How many reports of one account may be under way at Meta at a time.';
comment on column fb_ads.settings.insights_hourly_refresh is
  'Whether today and yesterday are read every hour, beside the nightly window.';
comment on column fb_ads.settings.browser_events is
  'event_name values that a publishable key may send. Never Purchase: it '
  'comes from completed transactions or a secret key.';
comment on column fb_ads.settings.visitor_events_per_minute is
  'Events that one client address may send in a minute. Generous, because a mobile '
  'carrier puts thousands of people behind one address.';
comment on column fb_ads.settings.visitor_events_per_day is
  'Events that one client address may send in a UTC day; bounds what a stranger can fill the tables with.';
comment on column fb_ads.settings.browser_events_per_minute is
  'Events that all browsers together may send in a minute, beside the reserved half of browser_events_per_day. One '
  'network (IPv4 /24, IPv6 /48) may take a quarter.';
comment on column fb_ads.settings.browser_events_per_day is
  'Events that all browsers together may have stored in a UTC day: bounds what strangers can fill the tables with. An '
  'event of more than 2 KiB counts as several. One network may take a quarter of it. Half is reserved for the networks '
  'that were seen on an earlier day, each with the same share.';
comment on column fb_ads.settings.browser_denials_per_day is
  'Denials of browsers that nothing else is known of that are stored in a UTC day; one network may take a quarter. '
  'What comes beyond is taken, but not remembered: nothing is stored of such a browser anyway.';
comment on column fb_ads.settings.checkout_window is
  'How long before a sale the same user''s checkout may lie to lend it its browser '
  'data, when no order id links them. At most 7 days.';
comment on column fb_ads.settings.completed_statuses is
  'Statuses of a transaction that mean paid, in lower case: the default of fb_ads.attach_transactions.';
comment on column fb_ads.settings.refunded_statuses is
  'Statuses of a transaction, in lower case, that take its whole value back unless its refunded amount says how much.';
comment on column fb_ads.settings.unpaid_statuses is
  'Statuses of a transaction, in lower case, that say that a sale is not paid after all. A noted sale counts as paid '
  'under every status that stands in none of these lists, such as shipped or partially_refunded.';
comment on column fb_ads.settings.charged_back_statuses is
  'Statuses of a transaction, in lower case, that take its whole value back whatever was refunded.';
comment on column fb_ads.settings.purchases_view_md5 is
  'Digest of fb_ads.purchases as this suite made it; while it fits, the view may be '
  'made anew. A view that the host defined is left alone.';
comment on column fb_ads.settings.attribution_window is
  'How long before the checkout a click may lie to be credited, both ends included, to the second.';
comment on column fb_ads.settings.attribution_revision_window is
  'How long after a sale its attribution is worked out anew when a click, a log-in or an ad becomes known.';
comment on column fb_ads.settings.attribution_lookup_patience is
  'How long a sale waits at most for an ad that is being read by its id.';
comment on column fb_ads.settings.touchpoint_reload_window is
  'A touchpoint without click id that comes again from the same browser with the '
  'same ids within this time is a reload, not a second one.';
comment on column fb_ads.settings.page_delay is
  'How late an anonymous browser may report a touchpoint: what lies further back counts from its receipt less this, '
  'unless the browser or click id was received then.';
comment on column fb_ads.settings.browser_touchpoints_per_hour is
  'How many touchpoints of an anonymous browser are stored an hour; its further events are stored without.';
comment on column fb_ads.settings.payment_hosts is
  'Domains of payment pages beside the built-in list (lower case, with all hosts '
  'below them): a return from there is no touchpoint.';
comment on column fb_ads.settings.break_even_roas is
  'ROAS from which an ad earns its money back: 1 / margin. 1 where every sale is all profit, 2.5 where 40 % of it is '
  'left after goods and fees. The report calls what falls short of it lost.';
comment on column fb_ads.settings.sent_event_retention is
  'How long an event is kept after its delivery became final. A Purchase then keeps its bare key; other events go.';
comment on column fb_ads.settings.page_view_retention is 'The same for PageView.';
comment on column fb_ads.settings.browser_consent_retention is
  'How long what a browser said of consent is kept after it was last written. What a user said is kept until the '
  'person is erased.';
comment on column fb_ads.settings.touchpoint_retention is 'How long touchpoints are kept.';
comment on column fb_ads.settings.click_id_retention is
  'How long after a sale its ad_attributions.fb_click_id is kept; at least as long as its attribution may change.';
comment on column fb_ads.settings.run_retention is 'How long fb_ads.sync_runs keeps what each invocation did.';
comment on column fb_ads.settings.job_retention is 'How long ended jobs stay in fb_ads.sync_jobs.';
comment on column fb_ads.settings.cron_detail_retention is
  'How long cron.job_run_details of this suite''s own jobs are kept; pg_cron itself never prunes them.';
comment on column fb_ads.settings.alert_sync_age is
  'How old a job of a sync may become before it is an alert; throttled ones '
  'included, for figures are late all the same.';
comment on column fb_ads.settings.alert_backfill_age is 'The same for a job of a backfill, which has time.';
comment on column fb_ads.settings.alert_delivery_age is 'How long an event may wait to be sent before it is an alert.';
comment on column fb_ads.settings.alert_answer_silence is
  'How long a function may leave the tick''s calls unanswered, and a completed transaction may wait to be taken up, '
  'before it is an alert.';
comment on column fb_ads.settings.alert_attribution_age is
  'How long a sale may wait to be attributed before it is an alert.';
comment on column fb_ads.settings.alert_run_silence is 'How long a sync may not have run before it is an alert.';
comment on column fb_ads.settings.alert_purchase_silence is
  'Least time without a completed transaction that is an alert. It takes longer where sales are rarer: twice the '
  'longest pause of the last 28 days.';
comment on column fb_ads.settings.created_at is 'When the suite was installed.';
comment on column fb_ads.settings.updated_at is
  'When a setting was last changed by hand, if the person who changed it says so.';

alter table fb_ads.settings enable row level security;

-- Names that are taken
-- Why first: what the host has made stays as it is, and nothing half-installed is left.

do $$
declare
  relations text[] := array[
    'ad_accounts', 'ad_ads', 'ad_adsets', 'ad_attributions', 'ad_campaigns', 'ad_event_quality', 'ad_spend',
    'ad_spend_reconciliation', 'fb_ad_performance', 'fb_alerts', 'fb_attribution_coverage', 'fb_campaign_performance',
    'fb_meta_claims'
  ];
  functions text[] := array[
    'fb_attribute_purchases', 'fb_charge_visitor', 'fb_check_alerts', 'fb_claim_deliveries', 'fb_claim_purchases',
    'fb_claim_sync_job', 'fb_erase_person', 'fb_finish_sync_run', 'fb_identify_project', 'fb_list_sales_to_attribute',
    'fb_read_secret', 'fb_record_deliveries', 'fb_refresh_reversals', 'fb_release_sync_job', 'fb_renew_deliveries',
    'fb_replan_insights', 'fb_replay_deliveries', 'fb_reshape_insights', 'fb_snapshot_purchases', 'fb_start_sync_run',
    'fb_store_account_days', 'fb_store_ad_tree_objects', 'fb_store_ad_tree_page', 'fb_store_consent',
    'fb_store_event_quality', 'fb_store_events', 'fb_store_insights_page', 'fb_store_report', 'fb_take_sync_slot',
    'fb_validate'
  ];
  taken text;
begin
  select string_agg(known.name, ', ' order by known.name)
  into taken
  from (
    select 'schema fb_ads' as name
    from pg_catalog.pg_namespace as namespace
    where namespace.nspname = 'fb_ads'
    union all
    select format(
      '%s public.%I',
      case relation.relkind
        when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'i' then 'index'
        when 'f' then 'foreign table' when 'c' then 'type' else 'table'
      end,
      relation.relname
    )
    from pg_catalog.pg_class as relation
    where relation.relnamespace = 'public'::regnamespace
      and relation.relname = any (relations)
    union all
    select format('type public.%I', type.typname)
    from pg_catalog.pg_type as type
    where type.typnamespace = 'public'::regnamespace and type.typrelid = 0
      and type.typname = any (relations)
    union all
    select format('function public.%I(%s)', routine.proname, pg_get_function_identity_arguments(routine.oid))
    from pg_catalog.pg_proc as routine
    where routine.pronamespace = 'public'::regnamespace
      and routine.proname = any (functions)
  ) as known;
  if taken is not null then
    raise exception 'the names of these are taken: %', taken
      using hint = 'Rename yours, or drop what an earlier installation left, and push the migrations again. '
        'Nothing was made or changed.';
  end if;
end;
$$;

-- schemas/extensions.sql

-- The four extensions that the suite stands on.
-- Why first: without one of them a later statement would stop with a message about a missing function.
-- Operator: where one is not available, enable it in the dashboard (Database > Extensions) and push again.

do $$
declare
  missing text;
begin
  select string_agg(needed.name, ', ' order by needed.name)
  into missing
  from unnest(array['pg_cron', 'pg_net', 'supabase_vault', 'pgcrypto']) as needed (name)
  where not exists (
    select from pg_catalog.pg_available_extensions as available where available.name = needed.name
  );
  if missing is not null then
    raise exception 'these extensions are not available on this server: %', missing
      using hint = 'Enable them in the dashboard (Database > Extensions), then push the migrations again.';
  end if;
end;
$$;

create schema if not exists extensions;

create extension if not exists pgcrypto with schema extensions;
create extension if not exists pg_net with schema extensions;
create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists supabase_vault;

-- schemas/schema.sql

-- The schema of the machinery, and the roles that read the reports and that ask whether anything is wrong.
-- Why a schema of its own: the Data API exposes `public` alone, so queues, outbox and personal data cannot be reached
-- through it.
-- Why a role is made only where it is missing: it outlives a reset of its database, and belongs to all databases
-- of the server.

create schema fb_ads;

comment on schema fb_ads is
  'Machinery of the Meta Ads suite: settings, queues, runs, quotas, events. Not exposed by the Data API; the '
  'functions reach it through fb_* functions in public.';

do $$
begin
  if not exists (select from pg_catalog.pg_roles as role where role.rolname = 'fb_ads_reader') then
    create role fb_ads_reader nologin;
    comment on role fb_ads_reader is
      'Reads the reporting views of the Meta Ads suite and nothing else: no personal data, no digest, no click id. '
      'Grant it to the role your dashboards log in with.';
  end if;
  if not exists (select from pg_catalog.pg_roles as role where role.rolname = 'fb_ads_monitor') then
    create role fb_ads_monitor nologin;
    comment on role fb_ads_monitor is
      'Asks the Meta Ads suite whether anything is wrong (public.fb_check_alerts), and may do nothing else: the role '
      'of an uptime monitor''s API key.';
  end if;
  -- The Data API logs in as authenticator and takes the role that a key names.
  grant fb_ads_monitor to authenticator;
end;
$$;

-- schemas/settings.sql

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

-- schemas/operations/secrets.sql

-- How Vault is read: the one place that does. People store secrets by hand, so white space around one is taken off, and
-- one that no header could carry is none; the alert secret_unusable names it.

create function fb_ads.read_vault_text(name text)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select nullif(btrim(secret.decrypted_secret, E' \t\r\n\u00a0\ufeff'), '')
  from vault.decrypted_secrets as secret
  where secret.name = read_vault_text.name;
$$;

comment on function fb_ads.read_vault_text(text) is
  'A Vault secret without white space around it; null where it is not stored or empty.';

create function fb_ads.is_token(text text)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(is_token.text ~ '^[!#-&(-~]+$', false);
$$;

comment on function fb_ads.is_token(text) is
  'Whether a text may be a token, an app secret or an address: printable ASCII without a space or a quote.';

create function fb_ads.read_token(name text)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case when fb_ads.is_token(stored.value) then stored.value end
  from (select fb_ads.read_vault_text(read_token.name) as value) as stored;
$$;

comment on function fb_ads.read_token(text) is
  'A token, an app secret or an address that Vault holds; null where it is not stored or of no use.';

-- Definer: schema vault is not exposed; this gives out the named secrets and no other.
create function public.fb_read_secret(name text)
returns text language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if fb_read_secret.name is null
    or fb_read_secret.name !~
      '^(meta_marketing_api_token|meta_capi_access_token(_[0-9]{1,30})?|meta_(marketing|capi)_app_secret'
        '|fb_ads_alert_webhook)$' then
    raise exception 'not a secret of this suite' using errcode = '22023';
  end if;
  return fb_ads.read_token(fb_read_secret.name);
end;
$$;

comment on function public.fb_read_secret(text) is
  'Gives an Edge Function one Vault secret: meta_marketing_api_token, meta_capi_access_token, '
  'meta_capi_access_token_<pixel id>, meta_marketing_app_secret, meta_capi_app_secret or fb_ads_alert_webhook; null '
  'where it is not stored or of no use, an error (22023) for any other name.';

create function fb_ads.token_fingerprint(token text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(token, 'UTF8')), 'hex'), 16);
$$;

comment on function fb_ads.token_fingerprint(text) is
  'Name of a token that does not give it away: the first 16 hex digits of its SHA-256. The same as in the functions.';

-- schemas/operations/function_calls.sql

-- How the database calls the Edge Functions.
-- Why one function: it is the only place that reads the function key, names the headers and fixes the time-out.
-- pg_net follows redirects and sends the headers along, so the key goes to the project's own host or to loopback alone.
-- Why a key of its own: any login role reads pg_net's queue, headers included. What lies there is only good for asking
-- that waiting work be done.

create function fb_ads.is_project_url(url text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    url ~ '^https://[a-z0-9]{8,40}\.supabase\.(co|red|green)/?$'
    or url ~ '^https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?/?$'
    or exists (
      select
      from fb_ads.settings as settings
      where settings.project_host is not null
        and (
          lower(substring(url from '^https://([A-Za-z0-9.-]+)(?::[0-9]{1,5})?/?$')) = settings.project_host
          -- A name without a dot, or Docker's own, cannot be reached from outside: the gateway beside a database in a
          -- container.
          or (
            (settings.project_host !~ '\.' or settings.project_host = 'host.docker.internal')
            and lower(substring(url from '^http://([A-Za-z0-9.-]+)(?::[0-9]{1,5})?/?$')) = settings.project_host
          )
        )
    ),
    false
  );
$$;

comment on function fb_ads.is_project_url(text) is
  'Whether the function key may be sent to this address: https on <ref>.supabase.co or on settings.project_host, or '
  'loopback. No path, no user, no query.';

create function fb_ads.is_function_key(key text)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(key ~ '^[A-Za-z0-9_-]{32,200}$' and key !~ '^sb_', false);
$$;

comment on function fb_ads.is_function_key(text) is
  'Whether a text may be the key of the schedule: letters, digits, _ and -, at least 32 of them, and none of the '
  'project''s own keys.';

create function fb_ads.renew_function_key()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  key text := 'fb_ads_' || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
  stored_id uuid := (select secret.id from vault.secrets as secret where secret.name = 'fb_ads_function_key');
begin
  if stored_id is null then
    perform vault.create_secret(key, 'fb_ads_function_key', 'What the database shows the Edge Functions of fb_ads.');
  else
    perform vault.update_secret(stored_id, key);
  end if;
end;
$$;

comment on function fb_ads.renew_function_key() is
  'Makes a new random key of the schedule in Vault (fb_ads_function_key). The functions know it within five seconds '
  'of its first use.';

-- Definer: it reads two Vault secrets for callers (triggers, cron) that must not see them.
create function fb_ads.invoke_edge_function(slug text, body jsonb default '{}')
returns bigint language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  project_url text := fb_ads.read_vault_text('fb_ads_project_url');
  function_key text := fb_ads.read_vault_text('fb_ads_function_key');
begin
  if slug is null or slug !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'not the slug of an Edge Function: %', coalesce(slug, 'null');
  end if;
  if project_url is null then
    raise exception 'the Vault secret fb_ads_project_url is missing'
      using hint = 'select fb_ads.adopt_project(''https://<ref>.supabase.co'');';
  end if;
  if function_key is null then
    raise exception 'the Vault secret fb_ads_function_key is missing'
      using hint = 'select fb_ads.renew_function_key();';
  end if;
  if not fb_ads.is_project_url(project_url) then
    raise exception 'the Vault secret fb_ads_project_url is not an address of this project'
      using hint = 'Use https://<ref>.supabase.co, or set project_host in fb_ads.settings for another host.';
  end if;
  if not fb_ads.is_function_key(function_key) then
    raise exception 'the Vault secret fb_ads_function_key is not a key of the schedule'
      using hint = 'It is made here and nowhere else: select fb_ads.renew_function_key();';
  end if;
  return net.http_post(
    url := rtrim(project_url, '/') || '/functions/v1/' || slug,
    body := coalesce(body, '{}'::jsonb),
    headers := jsonb_build_object(
      'Content-Type', 'application/json', 'Prefer', 'respond-async', 'apikey', function_key
    ),
    timeout_milliseconds := 5000
  );
end;
$$;

comment on function fb_ads.invoke_edge_function(text, jsonb) is
  'Posts body to an Edge Function of this project once the transaction commits; returns pg_net''s request id, which '
  'is no durable key. Called by cron jobs and triggers. Raises, naming it, when a Vault secret is missing or of no '
  'use. The function answers 202 at once.';

-- schemas/operations/project_copies.sql

-- Which project this database belongs to, and how a copy of another is found out.
-- Why copies are looked for: a branch with data and a restored backup carry Vault and the cron jobs of the project that
-- they were made of.

create function fb_ads.project_ref(url text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select substring(lower(btrim(url, E' \t\r\n')) from '^https://([a-z0-9]{8,40})\.supabase\.(?:co|red|green)/?$');
$$;

comment on function fb_ads.project_ref(text) is
  'The ref of a hosted project in its URL; null for loopback, custom domains and everything else, which tell '
  'nothing.';

create function fb_ads.adopt_project(url text)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  address text := btrim(url, E' \t\r\n');
  stored_id uuid := (select secret.id from vault.secrets as secret where secret.name = 'fb_ads_project_url');
begin
  if not fb_ads.is_project_url(address) then
    raise exception 'this is not an address of a project'
      using hint = 'Use https://<ref>.supabase.co, or set project_host in fb_ads.settings for another host.';
  end if;
  if stored_id is null then
    perform vault.create_secret(address, 'fb_ads_project_url');
  else
    perform vault.update_secret(stored_id, address);
  end if;
  perform fb_ads.renew_function_key();
end;
$$;

comment on function fb_ads.adopt_project(text) is
  'Tells this database which project it belongs to: stores the URL in Vault (fb_ads_project_url) and renews the key '
  'of the schedule. Makes a copy of another project work by itself, within a minute.';

create table fb_ads.function_project (
  id boolean primary key default true,
  project_ref text not null,
  seen_at timestamptz not null default now(),
  constraint function_project_is_one_row check (id)
);

comment on table fb_ads.function_project is
  'The hosted project that the Edge Functions of this database last said they run in: at most one row. Vault''s '
  'fb_ads_project_url names the project that the schedule calls.';
comment on column fb_ads.function_project.id is 'Always true: there is one row.';
comment on column fb_ads.function_project.project_ref is 'Its ref: the first label of SUPABASE_URL.';
comment on column fb_ads.function_project.seen_at is 'When a function first said so.';

alter table fb_ads.function_project enable row level security;

-- Definer: Vault is not exposed. It gives out a digest and the ref of a project, no secret.
create function public.fb_identify_project(request jsonb)
returns jsonb language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  function_key text := fb_ads.read_vault_text('fb_ads_function_key');
  own_ref text := fb_ads.project_ref(request ->> 'project_url');
  vault_ref text := fb_ads.project_ref(fb_ads.read_vault_text('fb_ads_project_url'));
begin
  if own_ref is not null and not exists (
    select from fb_ads.function_project as known where known.project_ref = own_ref
  ) then
    insert into fb_ads.function_project as known (project_ref)
    values (own_ref)
    on conflict (id) do update set project_ref = excluded.project_ref, seen_at = now()
    where known.project_ref <> excluded.project_ref;
  end if;
  return jsonb_build_object(
    'key_sha256',
    case when fb_ads.is_function_key(function_key) then encode(sha256(convert_to(function_key, 'UTF8')), 'hex') end,
    'copy_of', case when own_ref <> vault_ref then vault_ref end
  );
end;
$$;

comment on function public.fb_identify_project(jsonb) is
  'What a function must know before it works: {project_url: its SUPABASE_URL} -> {key_sha256: hex digest of the key '
  'of the schedule or null, copy_of: ref of the project that this one was copied from, or null}.';

-- schemas/operations/function_answers.sql

-- Whether the functions that the tick calls answer.
-- Why: cron and pg_net say "succeeded" once a request is queued. Only its answer tells that it was sent, and that the
-- function took it.
-- Why unlogged: pg_net's tables are, and its request ids start anew after a crash. What was awaited is forgotten with
-- them.

create unlogged table fb_ads.function_answers (
  slug text primary key,
  called_at timestamptz not null default now(),
  request_id bigint,
  requested_at timestamptz,
  unanswered_since timestamptz,
  outcome text
);

comment on table fb_ads.function_answers is
  'What came of the tick''s calls: one row for each Edge Function that it has called.';
comment on column fb_ads.function_answers.slug is 'The Edge Function.';
comment on column fb_ads.function_answers.called_at is 'When the tick last called it.';
comment on column fb_ads.function_answers.request_id is
  'pg_net''s id of the call whose answer is awaited; null once it was read.';
comment on column fb_ads.function_answers.requested_at is 'When that call was made.';
comment on column fb_ads.function_answers.unanswered_since is
  'The first call after the last answer of HTTP 2xx; null while that is the last.';
comment on column fb_ads.function_answers.outcome is
  'The last answer: HTTP and its status, or pg_net''s error. Null before the first.';

alter table fb_ads.function_answers enable row level security;

create function fb_ads.call_function(slug text, body jsonb default '{}')
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.function_answers as known (slug, request_id, requested_at, unanswered_since)
  values (call_function.slug, fb_ads.invoke_edge_function(call_function.slug, body), now(), now())
  on conflict (slug) do update set
    called_at = excluded.called_at,
    -- An answer may come later than the next call: pg_net's batches wait for their slowest. A call that has none after
    -- five minutes was lost.
    (request_id, requested_at) = (
      select
        case when is_awaited then known.request_id else excluded.request_id end,
        case when is_awaited then known.requested_at else excluded.requested_at end
      from (
        select known.request_id is not null and known.requested_at > now() - interval '5 minutes' as is_awaited
      ) as call
    ),
    unanswered_since = coalesce(known.unanswered_since, excluded.unanswered_since);
$$;

comment on function fb_ads.call_function(text, jsonb) is
  'Calls an Edge Function as fb_ads.invoke_edge_function does, and notes that an answer is awaited. For the tick '
  'alone: two transactions that call the same function wait for each other.';

create function fb_ads.read_answers()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  oldest timestamptz := (
    select min(call.requested_at) from fb_ads.function_answers as call where call.request_id is not null
  );
begin
  -- An idle minute does not look into pg_net's table, which may hold a million answers to the host.
  if oldest is null then
    return;
  end if;
  update fb_ads.function_answers as call
  set
    request_id = null,
    outcome = answer.outcome,
    unanswered_since = case when answer.is_well then null else call.unanswered_since end
  from (
    select
      response.id,
      response.status_code between 200 and 299 as is_well,
      coalesce(
        -- The rest of pg_net's text about a time-out is how the time was spent.
        substring(response.error_msg from '^Timeout of \d+ ms reached'), response.error_msg,
        'HTTP ' || response.status_code, 'no answer'
      ) as outcome
    from net._http_response as response
    -- created is the time at which pg_net began the batch.
    where response.created > oldest - interval '1 minute'
  ) as answer
  where answer.id = call.request_id;
end;
$$;

comment on function fb_ads.read_answers() is
  'Reads what came of the calls that fb_ads.call_function noted. Writes nothing where none is awaited.';

create function fb_ads.answer_remedy(outcome text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when outcome ~ '^HTTP 40[13]' then
      'select fb_ads.renew_function_key(); and deploy the functions with verify_jwt = false.'
    when outcome ~ '^HTTP 404' then 'Deploy the functions: supabase functions deploy --use-api'
    when outcome ~ '^HTTP 409' then
      'See the alert project_copy: is this a copy of another project? select fb_ads.adopt_project(''<url>'');'
    when outcome ~ '^(HTTP|Timeout)' then
      'See the function''s log (dashboard > Edge Functions > Logs), then run: npm run doctor'
    else
      'See whether the project is paused, and whether the URL in the Vault secret fb_ads_project_url is right and '
      'answers.'
  end;
$$;

comment on function fb_ads.answer_remedy(text) is
  'What to do about a bad answer to a call: outcome is HTTP and the status, or pg_net''s error. Alerts and the doctor '
  'say the same.';

create function fb_ads.answer_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with silent as materialized (
    select
      call.slug, call.outcome, call.request_id, call.unanswered_since,
      to_char(call.unanswered_since at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC' as since
    from fb_ads.function_answers as call
    cross join fb_ads.settings as settings
    where call.unanswered_since < now() - settings.alert_answer_silence
      -- What the tick calls no more has no work that waits.
      and call.called_at > now() - interval '5 minutes'
  ),
  pg_net as materialized (
    select exists (select from net.http_request_queue) as has_queue
  )
  select
    'pg_net_silent', 'error',
    'Nothing has answered since ' || (array_agg(silent.since order by silent.unanswered_since))[1]
      || ': requests lie in the queue of pg_net and are not sent.',
    'No function is called: nothing is synced, sales are not sent, and the webhook for alerts, which pg_net carries, '
    'is silent too.',
    'select net.worker_restart(); if that does not help, restart the database (dashboard > Project Settings > '
    'General).',
    min(silent.unanswered_since)
  from silent
  cross join pg_net
  where silent.request_id is not null and pg_net.has_queue
  having count(*) > 0
  union all
  select
    'function_silent:' || silent.slug, 'error',
    silent.slug || ' has not answered well since ' || silent.since || '; pg_net''s last answer: '
      || coalesce(silent.outcome, 'none') || '.',
    'What it does is not done.', fb_ads.answer_remedy(coalesce(silent.outcome, 'none')), silent.unanswered_since
  from silent
  cross join pg_net
  where silent.request_id is null or not pg_net.has_queue;
$$;

comment on function fb_ads.answer_alerts() is
  'Alerts about calls of the functions that nobody answers. Part of fb_ads.current_alerts.';

-- schemas/catalogue/accounts.sql

-- Ad accounts that the Marketing API token can read.
-- Why disabled ones are stored too: an operator sees what could be switched on, and the syncs read only what somebody
-- switched on.

create table public.ad_accounts (
  id uuid primary key default gen_random_uuid(),
  fb_account_id text not null unique,
  name text,
  currency text,
  timezone_name text,
  status text,
  enabled boolean not null default false,
  configured boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint fb_account_id_is_digits check (fb_account_id ~ '^[0-9]{1,20}$')
);

comment on table public.ad_accounts is
  'Meta ad accounts. One row an account that the token can read or that FB_ADS_ACCOUNT_IDS names.';
comment on column public.ad_accounts.id is 'Our key; the other ad_* tables refer to it as account_id.';
comment on column public.ad_accounts.fb_account_id is 'Meta''s account_id: digits without act_.';
comment on column public.ad_accounts.name is 'The account''s name at Meta.';
comment on column public.ad_accounts.currency is
  'ISO 4217 code in which Meta bills the account; budgets and spend are in it. Fixed for the life of the account.';
comment on column public.ad_accounts.timezone_name is
  'IANA time zone of the account: its days are the days of ad_spend.date.';
comment on column public.ad_accounts.status is
  'Meta''s account_status in words (ACTIVE, DISABLED, UNSETTLED, ...); a number that is new to us stays a number.';
comment on column public.ad_accounts.enabled is
  'Whether the syncs read this account. Follows FB_ADS_ACCOUNT_IDS when that changes; may be changed by hand between.';
comment on column public.ad_accounts.configured is
  'Whether FB_ADS_ACCOUNT_IDS named the account (or was *) when it was last seen. '
  'A change of this, and nothing else, moves enabled.';
comment on column public.ad_accounts.created_at is 'When the account was first seen.';
comment on column public.ad_accounts.updated_at is 'When a column of this row last changed.';

alter table public.ad_accounts enable row level security;
create policy reader_reads_ad_accounts on public.ad_accounts for select to fb_ads_reader using (true);

create function fb_ads.upsert_accounts(rows jsonb)
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.fb_account_id) r.*
    from jsonb_populate_recordset(null::public.ad_accounts, rows) as r
    order by r.fb_account_id
  ),
  written as (
    insert into public.ad_accounts as a (fb_account_id, name, currency, timezone_name, status, configured, enabled)
    select
      i.fb_account_id, i.name, i.currency, i.timezone_name, i.status, coalesce(i.configured, false),
      coalesce(i.configured, false)
    from incoming as i
    order by i.fb_account_id
    on conflict (fb_account_id) do update set
      name = coalesce(excluded.name, a.name),
      currency = coalesce(excluded.currency, a.currency),
      timezone_name = coalesce(excluded.timezone_name, a.timezone_name),
      status = coalesce(excluded.status, a.status),
      configured = excluded.configured,
      -- Only a change of the configuration moves `enabled`, so that a switch set by hand stays.
      enabled = case when excluded.configured = a.configured then a.enabled else excluded.configured end,
      updated_at = now()
    where (
      coalesce(excluded.name, a.name), coalesce(excluded.currency, a.currency),
      coalesce(excluded.timezone_name, a.timezone_name), coalesce(excluded.status, a.status), excluded.configured
    )
      is distinct from (a.name, a.currency, a.timezone_name, a.status, a.configured)
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_accounts(jsonb) is
  'Stores accounts [{fb_account_id, name, currency, timezone_name, status, configured}]; returns how many rows it '
  'wrote. New accounts are enabled when configured.';

create function fb_ads.account_ids_of(fb_account_ids jsonb)
returns uuid[] language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case when jsonb_typeof(fb_account_ids) = 'array' then array(
    select account.id
    from public.ad_accounts as account
    where account.fb_account_id in (select jsonb_array_elements_text(fb_account_ids))
  ) end;
$$;

comment on function fb_ads.account_ids_of(jsonb) is
  'Our ids of a JSON list of Meta''s account ids; null when there is no list.';

create function fb_ads.refused_accounts(request jsonb)
returns jsonb language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'fb_account_id', named.fb_account_id, 'reason', case when account.id is null then 'unknown' else 'disabled' end
      )
      order by named.position
    ),
    '[]'
  )
  from jsonb_array_elements_text(request -> 'account_ids') with ordinality as named (fb_account_id, position)
  left join public.ad_accounts as account on account.fb_account_id = named.fb_account_id
  where jsonb_typeof(request -> 'account_ids') = 'array'
    and not coalesce(account.enabled, false);
$$;

comment on function fb_ads.refused_accounts(jsonb) is
  'Which of the request''s account_ids cannot be synced, and why: unknown, or disabled.';

create function fb_ads.owner_of_objects(account_id uuid, fb_account_id text)
returns uuid language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if owner_of_objects.fb_account_id is null then
    return owner_of_objects.account_id;
  end if;
  insert into public.ad_accounts as account (fb_account_id)
  values (owner_of_objects.fb_account_id)
  on conflict do nothing;
  return (
    select account.id from public.ad_accounts as account where account.fb_account_id = owner_of_objects.fb_account_id
  );
end;
$$;

comment on function fb_ads.owner_of_objects(uuid, text) is
  'The account that objects read by id belong to: the one Meta named, which is '
  'stored disabled when it is new, else the job''s.';

-- schemas/catalogue/campaigns.sql

-- Campaigns. One row a campaign, kept for good: a deleted one keeps its row, for its spend refers to it.
-- Why the name is nullable: an insight may arrive before its campaign. A stub then holds the bare ids until a sync
-- fills it.
-- A page becomes rows in one statement, and nothing is written where nothing changed. `dropped` names the fields that
-- the function did not ask for because Meta refused them: their old values stay.

create table public.ad_campaigns (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  fb_campaign_id text not null unique,
  name text,
  objective text,
  status text,
  effective_status text,
  start_time timestamptz,
  stop_time timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

comment on table public.ad_campaigns is 'Campaigns of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_campaigns.id is 'Our key, elsewhere campaign_id.';
comment on column public.ad_campaigns.account_id is 'The ad account that the campaign belongs to.';
comment on column public.ad_campaigns.fb_campaign_id is 'Meta''s id of the campaign; digits beyond 2^53, so text.';
comment on column public.ad_campaigns.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_campaigns.objective is 'Meta''s objective, such as OUTCOME_SALES.';
comment on column public.ad_campaigns.status is 'What the advertiser set: ACTIVE, PAUSED, ARCHIVED, DELETED.';
comment on column public.ad_campaigns.effective_status is
  'What Meta computes from the campaign and its surroundings; DELETED only after a by-id check.';
comment on column public.ad_campaigns.start_time is 'When the campaign starts to run.';
comment on column public.ad_campaigns.stop_time is 'When the campaign stops; null when it is open-ended.';
comment on column public.ad_campaigns.created_at is 'When the campaign was first stored here.';
comment on column public.ad_campaigns.updated_at is 'When a column of this row last changed.';

create index ad_campaigns_account_id_idx on public.ad_campaigns (account_id);

alter table public.ad_campaigns enable row level security;
create policy reader_reads_ad_campaigns on public.ad_campaigns for select to fb_ads_reader using (true);

create function fb_ads.upsert_campaigns(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.fb_campaign_id) r.*
    from jsonb_populate_recordset(null::public.ad_campaigns, rows) as r
    order by r.fb_campaign_id
  ),
  -- A refused field keeps what was known before.
  merged as (
    select
      i.fb_campaign_id,
      coalesce(i.name, c.name) as name,
      case when 'objective' = any (dropped) then c.objective else coalesce(i.objective, c.objective) end as objective,
      coalesce(i.status, c.status) as status,
      coalesce(i.effective_status, c.effective_status) as effective_status,
      case when 'start_time' = any (dropped) then c.start_time else i.start_time end as start_time,
      case when 'stop_time' = any (dropped) then c.stop_time else i.stop_time end as stop_time
    from incoming as i
    left join public.ad_campaigns as c on c.fb_campaign_id = i.fb_campaign_id
  ),
  written as (
    insert into public.ad_campaigns as c (
      account_id, fb_campaign_id, name, objective, status, effective_status, start_time, stop_time
    )
    select
      upsert_campaigns.account_id, m.fb_campaign_id, m.name, m.objective, m.status, m.effective_status, m.start_time,
      m.stop_time
    from merged as m
    order by m.fb_campaign_id
    on conflict (fb_campaign_id) do update set
      account_id = excluded.account_id,
      name = excluded.name,
      objective = excluded.objective,
      status = excluded.status,
      effective_status = excluded.effective_status,
      start_time = excluded.start_time,
      stop_time = excluded.stop_time,
      updated_at = now()
    where (c.account_id, c.name, c.objective, c.status, c.effective_status, c.start_time, c.stop_time)
      is distinct from (
        excluded.account_id, excluded.name, excluded.objective, excluded.status, excluded.effective_status,
        excluded.start_time, excluded.stop_time
      )
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_campaigns(uuid, jsonb, text[]) is
  'Stores a set of campaigns of one account; returns how many rows it wrote.';

create function fb_ads.stub_campaigns(account_id uuid, fb_campaign_ids text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into public.ad_campaigns (account_id, fb_campaign_id)
  select distinct stub_campaigns.account_id, wanted.fb_campaign_id
  from unnest(fb_campaign_ids) as wanted (fb_campaign_id)
  where wanted.fb_campaign_id is not null
    and not exists (select from public.ad_campaigns as c where c.fb_campaign_id = wanted.fb_campaign_id)
  order by wanted.fb_campaign_id
  on conflict do nothing;
$$;

comment on function fb_ads.stub_campaigns(uuid, text[]) is
  'Makes bare rows for campaigns that are not stored yet; a later sync fills them.';

-- schemas/catalogue/adsets.sql

-- Ad sets, stored like campaigns. Their campaigns are stored first, as stubs if need be.

create table public.ad_adsets (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  campaign_id uuid not null references public.ad_campaigns (id) on delete cascade,
  fb_adset_id text not null unique,
  name text,
  status text,
  effective_status text,
  daily_budget numeric,
  lifetime_budget numeric,
  targeting_summary text,
  start_time timestamptz,
  stop_time timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

comment on table public.ad_adsets is 'Ad sets of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_adsets.id is 'Our key, elsewhere adset_id.';
comment on column public.ad_adsets.account_id is 'The ad account that the ad set belongs to.';
comment on column public.ad_adsets.campaign_id is 'The campaign that the ad set belongs to.';
comment on column public.ad_adsets.fb_adset_id is 'Meta''s id of the ad set.';
comment on column public.ad_adsets.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_adsets.status is 'What the advertiser set.';
comment on column public.ad_adsets.effective_status is
  'What Meta computes, such as CAMPAIGN_PAUSED; DELETED only after a by-id check.';
comment on column public.ad_adsets.daily_budget is
  'Budget a day in major units of the account''s currency; null when the campaign holds the budget.';
comment on column public.ad_adsets.lifetime_budget is
  'Budget for the whole run in major units of the account''s currency; null when there is none.';
comment on column public.ad_adsets.targeting_summary is
  'Meta''s targeting in one readable line of at most 500 characters.';
comment on column public.ad_adsets.start_time is 'When the ad set starts to run.';
comment on column public.ad_adsets.stop_time is 'When the ad set stops (Meta''s end_time); null when it is open-ended.';
comment on column public.ad_adsets.created_at is 'When the ad set was first stored here.';
comment on column public.ad_adsets.updated_at is 'When a column of this row last changed.';

create index ad_adsets_account_id_idx on public.ad_adsets (account_id);
create index ad_adsets_campaign_id_idx on public.ad_adsets (campaign_id);

alter table public.ad_adsets enable row level security;
create policy reader_reads_ad_adsets on public.ad_adsets for select to fb_ads_reader using (true);

create function fb_ads.upsert_adsets(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.fb_adset_id) r.*
    from jsonb_to_recordset(rows) as r (
      fb_adset_id text, fb_campaign_id text, name text, status text, effective_status text,
      daily_budget numeric, lifetime_budget numeric, targeting_summary text,
      start_time timestamptz, stop_time timestamptz
    )
    order by r.fb_adset_id
  ),
  merged as (
    select
      i.fb_adset_id,
      coalesce(c.id, s.campaign_id) as campaign_id,
      coalesce(i.name, s.name) as name,
      coalesce(i.status, s.status) as status,
      coalesce(i.effective_status, s.effective_status) as effective_status,
      case when 'daily_budget' = any (dropped) then s.daily_budget else i.daily_budget end as daily_budget,
      case when 'lifetime_budget' = any (dropped) then s.lifetime_budget else i.lifetime_budget end as lifetime_budget,
      case when 'targeting' = any (dropped) then s.targeting_summary else i.targeting_summary end as targeting_summary,
      case when 'start_time' = any (dropped) then s.start_time else i.start_time end as start_time,
      case when 'end_time' = any (dropped) then s.stop_time else i.stop_time end as stop_time
    from incoming as i
    left join public.ad_campaigns as c on c.fb_campaign_id = i.fb_campaign_id
    left join public.ad_adsets as s on s.fb_adset_id = i.fb_adset_id
  ),
  written as (
    insert into public.ad_adsets as s (
      account_id, campaign_id, fb_adset_id, name, status, effective_status, daily_budget, lifetime_budget,
      targeting_summary, start_time, stop_time
    )
    select
      upsert_adsets.account_id, m.campaign_id, m.fb_adset_id, m.name, m.status, m.effective_status,
      m.daily_budget, m.lifetime_budget, m.targeting_summary, m.start_time, m.stop_time
    from merged as m
    order by m.fb_adset_id
    on conflict (fb_adset_id) do update set
      account_id = excluded.account_id,
      campaign_id = excluded.campaign_id,
      name = excluded.name,
      status = excluded.status,
      effective_status = excluded.effective_status,
      daily_budget = excluded.daily_budget,
      lifetime_budget = excluded.lifetime_budget,
      targeting_summary = excluded.targeting_summary,
      start_time = excluded.start_time,
      stop_time = excluded.stop_time,
      updated_at = now()
    where (
      s.account_id, s.campaign_id, s.name, s.status, s.effective_status, s.daily_budget, s.lifetime_budget,
      s.targeting_summary, s.start_time, s.stop_time
    )
      is distinct from (
        excluded.account_id, excluded.campaign_id, excluded.name, excluded.status, excluded.effective_status,
        excluded.daily_budget, excluded.lifetime_budget, excluded.targeting_summary, excluded.start_time,
        excluded.stop_time
      )
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_adsets(uuid, jsonb, text[]) is
  'Stores a set of ad sets of one account; budgets come in major units. Their campaigns must be stored (see '
  'stub_campaigns). Returns how many rows it wrote.';

create type fb_ads.ad_path as (
  fb_campaign_id text,
  fb_adset_id text,
  fb_ad_id text
);

comment on type fb_ads.ad_path is 'Meta''s ids of an ad and of what stands above it.';

create function fb_ads.stub_adsets(account_id uuid, rows jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into public.ad_adsets (account_id, campaign_id, fb_adset_id)
  select distinct on (r.fb_adset_id) stub_adsets.account_id, c.id, r.fb_adset_id
  from jsonb_populate_recordset(null::fb_ads.ad_path, rows) as r
  join public.ad_campaigns as c on c.fb_campaign_id = r.fb_campaign_id
  where not exists (select from public.ad_adsets as s where s.fb_adset_id = r.fb_adset_id)
  order by r.fb_adset_id
  on conflict do nothing;
$$;

comment on function fb_ads.stub_adsets(uuid, jsonb) is
  'Makes bare rows for ad sets [{fb_adset_id, fb_campaign_id}] that are not stored yet; a later sync fills them.';

-- schemas/catalogue/ads.sql

-- Ads, stored like campaigns. Their ad sets are stored first, as stubs if need be.

create table public.ad_ads (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  adset_id uuid not null references public.ad_adsets (id) on delete cascade,
  fb_ad_id text not null unique,
  name text,
  status text,
  effective_status text,
  creative_id text,
  creative_summary text,
  url_tags text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

comment on table public.ad_ads is 'Ads of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_ads.id is 'Our key, elsewhere ad_id.';
comment on column public.ad_ads.account_id is 'The ad account that the ad belongs to.';
comment on column public.ad_ads.adset_id is 'The ad set that the ad belongs to; its campaign is the ad set''s.';
comment on column public.ad_ads.fb_ad_id is 'Meta''s id of the ad.';
comment on column public.ad_ads.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_ads.status is 'What the advertiser set.';
comment on column public.ad_ads.effective_status is
  'What Meta computes, such as ADSET_PAUSED; DELETED only after a by-id check.';
comment on column public.ad_ads.creative_id is 'Meta''s id of the creative that the ad shows.';
comment on column public.ad_ads.creative_summary is 'The creative in one readable line of at most 500 characters.';
comment on column public.ad_ads.url_tags is
  'Meta''s url_tags of the creative: the parameters that Meta adds to the landing '
  'page''s address. Attribution needs the ad''s id in them.';
comment on column public.ad_ads.created_at is 'When the ad was first stored here.';
comment on column public.ad_ads.updated_at is 'When a column of this row last changed.';

create index ad_ads_account_id_idx on public.ad_ads (account_id);
create index ad_ads_adset_id_idx on public.ad_ads (adset_id);

alter table public.ad_ads enable row level security;
create policy reader_reads_ad_ads on public.ad_ads for select to fb_ads_reader using (true);

create function fb_ads.ad_key(account_id uuid)
returns uuid language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select (left(account_id::text, 8) || substr(gen_random_uuid()::text, 9))::uuid;
$$;

comment on function fb_ads.ad_key(uuid) is
  'A new key of an ad that begins like its account''s: the ads of one account, and '
  'their spend of a day, then lie side by side in every index.';

create function fb_ads.upsert_ads(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.fb_ad_id) r.*
    from jsonb_to_recordset(rows) as r (
      fb_ad_id text, fb_adset_id text, name text, status text, effective_status text,
      creative_id text, creative_summary text, url_tags text
    )
    order by r.fb_ad_id
  ),
  merged as (
    select
      i.fb_ad_id,
      coalesce(s.id, a.adset_id) as adset_id,
      coalesce(i.name, a.name) as name,
      coalesce(i.status, a.status) as status,
      coalesce(i.effective_status, a.effective_status) as effective_status,
      case when 'creative' = any (dropped) then a.creative_id else i.creative_id end as creative_id,
      case
        when dropped && array['creative', 'name', 'title', 'body', 'object_type', 'call_to_action_type']
          then a.creative_summary
        else i.creative_summary
      end as creative_summary,
      case when dropped && array['creative', 'url_tags'] then a.url_tags else i.url_tags end as url_tags
    from incoming as i
    left join public.ad_adsets as s on s.fb_adset_id = i.fb_adset_id
    left join public.ad_ads as a on a.fb_ad_id = i.fb_ad_id
  ),
  written as (
    insert into public.ad_ads as a (
      id, account_id, adset_id, fb_ad_id, name, status, effective_status, creative_id, creative_summary, url_tags
    )
    select
      fb_ads.ad_key(upsert_ads.account_id), upsert_ads.account_id, m.adset_id, m.fb_ad_id, m.name, m.status,
      m.effective_status, m.creative_id, m.creative_summary, m.url_tags
    from merged as m
    order by m.fb_ad_id
    on conflict (fb_ad_id) do update set
      account_id = excluded.account_id,
      adset_id = excluded.adset_id,
      name = excluded.name,
      status = excluded.status,
      effective_status = excluded.effective_status,
      creative_id = excluded.creative_id,
      creative_summary = excluded.creative_summary,
      url_tags = excluded.url_tags,
      updated_at = now()
    where (
      a.account_id, a.adset_id, a.name, a.status, a.effective_status, a.creative_id, a.creative_summary, a.url_tags
    )
      is distinct from (
        excluded.account_id, excluded.adset_id, excluded.name, excluded.status, excluded.effective_status,
        excluded.creative_id, excluded.creative_summary, excluded.url_tags
      )
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_ads(uuid, jsonb, text[]) is
  'Stores a set of ads of one account. Their ad sets must be stored (see '
  'stub_adsets). Returns how many rows it wrote.';

create function fb_ads.stub_ads(account_id uuid, rows jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into public.ad_ads (id, account_id, adset_id, fb_ad_id)
  select distinct on (r.fb_ad_id) fb_ads.ad_key(stub_ads.account_id), stub_ads.account_id, s.id, r.fb_ad_id
  from jsonb_populate_recordset(null::fb_ads.ad_path, rows) as r
  join public.ad_adsets as s on s.fb_adset_id = r.fb_adset_id
  where not exists (select from public.ad_ads as a where a.fb_ad_id = r.fb_ad_id)
  order by r.fb_ad_id
  on conflict do nothing;
$$;

comment on function fb_ads.stub_ads(uuid, jsonb) is
  'Makes bare rows for ads [{fb_ad_id, fb_adset_id}] that are not stored yet; a later sync fills them.';

-- schemas/queue/runs.sql

-- Runs: what each invocation of a sync did, and until when it counts as live.

create table fb_ads.sync_runs (
  id uuid primary key default gen_random_uuid(),
  function_slug text not null,
  token_fingerprint text,
  api_version text,
  started_at timestamptz not null default now(),
  lease_until timestamptz not null,
  finished_at timestamptz,
  jobs_done integer not null default 0,
  jobs_left integer,
  jobs_failed integer not null default 0,
  rows jsonb not null default '{}',
  graph_calls integer not null default 0,
  warnings jsonb not null default '[]',
  error jsonb,
  constraint function_slug_is_a_sync check (function_slug in ('fb-sync-metadata', 'fb-sync-insights')),
  constraint rows_is_an_object check (jsonb_typeof(rows) = 'object'),
  constraint warnings_is_a_list check (jsonb_typeof(warnings) = 'array')
);

comment on table fb_ads.sync_runs is
  'One row a run of a sync: one invocation of its function. At most two of a function are live at a time: its slots.';
comment on column fb_ads.sync_runs.id is 'The run_id of answers and log lines.';
comment on column fb_ads.sync_runs.function_slug is 'The Edge Function that ran.';
comment on column fb_ads.sync_runs.token_fingerprint is 'Which token it used: the first 16 hex digits of its SHA-256.';
comment on column fb_ads.sync_runs.api_version is 'Which version of the Graph API it called, as in META_API_VERSION.';
comment on column fb_ads.sync_runs.started_at is 'When the invocation took its slot.';
comment on column fb_ads.sync_runs.lease_until is
  'Until when the invocation counts as live while it holds no job; a job''s own lease counts beside it.';
comment on column fb_ads.sync_runs.finished_at is 'When it ended, or was found dead.';
comment on column fb_ads.sync_runs.jobs_done is 'Jobs that it brought to their end.';
comment on column fb_ads.sync_runs.jobs_left is 'Open jobs of the function when it ended.';
comment on column fb_ads.sync_runs.jobs_failed is 'Jobs that it gave up.';
comment on column fb_ads.sync_runs.rows is 'Rows received from Meta, by kind.';
comment on column fb_ads.sync_runs.graph_calls is 'Requests sent to the Graph API.';
comment on column fb_ads.sync_runs.warnings is
  'What a person should know but need not act on at once: refused fields, undecodable objects, version warnings.';
comment on column fb_ads.sync_runs.error is 'What ended the run early, as {code, message}; null when nothing did.';

create index sync_runs_live_idx on fb_ads.sync_runs (function_slug) where finished_at is null;
create index sync_runs_started_at_idx on fb_ads.sync_runs (started_at);

alter table fb_ads.sync_runs enable row level security;

create function fb_ads.renew_run_lease(run_id uuid)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.sync_runs as run
  set lease_until = now() + interval '5 seconds'
  where run.id = renew_run_lease.run_id;
$$;

comment on function fb_ads.renew_run_lease(uuid) is
  'Keeps a run live that holds no job: it has just released one, or waits for a report.';

-- schemas/queue/jobs.sql

-- The work queue of both syncs.
-- Why in Postgres: a worker may be killed at any instant. Which page comes next is known only here, and is written
-- together with the page before it.
-- A plan joins the jobs that belong together: its totals are compared when all its ranges are read, and the progress of
-- a backfill is that of its plan.
-- The pending jobs of an account end when somebody disables it, for a backfill of months would go on for days. They
-- fail and are not deleted: when the account is enabled again, the next night takes up what is left of a backfill.

create table fb_ads.sync_jobs (
  id bigint generated always as identity primary key,
  account_id uuid references public.ad_accounts (id) on delete cascade,
  kind text not null,
  priority integer not null default 100,
  plan_id uuid,
  purpose text,
  since date,
  until date,
  object_level text,
  object_ids text[],
  params jsonb not null default '{}',
  state text not null default 'pending',
  run_id uuid references fb_ads.sync_runs (id) on delete set null,
  lease_id uuid,
  lease_until timestamptz,
  claimed_at timestamptz,
  not_before timestamptz not null default now(),
  cursor text,
  page_size integer,
  page_count integer not null default 0,
  row_count bigint not null default 0,
  report_run_id text,
  attempts integer not null default 0,
  last_error jsonb,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint kind_is_known check (
    kind in (
      'accounts', 'account', 'campaigns', 'adsets', 'ads', 'objects', 'event_quality', 'insights', 'reconciliation',
      'missing_objects'
    )
  ),
  constraint state_is_known check (state in ('pending', 'running', 'done', 'failed')),
  constraint running_has_a_lease check ((state = 'running') = (lease_id is not null and lease_until is not null)),
  constraint ended_has_a_finish check ((state in ('done', 'failed')) = (finished_at is not null)),
  constraint account_is_named check (account_id is not null or kind in ('accounts', 'event_quality')),
  constraint purpose_is_known check (purpose in ('window', 'refresh', 'backfill', 'recheck')),
  constraint insights_have_a_range check (
    kind not in ('insights', 'reconciliation')
    or (since is not null and until is not null and purpose is not null and plan_id is not null)
  ),
  constraint range_is_ordered check (since is null or until is null or since <= until),
  constraint objects_have_ids check (
    kind not in ('objects', 'missing_objects')
    or (object_level in ('campaign', 'adset', 'ad') and object_ids is not null)
  ),
  constraint quality_is_of_one_pixel check (
    kind <> 'event_quality' or (account_id is null and cardinality(object_ids) = 1)
  ),
  constraint page_size_is_positive check (page_size > 0)
);

comment on table fb_ads.sync_jobs is
  'Work queue of both syncs. A job is claimed with a lease, and every write carries '
  'it: a worker whose lease was given to another is refused.';
comment on column fb_ads.sync_jobs.id is 'Key; a lower one is older.';
comment on column fb_ads.sync_jobs.account_id is
  'The ad account to read; null for the discovery of accounts and for pixels. One job an '
  'account runs at a time, whichever sync it is of.';
comment on column fb_ads.sync_jobs.kind is
  'accounts: discovery; account: one account by id; campaigns, adsets, ads: a list; objects: objects by id; '
  'event_quality: how well Meta recognises the people behind a pixel''s events; insights: daily figures of a range; '
  'reconciliation: totals to compare with; missing_objects: objects that an insight spoke of before any list did.';
comment on column fb_ads.sync_jobs.priority is 'Lower is sooner.';
comment on column fb_ads.sync_jobs.plan_id is 'Jobs of the insights sync that were planned together for one account.';
comment on column fb_ads.sync_jobs.purpose is
  'Why insights are read: window (the last 28 days), refresh (today and yesterday), backfill (an older range), '
  'recheck (a day whose sum was off).';
comment on column fb_ads.sync_jobs.since is 'First day of the range, in the account''s time zone.';
comment on column fb_ads.sync_jobs.until is 'Last day of the range, inclusive.';
comment on column fb_ads.sync_jobs.object_level is 'Of which level object_ids are.';
comment on column fb_ads.sync_jobs.object_ids is
  'Meta''s ids to read one by one, or to which a split report is restricted; the pixel of event_quality.';
comment on column fb_ads.sync_jobs.params is
  'What else a job of this kind must remember between pages, such as fields that Meta refused.';
comment on column fb_ads.sync_jobs.state is 'pending, running (has a lease), done, failed.';
comment on column fb_ads.sync_jobs.run_id is 'The invocation that holds or last held the job.';
comment on column fb_ads.sync_jobs.lease_id is 'Fence: a write with another lease_id is refused.';
comment on column fb_ads.sync_jobs.lease_until is
  'When the lease runs out and the job may be claimed by another. Renewed with every page.';
comment on column fb_ads.sync_jobs.claimed_at is
  'When the worker that holds or last held the job began with it; an app that '
  'was throttled since then is not called for it.';
comment on column fb_ads.sync_jobs.not_before is
  'Not claimed before then: a quota is spent, or a failure waits for its next attempt.';
comment on column fb_ads.sync_jobs.cursor is 'Meta''s paging cursor after the last stored page; null at the beginning.';
comment on column fb_ads.sync_jobs.page_size is
  'Objects or rows a page; halved when Meta asks to reduce the amount of data, grown while pages succeed.';
comment on column fb_ads.sync_jobs.page_count is 'Pages stored.';
comment on column fb_ads.sync_jobs.row_count is 'Rows received.';
comment on column fb_ads.sync_jobs.report_run_id is
  'Meta''s id of an asynchronous report, stored before anything else is done with it.';
comment on column fb_ads.sync_jobs.attempts is 'Failures in a row without a page between them.';
comment on column fb_ads.sync_jobs.last_error is
  'The last failure: code, Meta''s code and error_subcode, fbtrace_id, at. Never a token or a URL.';
comment on column fb_ads.sync_jobs.created_at is 'When the job was planned.';
comment on column fb_ads.sync_jobs.finished_at is 'When it was done or given up.';

create unique index sync_jobs_one_running_an_account_idx on fb_ads.sync_jobs (account_id) where state = 'running';
create unique index sync_jobs_one_open_list_idx on fb_ads.sync_jobs (account_id, kind) nulls not distinct
  where state in ('pending', 'running') and kind in ('accounts', 'account', 'campaigns', 'adsets', 'ads');
create unique index sync_jobs_one_open_quality_idx on fb_ads.sync_jobs (object_ids)
  where state in ('pending', 'running') and kind = 'event_quality';
create index sync_jobs_claim_idx on fb_ads.sync_jobs (priority, id) where state = 'pending';
create index sync_jobs_lease_until_idx on fb_ads.sync_jobs (lease_until) where state = 'running';
create index sync_jobs_account_id_kind_created_at_idx on fb_ads.sync_jobs (account_id, kind, created_at);
create index sync_jobs_run_id_idx on fb_ads.sync_jobs (run_id);
create index sync_jobs_finished_at_idx on fb_ads.sync_jobs (finished_at) where state in ('done', 'failed');
create index sync_jobs_plan_id_idx on fb_ads.sync_jobs (plan_id);
create index sync_jobs_open_reports_idx on fb_ads.sync_jobs (account_id)
  where report_run_id is not null and state in ('pending', 'running');
-- Failures are few: this index finds them without the many jobs that succeeded.
create index sync_jobs_failed_idx on fb_ads.sync_jobs (finished_at) where state = 'failed';

alter table fb_ads.sync_jobs enable row level security;

create function fb_ads.sync_kinds(function_slug text)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case function_slug
    when 'fb-sync-metadata' then array['accounts', 'account', 'campaigns', 'adsets', 'ads', 'objects', 'event_quality']
    when 'fb-sync-insights' then array['insights', 'reconciliation', 'missing_objects']
  end;
$$;

comment on function fb_ads.sync_kinds(text) is 'Which kinds of jobs an Edge Function works on.';

create function fb_ads.is_asked_with_marketing_token(kind text)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select is_asked_with_marketing_token.kind <> 'event_quality';
$$;

comment on function fb_ads.is_asked_with_marketing_token(text) is
  'Whether jobs of that kind are asked with the Marketing API token. What Meta answers to the others, which go with a '
  'pixel''s token, tells nothing of that token, its app or its accounts.';

create function fb_ads.open_job_count(function_slug text, account_ids uuid[])
returns integer language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select count(*)::integer
  from fb_ads.sync_jobs as job
  where job.state in ('pending', 'running')
    and (
      job.kind = any (fb_ads.sync_kinds(function_slug))
      -- A discovery that insights wait for.
      or (function_slug = 'fb-sync-insights' and job.kind = 'accounts' and job.params ? 'insights')
    )
    and (account_ids is null or job.account_id = any (account_ids));
$$;

comment on function fb_ads.open_job_count(text, uuid[]) is
  'Jobs of a sync that have not ended, throttled ones included.';

create function fb_ads.may_start_report(job fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select count(*) < (select settings.insights_open_reports from fb_ads.settings as settings)
    -- Parts of a range that was too large are tried one by one, for each shapes the next.
    and not coalesce(job.params ? 'is_part' and bool_or(report.params ? 'is_part'), false)
  from fb_ads.sync_jobs as report
  where report.account_id = job.account_id
    and report.report_run_id is not null
    and report.state in ('pending', 'running')
    and report.priority <= job.priority;
$$;

comment on function fb_ads.may_start_report(fb_ads.sync_jobs) is
  'Whether Meta may be given another report of the account: a few are under '
  'way at a time, and less urgent ones do not count.';

create function fb_ads.waits_for_parts(job fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select job.kind = 'insights' and job.report_run_id is null and exists (
    select
    from fb_ads.sync_jobs as part
    where part.account_id = job.account_id
      and part.kind = 'insights'
      and part.state in ('pending', 'running')
      and part.params ? 'is_part'
      and part.priority < job.priority
      -- A part that fails and fails holds up nobody.
      and part.attempts = 0
  );
$$;

comment on function fb_ads.waits_for_parts(fb_ads.sync_jobs) is
  'Whether a range waits for the parts of one that was too large: what Meta takes of the account is learned there.';

create function fb_ads.waits_for_lists(job fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  -- Two questions, each by its own partial index.
  select job.kind = 'event_quality' and (
    exists (
      select
      from fb_ads.sync_jobs as running
      where running.state = 'running'
        and running.kind <> 'event_quality'
        and running.kind = any (fb_ads.sync_kinds('fb-sync-metadata'))
    )
    or exists (
      select
      from fb_ads.sync_jobs as pending
      where pending.state = 'pending'
        and pending.not_before <= now()
        and pending.kind <> 'event_quality'
        and pending.kind = any (fb_ads.sync_kinds('fb-sync-metadata'))
    )
  );
$$;

comment on function fb_ads.waits_for_lists(fb_ads.sync_jobs) is
  'Whether a job about a pixel waits: whatever else its sync does or could do now comes first.';

create function fb_ads.end_jobs_of_disabled_account()
returns trigger language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update fb_ads.sync_jobs as job
  set
    state = 'failed', finished_at = now(),
    last_error = jsonb_build_object(
      'code', 'account_disabled', 'reason', 'account_disabled', 'message', 'The account was disabled.', 'at', now()
    )
  where job.account_id = new.id and job.state = 'pending';
  return null;
end;
$$;

comment on function fb_ads.end_jobs_of_disabled_account() is
  'Gives up the pending jobs of an account that is disabled; one that runs ends with its list or range.';

-- For each row, because it fires only when somebody disables an account.
create trigger ad_accounts_end_jobs
  after update of enabled on public.ad_accounts
  for each row when (old.enabled and not new.enabled)
  execute function fb_ads.end_jobs_of_disabled_account();

-- schemas/queue/account_reads.sql

-- How an account is best read: what Meta refuses of it, learned once. Every job of the account reads this row when it
-- is claimed, so that siblings and the next night do not ask for what Meta has refused already.
-- Why findings end: Meta changes its mind, so each is tried again after a week, and all of them with another token or
-- another version of the API.

create table fb_ads.account_reads (
  account_id uuid primary key references public.ad_accounts (id) on delete cascade,
  refused_fields text[] not null default '{}',
  fields_refused_at timestamptz,
  ad_fields jsonb not null default '{}',
  ad_fields_refused_at timestamptz,
  list_page_max integer,
  insights_page_max integer,
  pages_refused_at timestamptz,
  sync_max_days integer,
  sync_refused_at timestamptz,
  range_max_days integer,
  range_refused_at timestamptz,
  range_max_ads integer,
  ads_refused_at timestamptz,
  insights_refusal jsonb,
  insights_refused_at timestamptz,
  learned_with text,
  window_until date,
  updated_at timestamptz not null default now(),
  constraint fields_have_a_time check ((refused_fields = '{}') = (fields_refused_at is null)),
  constraint ad_fields_have_a_time check ((ad_fields = '{}') = (ad_fields_refused_at is null)),
  constraint sync_limit_has_a_time check ((sync_max_days is null) = (sync_refused_at is null)),
  constraint range_limit_has_a_time check ((range_max_days is null) = (range_refused_at is null)),
  constraint ads_limit_has_a_time check ((range_max_ads is null) = (ads_refused_at is null)),
  constraint insights_refusal_has_a_time check ((insights_refusal is null) = (insights_refused_at is null)),
  constraint sync_max_days_is_not_negative check (sync_max_days >= 0),
  constraint limits_are_positive check (
    range_max_days >= 1 and range_max_ads >= 1 and list_page_max >= 1 and insights_page_max >= 1
  )
);

comment on table fb_ads.account_reads is
  'How an account is best read: what Meta refused and when. A finding counts for a week, with the token and the API '
  'version that it was made with.';
comment on column fb_ads.account_reads.account_id is 'The ad account.';
comment on column fb_ads.account_reads.refused_fields is
  'Fields that Meta does not give of the account, with their list: ads.creative, insights.reach.';
comment on column fb_ads.account_reads.fields_refused_at is 'When the first of refused_fields was refused.';
comment on column fb_ads.account_reads.ad_fields is
  'Ads that are asked for by id: Meta''s ad id and the fields without which alone it gives their figures, {"<id>": '
  '["actions"]}; no fields where it is the ad''s status that no filter names.';
comment on column fb_ads.account_reads.ad_fields_refused_at is 'When the first of ad_fields was found.';
comment on column fb_ads.account_reads.list_page_max is
  'Largest page of a list that Meta gives, in objects; null: it has refused none.';
comment on column fb_ads.account_reads.insights_page_max is
  'Largest page of insights that Meta gives, in rows; null: it has refused none.';
comment on column fb_ads.account_reads.pages_refused_at is 'When the first page was too large.';
comment on column fb_ads.account_reads.sync_max_days is
  'Longest range in days that is still read at once; 0: every range is a report. Null: Meta has refused none.';
comment on column fb_ads.account_reads.sync_refused_at is 'When Meta last refused to answer a range at once.';
comment on column fb_ads.account_reads.range_max_days is
  'Longest range in days that one job asks for. Null: nothing was ever too large.';
comment on column fb_ads.account_reads.range_refused_at is 'When a range last had to be split by date.';
comment on column fb_ads.account_reads.range_max_ads is
  'Most ads that one job asks for. Null: no day was ever too large.';
comment on column fb_ads.account_reads.ads_refused_at is 'When a day last had to be split by ads.';
comment on column fb_ads.account_reads.insights_refusal is
  'Why Meta gives no insights of the account at all: code, reason, Meta''s code and error_subcode, message.';
comment on column fb_ads.account_reads.insights_refused_at is 'Since when it gives none; null while it does.';
comment on column fb_ads.account_reads.learned_with is
  'Fingerprint of the token and API version of the run that made the findings.';
comment on column fb_ads.account_reads.window_until is
  'Last local day of the newest window that was read completely; a later gap is read anew.';
comment on column fb_ads.account_reads.updated_at is 'When the row last changed.';

alter table fb_ads.account_reads enable row level security;
create policy reader_reads_account_reads on fb_ads.account_reads for select to fb_ads_reader using (true);

create function fb_ads.forget_findings(credentials text)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.account_reads as known
  set
    refused_fields = case when known.fields_refused_at > age.oldest then known.refused_fields else '{}' end,
    fields_refused_at = case when known.fields_refused_at > age.oldest then known.fields_refused_at end,
    ad_fields = case when known.ad_fields_refused_at > age.oldest then known.ad_fields else '{}' end,
    ad_fields_refused_at = case when known.ad_fields_refused_at > age.oldest then known.ad_fields_refused_at end,
    list_page_max = case when known.pages_refused_at > age.oldest then known.list_page_max end,
    insights_page_max = case when known.pages_refused_at > age.oldest then known.insights_page_max end,
    pages_refused_at = case when known.pages_refused_at > age.oldest then known.pages_refused_at end,
    sync_max_days = case when known.sync_refused_at > age.oldest then known.sync_max_days end,
    sync_refused_at = case when known.sync_refused_at > age.oldest then known.sync_refused_at end,
    range_max_days = case when known.range_refused_at > age.oldest then known.range_max_days end,
    range_refused_at = case when known.range_refused_at > age.oldest then known.range_refused_at end,
    range_max_ads = case when known.ads_refused_at > age.oldest then known.range_max_ads end,
    ads_refused_at = case when known.ads_refused_at > age.oldest then known.ads_refused_at end,
    insights_refusal = case when known.insights_refused_at > age.oldest then known.insights_refusal end,
    insights_refused_at = case when known.insights_refused_at > age.oldest then known.insights_refused_at end,
    learned_with = forget_findings.credentials,
    updated_at = now()
  from (
    select
      other.account_id,
      case when other.learned_with <> forget_findings.credentials then 'infinity' else now() - interval '7 days' end
        as oldest
    from fb_ads.account_reads as other
  ) as age
  where age.account_id = known.account_id
    and least(
      known.fields_refused_at, known.ad_fields_refused_at, known.pages_refused_at, known.sync_refused_at,
      known.range_refused_at, known.ads_refused_at, known.insights_refused_at
    ) <= age.oldest;
$$;

comment on function fb_ads.forget_findings(text) is
  'Forgets findings that are a week old, and those made with other credentials (token fingerprint and API version): '
  'the next job tries what was refused.';

create function fb_ads.open_findings(job fb_ads.sync_jobs)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.account_reads as known (account_id, learned_with)
  select
    job.account_id,
    (
      select concat_ws(' ', run.token_fingerprint, run.api_version)
      from fb_ads.sync_runs as run
      where run.id = job.run_id
    )
  on conflict (account_id) do update set learned_with = excluded.learned_with, updated_at = now();
$$;

comment on function fb_ads.open_findings(fb_ads.sync_jobs) is
  'Makes sure that the account of a job has its row before a finding is written into it.';

create function fb_ads.field_list_of(job fb_ads.sync_jobs)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case when job.kind in ('objects', 'missing_objects') then job.object_level || 's' else job.kind end;
$$;

comment on function fb_ads.field_list_of(fb_ads.sync_jobs) is
  'Under which name refused_fields keeps the fields of a job: campaigns, adsets, ads or insights.';

create function fb_ads.refused_fields_of(job fb_ads.sync_jobs)
returns text[] language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select array(
    select split_part(refused.name, '.', 2)
    from fb_ads.account_reads as known
    cross join lateral unnest(known.refused_fields) as refused (name)
    where known.account_id = job.account_id and split_part(refused.name, '.', 1) = fb_ads.field_list_of(job)
  );
$$;

comment on function fb_ads.refused_fields_of(fb_ads.sync_jobs) is
  'Fields that the job does not ask for, because Meta refuses them for its account.';

create function fb_ads.learn_refused_fields(job fb_ads.sync_jobs, dropped jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  refused text[];
begin
  -- What an object by itself or a few ads are read without says nothing of the account.
  if job.account_id is null
    or job.kind in ('objects', 'missing_objects')
    or job.params ?| array['field_trial', 'ads_without']
    or coalesce(jsonb_array_length(dropped), 0) = 0 then
    return;
  end if;
  refused := array(
    select fb_ads.field_list_of(job) || '.' || field.name from jsonb_array_elements_text(dropped) as field (name)
  );
  if exists (
    select from fb_ads.account_reads as known
    where known.account_id = job.account_id and known.refused_fields @> refused
  ) then
    return;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set
    refused_fields = array(
      select distinct all_fields.name from unnest(known.refused_fields || refused) as all_fields (name) order by 1
    ),
    fields_refused_at = coalesce(known.fields_refused_at, now())
  where known.account_id = job.account_id;
end;
$$;

comment on function fb_ads.learn_refused_fields(fb_ads.sync_jobs, jsonb) is
  'After Meta answered a job without fields that it had refused: no other job of the account asks for them.';

create function fb_ads.learn_page_max(job fb_ads.sync_jobs, page_max integer)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  -- Meta's own default. Where even that is too much, it is one page that is heavy, or a bad moment.
  rows integer := greatest(page_max, 25);
  is_insights boolean := job.kind in ('insights', 'reconciliation');
begin
  if job.account_id is null or page_max is null then
    return;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set
    insights_page_max = case
      when is_insights then least(known.insights_page_max, rows) else known.insights_page_max
    end,
    list_page_max = case when is_insights then known.list_page_max else least(known.list_page_max, rows) end,
    pages_refused_at = coalesce(known.pages_refused_at, now())
  where known.account_id = job.account_id;
end;
$$;

comment on function fb_ads.learn_page_max(fb_ads.sync_jobs, integer) is
  'After a page that Meta gave only in a smaller size: the account''s jobs keep to that size, but never below 25.';

-- schemas/queue/seen_pages.sql

-- Which ids the pages of a list held, so that a complete list tells what is gone at Meta.

create unlogged table fb_ads.sync_seen_pages (
  job_id bigint not null references fb_ads.sync_jobs (id) on delete cascade,
  page_number integer not null,
  fb_ids text[] not null,
  primary key (job_id, page_number)
);

comment on table fb_ads.sync_seen_pages is
  'Which ids each page of a list held, to tell deleted objects when the list is complete. Unlogged: when a crash '
  'empties it, nothing counts as deleted and the list is read again.';
comment on column fb_ads.sync_seen_pages.job_id is 'The list.';
comment on column fb_ads.sync_seen_pages.page_number is 'Page, from 1, as in sync_jobs.page_count.';
comment on column fb_ads.sync_seen_pages.fb_ids is 'Meta''s ids on that page.';

alter table fb_ads.sync_seen_pages enable row level security;

-- schemas/queue/quotas.sql

-- What Meta says of its quotas, and what is throttled or stopped because of it.
-- Why throttling is written into the jobs: a claim looks at one column, and an operator can free a job with one update.

create table fb_ads.quotas (
  scope text not null,
  key text not null,
  use_case text not null default '',
  usage_percent numeric,
  rising_since timestamptz,
  regain_at timestamptz,
  access_tier text,
  throttled_at timestamptz,
  throttled_until timestamptz,
  stopped_at timestamptz,
  probe_after timestamptz,
  stop_error jsonb,
  updated_at timestamptz not null default now(),
  primary key (scope, key, use_case),
  constraint scope_is_known check (scope in ('app', 'token', 'account', 'pixel')),
  constraint stop_has_a_reason check ((stopped_at is null) = (stop_error is null))
);

comment on table fb_ads.quotas is
  'What Meta last said of its quotas, and what is throttled or stopped because of it.';
comment on column fb_ads.quotas.scope is
  'app: the whole app; token: one token; account: one ad account; pixel: one pixel.';
comment on column fb_ads.quotas.key is
  'app: default; token: first 16 hex digits of its SHA-256; account: Meta''s digits; pixel: its id.';
comment on column fb_ads.quotas.use_case is
  'Meta''s business use case (ads_management, ads_insights, ...), or empty where the limit knows none.';
comment on column fb_ads.quotas.usage_percent is
  'The worst percentage that Meta''s usage headers last gave; may exceed 100.';
comment on column fb_ads.quotas.rising_since is
  'Since when usage_percent has only risen: what was used since comes back an hour after it was used.';
comment on column fb_ads.quotas.regain_at is 'When Meta expects to give access back.';
comment on column fb_ads.quotas.access_tier is 'Meta''s ads_api_access_tier, as in the header.';
comment on column fb_ads.quotas.throttled_at is 'When Meta last refused a call of this quota.';
comment on column fb_ads.quotas.throttled_until is 'Nothing is sent in this scope before.';
comment on column fb_ads.quotas.stopped_at is
  'Since when a person has to act (dead token, missing permission); null while nothing is wrong.';
comment on column fb_ads.quotas.probe_after is
  'When one job may probe whether Meta takes calls again, of a stopped token or a throttled app: until one has been '
  'answered, all others wait. Null: nothing to probe.';
comment on column fb_ads.quotas.stop_error is
  'Why it is stopped: code, Meta''s code and error_subcode, message for a person.';
comment on column fb_ads.quotas.updated_at is 'When the row last changed.';

alter table fb_ads.quotas enable row level security;

create function fb_ads.use_case_kinds(use_case text)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case use_case
    when 'ads_management' then fb_ads.sync_kinds('fb-sync-metadata') || array['missing_objects']
    when 'ads_insights' then array['insights', 'reconciliation']
    else fb_ads.sync_kinds('fb-sync-metadata') || fb_ads.sync_kinds('fb-sync-insights')
  end;
$$;

comment on function fb_ads.use_case_kinds(text) is
  'Which kinds of jobs spend the quota of a Meta use case; of every use case for any other word.';

create function fb_ads.throttled_until(account_id uuid, kind text)
returns timestamptz language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(max(quota.throttled_until), now())
  from fb_ads.quotas as quota
  where quota.throttled_until > now()
    and throttled_until.kind = any (fb_ads.use_case_kinds(quota.use_case))
    and (
      quota.scope = 'app'
      or (
        quota.scope = 'account'
        and quota.key = (select a.fb_account_id from public.ad_accounts as a where a.id = throttled_until.account_id)
      )
    );
$$;

comment on function fb_ads.throttled_until(uuid, text) is
  'When a new job of that kind may start: now, or when the last throttling of its quotas ends.';

create function fb_ads.throttle_sync_jobs(scope text, key text, use_case text, seconds double precision, error jsonb)
returns timestamptz language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ends_at timestamptz := now() + make_interval(secs => least(greatest(seconds, 1), 86400));
begin
  insert into fb_ads.quotas as quota (scope, key, use_case, throttled_at, throttled_until, probe_after)
  values (
    throttle_sync_jobs.scope, throttle_sync_jobs.key, coalesce(throttle_sync_jobs.use_case, ''), clock_timestamp(),
    ends_at,
    -- Whoever is free first once the wait is over.
    case when throttle_sync_jobs.scope = 'app' and throttle_sync_jobs.error is not null then now() end
  )
  on conflict on constraint quotas_pkey do update set
    probe_after = coalesce(excluded.probe_after, quota.probe_after),
    throttled_at = excluded.throttled_at,
    throttled_until = greatest(quota.throttled_until, excluded.throttled_until),
    updated_at = now();

  update fb_ads.sync_jobs as job
  set
    not_before = ends_at,
    last_error = coalesce(throttle_sync_jobs.error, job.last_error)
  where job.state = 'pending'
    and job.not_before < ends_at
    and job.kind = any (fb_ads.use_case_kinds(coalesce(throttle_sync_jobs.use_case, '')))
    and (
      throttle_sync_jobs.scope = 'app'
      or job.account_id = (select a.id from public.ad_accounts as a where a.fb_account_id = throttle_sync_jobs.key)
    );
  return ends_at;
end;
$$;

comment on function fb_ads.throttle_sync_jobs(text, text, text, double precision, jsonb) is
  'Throttles every pending job of the quota (an account''s, or all of the app''s) for that many seconds, at most a '
  'day; a longer throttling is never shortened. After a refusal of the app one job probes it first. Returns when it '
  'ends.';

create type fb_ads.quota_usage as (
  scope text,
  key text,
  use_case text,
  usage_percent numeric,
  regain_seconds double precision,
  access_tier text
);

comment on type fb_ads.quota_usage is 'What a usage header of Meta''s said of one quota.';

create function fb_ads.store_usage(usage jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.quotas as quota (scope, key, use_case, usage_percent, rising_since, regain_at, access_tier)
  select distinct on (r.scope, r.key, coalesce(r.use_case, ''))
    r.scope, r.key, coalesce(r.use_case, ''), r.usage_percent, now(),
    case when r.regain_seconds > 0 then date_trunc('minute', now()) + make_interval(secs => r.regain_seconds) end,
    r.access_tier
  from jsonb_populate_recordset(null::fb_ads.quota_usage, usage) as r
  where r.scope in ('app', 'account') and r.key is not null
  order by r.scope, r.key, coalesce(r.use_case, ''), r.usage_percent desc nulls last
  on conflict (scope, key, use_case) do update set
    usage_percent = excluded.usage_percent,
    rising_since = case
      when excluded.usage_percent >= quota.usage_percent and quota.updated_at > now() - interval '1 hour'
        then quota.rising_since
      else excluded.rising_since
    end,
    regain_at = excluded.regain_at,
    access_tier = coalesce(excluded.access_tier, quota.access_tier),
    updated_at = now()
  where (quota.usage_percent, quota.regain_at, quota.access_tier)
    is distinct from (excluded.usage_percent, excluded.regain_at, coalesce(excluded.access_tier, quota.access_tier));

  -- Meta names a time of regaining only for a blocked use case, be it one that this call did not spend.
  select fb_ads.throttle_sync_jobs(r.scope, r.key, r.use_case, max(r.regain_seconds), null)
  from jsonb_populate_recordset(null::fb_ads.quota_usage, usage) as r
  where r.scope = 'account' and r.use_case in ('ads_management', 'ads_insights') and r.regain_seconds > 0
  group by r.scope, r.key, r.use_case
  order by r.key, r.use_case;
$$;

comment on function fb_ads.store_usage(jsonb) is
  'Keeps what usage headers said: [{scope, key, use_case, usage_percent, regain_seconds, access_tier}], the worst of '
  'each; and throttles what Meta blocks.';

create function fb_ads.app_throttled_until(job fb_ads.sync_jobs)
returns timestamptz language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select max(quota.throttled_until)
  from fb_ads.quotas as quota
  where quota.scope = 'app'
    and quota.key = 'default'
    and quota.throttled_until > now()
    and quota.throttled_at > job.claimed_at
    and job.kind = any (fb_ads.use_case_kinds(quota.use_case));
$$;

comment on function fb_ads.app_throttled_until(fb_ads.sync_jobs) is
  'Until when a held job waits because Meta refused another call for the whole app since the job was claimed; null '
  'where it refused none. A throttled job that is claimed all the same was freed by an operator.';

-- schemas/queue/stops.sql

-- What is stopped because Meta refuses it (a token, an account), and who finds out whether it still does: one job
-- probes, a stopped token as well as an app that was throttled.

create function fb_ads.stop_token(fingerprint text, error jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.quotas as quota (scope, key, stopped_at, stop_error, probe_after)
  values ('token', fingerprint, now(), error, now() + interval '55 seconds')
  on conflict (scope, key, use_case) do update set
    stopped_at = coalesce(quota.stopped_at, excluded.stopped_at),
    stop_error = excluded.stop_error,
    probe_after = excluded.probe_after,
    updated_at = now();
$$;

comment on function fb_ads.stop_token(text, jsonb) is
  'Remembers that Meta refuses a token and why. One probe a minute follows; another token in Vault has another '
  'fingerprint and is not stopped.';

create function fb_ads.may_use_token(fingerprint text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select not exists (
    select
    from fb_ads.quotas as quota
    where quota.scope = 'token'
      and quota.key = fingerprint
      and quota.stopped_at is not null
      and quota.probe_after > now()
  );
$$;

comment on function fb_ads.may_use_token(text) is 'Whether a token is not stopped, or due for a probe.';

create function fb_ads.unprobed_kinds()
returns text[] language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select array(
    select unnest(fb_ads.use_case_kinds(quota.use_case))
    from fb_ads.quotas as quota
    where quota.scope = 'app' and quota.probe_after > now()
  );
$$;

comment on function fb_ads.unprobed_kinds() is
  'Kinds of jobs that wait for the one that probes a throttled app.';

create function fb_ads.begin_probe(fingerprint text, kind text)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  -- When the probe is never heard of again, the next one is a minute away.
  update fb_ads.quotas as quota
  set probe_after = now() + interval '55 seconds'
  where quota.probe_after is not null
    and fb_ads.is_asked_with_marketing_token(begin_probe.kind)
    and (
      (quota.scope = 'token' and quota.key = fingerprint and quota.stopped_at is not null)
      or (quota.scope = 'app' and begin_probe.kind = any (fb_ads.use_case_kinds(quota.use_case)))
    );
$$;

comment on function fb_ads.begin_probe(text, text) is
  'A job of that kind was claimed: where its token is stopped or its app was throttled, it is the probe, and all '
  'others wait until it is answered.';

create function fb_ads.revive_refused_jobs(fingerprint text)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  -- The accounts stay stopped until they are answered, so that this happens once.
  update fb_ads.sync_jobs as job
  set state = 'pending', finished_at = null, attempts = 0, not_before = fb_ads.throttled_until(job.account_id, job.kind)
  from fb_ads.quotas as token
  join fb_ads.quotas as stop
    on stop.scope = 'account'
      and stop.stopped_at between token.stopped_at - interval '1 hour' and token.stopped_at
      and stop.stop_error ->> 'reason' = token.stop_error ->> 'reason'
  join public.ad_accounts as account on account.fb_account_id = stop.key and account.enabled
  where token.scope = 'token'
    and token.key = fingerprint
    and token.stopped_at is not null
    and token.stop_error ? 'is_everywhere'
    and job.account_id = account.id
    and job.state = 'failed'
    and job.finished_at between stop.stopped_at - interval '1 minute' and token.stopped_at
    -- A list that was planned again meanwhile is the same one.
    and not exists (
      select
      from fb_ads.sync_jobs as open
      where open.account_id = job.account_id and open.kind = job.kind and open.state in ('pending', 'running')
    );
$$;

comment on function fb_ads.revive_refused_jobs(text) is
  'A token that was stopped because Meta refused every account alike is answered again: the jobs that ended with the '
  'first accounts go on.';

create function fb_ads.clear_stops(job fb_ads.sync_jobs)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select fb_ads.revive_refused_jobs(run.token_fingerprint)
  from fb_ads.sync_runs as run
  where run.id = job.run_id and fb_ads.is_asked_with_marketing_token(job.kind);
  -- A token or account whose call Meta answered is not stopped.
  update fb_ads.quotas as quota
  set stopped_at = null, stop_error = null, probe_after = null, updated_at = now()
  where quota.stopped_at is not null
    and fb_ads.is_asked_with_marketing_token(job.kind)
    and (
      (
        quota.scope = 'token'
        and quota.key = (select run.token_fingerprint from fb_ads.sync_runs as run where run.id = job.run_id)
      )
      or (
        quota.scope = 'account'
        and quota.key = (select a.fb_account_id from public.ad_accounts as a where a.id = job.account_id)
      )
    );
  -- An app that answered what was asked after its refusal is not throttled any more.
  update fb_ads.quotas as quota
  set probe_after = null, updated_at = now()
  where quota.scope = 'app'
    and quota.probe_after is not null
    and quota.throttled_at < job.claimed_at
    and fb_ads.is_asked_with_marketing_token(job.kind)
    and job.kind = any (fb_ads.use_case_kinds(quota.use_case));
$$;

comment on function fb_ads.clear_stops(fb_ads.sync_jobs) is
  'After a stored page: the job''s token and account are not stopped any more, and its app needs no probe.';

create function fb_ads.fail_account(job fb_ads.sync_jobs, error jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with failed as (
    update fb_ads.sync_jobs as other
    set state = 'failed', finished_at = now(), last_error = error
    where other.account_id = job.account_id and other.state = 'pending'
  ),
  -- What it refused while the permission was going says nothing of the fields.
  forgotten as (
    update fb_ads.account_reads as known
    set refused_fields = '{}', fields_refused_at = null, updated_at = now()
    where known.account_id = job.account_id and known.fields_refused_at is not null
  )
  insert into fb_ads.quotas as quota (scope, key, stopped_at, stop_error, probe_after)
  select 'account', account.fb_account_id, now(), error, now() + interval '20 hours'
  from public.ad_accounts as account
  where account.id = job.account_id
  on conflict (scope, key, use_case) do update set
    stopped_at = coalesce(quota.stopped_at, excluded.stopped_at),
    stop_error = excluded.stop_error,
    probe_after = excluded.probe_after,
    updated_at = now();
$$;

comment on function fb_ads.fail_account(fb_ads.sync_jobs, jsonb) is
  'Ends the open jobs of an account that may not be read and says why; the next night tries it again with one call.';

-- schemas/queue/slots.sql

-- The two slots of each sync: who holds one, who has lost it, and how a run ends.
-- Why slots are rows with leases: the slot of a killed run comes free by itself.

create function fb_ads.is_live_run(run fb_ads.sync_runs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select run.finished_at is null
    and case
      when exists (
        select from fb_ads.sync_jobs as job
        where job.run_id = run.id and job.state = 'running' and job.lease_until > now()
      ) then true
      -- A run whose job lease has expired is dead.
      when exists (select from fb_ads.sync_jobs as job where job.run_id = run.id and job.state = 'running') then false
      else run.lease_until > now()
    end;
$$;

comment on function fb_ads.is_live_run(fb_ads.sync_runs) is
  'Whether a run still holds its slot: it has just begun or ended a job, or holds one whose lease has not expired.';

create function fb_ads.free_slots(function_slug text)
returns integer language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select greatest(0, 2 - count(*)::integer)
  from fb_ads.sync_runs as run
  where run.function_slug = free_slots.function_slug
    and run.finished_at is null
    and fb_ads.is_live_run(run);
$$;

comment on function fb_ads.free_slots(text) is 'How many more runs of a sync may start: at most two are live.';

create function fb_ads.end_dead_runs()
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.sync_runs as run
  set finished_at = now(),
    error = jsonb_build_object(
      'code', 'worker_lost', 'message', 'The invocation ended without a word: it was killed or ran out of its limits.'
    )
  where run.finished_at is null and not fb_ads.is_live_run(run);
$$;

comment on function fb_ads.end_dead_runs() is
  'Ends the runs that are not live any more, so that the table says what became of them.';

create function public.fb_take_sync_slot(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  waiting fb_ads.sync_runs;
begin
  perform pg_advisory_xact_lock(hashtext('fb_ads.sync_runs'));
  select run.* into waiting from fb_ads.sync_runs as run where run.id = (request ->> 'run_id')::uuid;
  if fb_ads.free_slots(waiting.function_slug) > 0 then
    perform fb_ads.end_dead_runs();
    update fb_ads.sync_runs as run
    set
      started_at = now(), lease_until = now() + interval '5 seconds', finished_at = null, jobs_left = null, error = null
    where run.id = waiting.id;
    return '{"slot": true}';
  end if;
  return jsonb_build_object(
    'slot', false,
    'jobs_left', fb_ads.open_job_count(waiting.function_slug, fb_ads.account_ids_of(request -> 'account_ids'))
  );
end;
$$;

comment on function public.fb_take_sync_slot(jsonb) is
  'For a run that found no slot and whose caller waits: {run_id, account_ids?}. Takes a slot that has become free, a '
  'killed worker''s too. Returns {slot, jobs_left}.';

create function public.fb_finish_sync_run(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ended fb_ads.sync_runs;
begin
  update fb_ads.sync_runs as run
  set
    finished_at = now(),
    jobs_left = fb_ads.open_job_count(run.function_slug, fb_ads.account_ids_of(request -> 'account_ids')),
    rows = coalesce(request -> 'rows', run.rows),
    graph_calls = coalesce((request ->> 'graph_calls')::integer, run.graph_calls),
    warnings = coalesce(request -> 'warnings', run.warnings),
    error = nullif(request -> 'error', 'null')
  where run.id = (request ->> 'run_id')::uuid
  returning * into ended;
  return jsonb_build_object('done', ended.jobs_done, 'left', ended.jobs_left, 'failed', ended.jobs_failed);
end;
$$;

comment on function public.fb_finish_sync_run(jsonb) is
  'Ends a run and frees its slot: {run_id, account_ids?, rows, graph_calls, warnings, error}. Returns {done, '
  'left, failed} jobs. Called twice it returns the same.';

-- schemas/queue/claims.sql

-- The lease of a claimed job: how it begins, and how it is taken back from a worker that is gone.

create function fb_ads.start_sync_job(job_id bigint, run_id uuid)
returns jsonb language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with started as (
    update fb_ads.sync_jobs as job
    set state = 'running', run_id = start_sync_job.run_id, lease_id = gen_random_uuid(),
      lease_until = now() + interval '90 seconds', claimed_at = now()
    where job.id = start_sync_job.job_id and job.state = 'pending'
    returning job.*
  )
  select jsonb_build_object(
    'id', started.id, 'kind', started.kind, 'lease_id', started.lease_id,
    'fb_account_id', account.fb_account_id, 'currency', account.currency, 'timezone_name', account.timezone_name,
    'since', started.since, 'until', started.until, 'object_level', started.object_level,
    'object_ids', to_jsonb(started.object_ids), 'params', started.params, 'cursor', started.cursor,
    'page_size', started.page_size, 'page_count', started.page_count, 'report_run_id', started.report_run_id,
    'attempts', started.attempts, 'refused_fields', to_jsonb(fb_ads.refused_fields_of(started)),
    'page_max', case
      when started.kind in ('insights', 'reconciliation') then known.insights_page_max
      when started.kind in ('campaigns', 'adsets', 'ads') then known.list_page_max
    end
  )
  from started
  left join public.ad_accounts as account on account.id = started.account_id
  left join fb_ads.account_reads as known on known.account_id = started.account_id;
$$;

comment on function fb_ads.start_sync_job(bigint, uuid) is
  'Gives a pending job a fresh lease of 90 s and returns what a worker needs to know of it and of its account.';

create function fb_ads.rescue_sync_jobs()
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with rescued as (
    update fb_ads.sync_jobs as job
    set state = 'pending', lease_id = null, lease_until = null,
      not_before = greatest(job.not_before, fb_ads.app_throttled_until(job))
    where job.state = 'running' and job.lease_until <= now()
    returning job.run_id
  )
  update fb_ads.sync_runs as run
  set lease_until = now()
  where run.finished_at is null and run.id in (select rescued.run_id from rescued);
$$;

comment on function fb_ads.rescue_sync_jobs() is
  'Takes jobs back from workers whose lease ran out. Their cursor is what was '
  'last stored, so at most one page is read again.';

-- schemas/queue/leases.sql

-- Holding a claimed job, moving it past a page, and releasing it after one. Every write goes through the fence in
-- fb_ads.hold_sync_job.

create function fb_ads.hold_sync_job(request jsonb)
returns fb_ads.sync_jobs language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  held fb_ads.sync_jobs;
begin
  select job.*
  into held
  from fb_ads.sync_jobs as job
  where job.id = (request ->> 'job_id')::bigint
    and job.state = 'running'
    and job.lease_id = (request ->> 'lease_id')::uuid
  for update;
  if held.id is null then
    raise sqlstate 'PT409' using message = 'lease_lost', detail = 'Another worker holds this job, or it is over.';
  end if;
  return held;
end;
$$;

comment on function fb_ads.hold_sync_job(jsonb) is
  'The fence: locks and returns the job {job_id, lease_id} for the rest of '
  'the transaction, or raises lease_lost (HTTP 409).';

create function fb_ads.advance_sync_job(job fb_ads.sync_jobs, page jsonb)
returns fb_ads.sync_jobs language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ended boolean := coalesce((page ->> 'done')::boolean, false);
  advanced fb_ads.sync_jobs;
begin
  update fb_ads.sync_jobs as j
  set
    state = case when ended then 'done' else 'running' end,
    lease_id = case when not ended then j.lease_id end,
    lease_until = case when not ended then now() + interval '90 seconds' end,
    finished_at = case when ended then now() end,
    cursor = page ->> 'next_cursor',
    page_size = coalesce((page ->> 'page_size')::integer, j.page_size),
    page_count = j.page_count + 1,
    row_count = j.row_count + coalesce((page ->> 'row_count')::integer, 0),
    params = j.params || coalesce(page -> 'params', '{}'),
    attempts = 0,
    last_error = null
  where j.id = job.id
  returning j.* into advanced;

  perform fb_ads.learn_refused_fields(job, page -> 'params' -> 'dropped_fields');
  perform fb_ads.learn_page_max(job, (page ->> 'page_max')::integer);
  update fb_ads.account_reads as known
  set insights_refusal = null, insights_refused_at = null, updated_at = now()
  where known.account_id = job.account_id and known.insights_refusal is not null and job.kind = 'insights';
  -- Shared rows are locked in one order everywhere: findings, quotas by key, then the run.
  if jsonb_typeof(page -> 'usage') = 'array' then
    perform fb_ads.store_usage(page -> 'usage');
  end if;
  perform fb_ads.clear_stops(job);
  if ended then
    update fb_ads.sync_runs as run
    set jobs_done = run.jobs_done + 1, lease_until = now() + interval '5 seconds'
    where run.id = job.run_id;
  end if;
  return advanced;
end;
$$;

comment on function fb_ads.advance_sync_job(fb_ads.sync_jobs, jsonb) is
  'Moves a held job past a page stored in the same transaction: {next_cursor, done, page_size, page_max?, '
  'row_count, params, usage}. Renews its lease or ends it. What Meta refused of it counts for the whole account.';

create function fb_ads.throttle_held_job(job fb_ads.sync_jobs, throttling jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  quota_key text := case
    when throttling ->> 'scope' = 'app' then 'default'
    else (select a.fb_account_id from public.ad_accounts as a where a.id = job.account_id)
  end;
  seconds double precision := (throttling ->> 'seconds')::double precision;
  throttled_until timestamptz;
begin
  if coalesce((throttling ->> 'is_window')::boolean, false) then
    -- Half of what was used is back when the window has passed since the middle of its rise.
    seconds := greatest(60, seconds - coalesce((
      select extract(epoch from now() - quota.rising_since) / 2
      from fb_ads.quotas as quota
      where quota.scope = throttling ->> 'scope'
        and quota.key = quota_key
        and quota.use_case = coalesce(throttling ->> 'use_case', '')
    ), 0));
  end if;
  update fb_ads.sync_jobs as j
  set state = 'pending', lease_id = null, lease_until = null
  where j.id = job.id and j.state = 'running';
  throttled_until := fb_ads.throttle_sync_jobs(
    throttling ->> 'scope',
    quota_key,
    throttling ->> 'use_case',
    seconds,
    nullif(throttling -> 'error', 'null')
  );
  -- The job that was refused waits even where Meta blames a quota that is not its own.
  update fb_ads.sync_jobs as j
  set not_before = greatest(j.not_before, throttled_until)
  where j.id = job.id and j.state = 'pending';
  perform fb_ads.renew_run_lease(job.run_id);
end;
$$;

comment on function fb_ads.throttle_held_job(fb_ads.sync_jobs, jsonb) is
  'Releases a held job and throttles it with all jobs that spend the same '
  'quota: {scope: account | app, use_case, seconds, is_window?, error}.';

create function fb_ads.release_throttled_job(job fb_ads.sync_jobs)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  throttled_until timestamptz := fb_ads.app_throttled_until(job);
begin
  if job.state <> 'running' or throttled_until is null then
    return false;
  end if;
  update fb_ads.sync_jobs as j
  set state = 'pending', lease_id = null, lease_until = null, not_before = throttled_until
  where j.id = job.id;
  perform fb_ads.renew_run_lease(job.run_id);
  return true;
end;
$$;

comment on function fb_ads.release_throttled_job(fb_ads.sync_jobs) is
  'After a stored page: releases the held job when Meta has refused another call '
  'for the whole app meanwhile. Returns whether it did.';

create function fb_ads.settle_page(advanced fb_ads.sync_jobs, throttling jsonb, complete boolean default true)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  is_throttled boolean := throttling is not null;
begin
  if is_throttled then
    perform fb_ads.throttle_held_job(advanced, throttling);
  else
    is_throttled := fb_ads.release_throttled_job(advanced);
  end if;
  return case
    when complete and advanced.state = 'done' then 'done'
    when is_throttled then 'throttled'
    when complete then 'running'
    else 'restarted'
  end;
end;
$$;

comment on function fb_ads.settle_page(fb_ads.sync_jobs, jsonb, boolean) is
  'After a stored page: releases the job where its quota is spent (throttle, or a refusal of another call), and says '
  'what became of it: done, throttled, running, or restarted where the record of its pages was lost (not complete).';

-- schemas/catalogue/list_plans.sql

-- What a night of the metadata sync consists of: discovery, then campaigns, ad sets and ads of every enabled account.
-- Why a list is planned when the one before it ends: an ad set needs its campaign, and a resumed run goes on with the
-- one open list of an account.

create function fb_ads.plan_lists(account_ids uuid[], planned_since timestamptz)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sync_jobs (account_id, kind, priority, page_size, not_before)
  select account.id, 'campaigns', 100, settings.metadata_page_size, fb_ads.throttled_until(account.id, 'campaigns')
  from public.ad_accounts as account
  cross join fb_ads.settings as settings
  where account.id = any (account_ids)
    and account.enabled
    and not exists (
      select
      from fb_ads.sync_jobs as job
      where job.account_id = account.id
        and job.kind in ('campaigns', 'adsets', 'ads')
        and (job.state in ('pending', 'running') or (job.kind = 'campaigns' and job.created_at >= planned_since))
    )
  order by account.id
  on conflict do nothing;
$$;

comment on function fb_ads.plan_lists(uuid[], timestamptz) is
  'Plans a full read of the ad tree for those accounts that are enabled, unless '
  'one is under way or was planned since planned_since.';

create function fb_ads.plan_account_reads(account_ids uuid[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sync_jobs (account_id, kind, priority, not_before)
  select account.id, 'account', 50, fb_ads.throttled_until(account.id, 'account')
  from public.ad_accounts as account
  where account.id = any (account_ids)
  order by account.id
  on conflict do nothing;
$$;

comment on function fb_ads.plan_account_reads(uuid[]) is 'Plans to read accounts by id; their lists follow.';

create function fb_ads.restart_lists(account_ids uuid[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with restarted as (
    update fb_ads.sync_jobs as job
    set cursor = null, page_count = 0, attempts = 0, params = '{}',
      not_before = fb_ads.throttled_until(job.account_id, job.kind)
    where job.state = 'pending'
      and job.kind in ('accounts', 'campaigns', 'adsets', 'ads')
      and (account_ids is null or job.account_id = any (account_ids))
    returning job.id
  )
  delete from fb_ads.sync_seen_pages as seen
  using restarted
  where seen.job_id = restarted.id;
$$;

comment on function fb_ads.restart_lists(uuid[]) is
  'Sends lists that are read in part back to their first page ({"full": true}); null means every account.';

create function fb_ads.plan_metadata(request jsonb, account_ids uuid[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  arrived_at timestamptz := coalesce((request ->> 'arrived_at')::timestamptz, now());
begin
  if coalesce((request ->> 'full')::boolean, false) then
    perform fb_ads.restart_lists(account_ids);
  end if;

  if account_ids is not null then
    perform fb_ads.plan_account_reads(array(
      select account.id
      from public.ad_accounts as account
      where account.id = any (account_ids)
        and not exists (
          select
          from fb_ads.sync_jobs as job
          where job.account_id = account.id
            and job.kind in ('account', 'campaigns', 'adsets', 'ads')
            and (job.state in ('pending', 'running') or job.created_at >= arrived_at)
        )
    ));
    return;
  end if;

  -- Two starts at the same moment share one discovery: one that was planned after this request arrived serves it too.
  insert into fb_ads.sync_jobs (kind, priority, page_size, params, not_before)
  select 'accounts', 10, settings.metadata_page_size, '{}', fb_ads.throttled_until(null, 'accounts')
  from fb_ads.settings as settings
  where not exists (
    select
    from fb_ads.sync_jobs as job
    where job.kind = 'accounts'
      and (job.state in ('pending', 'running') or job.created_at >= arrived_at)
  )
  on conflict do nothing;
end;
$$;

comment on function fb_ads.plan_metadata(jsonb, uuid[]) is
  'Makes sure that the jobs of a metadata sync exist: discovery first, or the named '
  'accounts by id. Called twice for one request it plans once.';

-- schemas/spend/calendar.sql

-- Days: the account's local day, the days that Meta still reports on, and a range of days cut into pieces.

create function fb_ads.local_day(timezone_name text, at timestamptz default now())
returns date language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- PostgreSQL takes a number for an offset; as the name of a zone it is none.
  return (at at time zone case when timezone_name ~ '^[A-Za-z]' then timezone_name else 'UTC' end)::date;
exception
  -- A zone that this server does not know yet.
  when invalid_parameter_value then
    return (at at time zone 'UTC')::date;
end;
$$;

comment on function fb_ads.local_day(text, timestamptz) is
  'The calendar day at an instant in an IANA time zone; UTC''s where the zone is null or unknown to the server.';

create function fb_ads.earliest_insight_day(today date)
returns date language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select (today - interval '37 months')::date + 1;
$$;

comment on function fb_ads.earliest_insight_day(date) is
  'First day that Meta still reports on when it is today there: the day after 37 '
  'months ago, for Meta refuses the limit itself (3018).';

create function fb_ads.insight_chunks(since date, until date, days integer, first_days integer default null)
returns table (part integer, part_since date, part_until date)
language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select 0, greatest(since, until - first_days + 1), until
  where first_days is not null and since <= until
  union all
  select n + 1, greatest(since, newest - (n + 1) * days + 1), newest - n * days
  from (select until - coalesce(first_days, 0) as newest) as older
  cross join lateral generate_series(0, (newest - since) / days) as n
  where since <= newest;
$$;

comment on function fb_ads.insight_chunks(date, date, integer, integer) is
  'Cuts since..until (inclusive) into ranges of at most days days, newest first (part 0), the newest of at most '
  'first_days. Every day is in exactly one.';

-- schemas/spend/daily_spend.sql

-- Daily spend of each ad, as the Insights API reports it.
-- Why the key is (date, ad_id) and nothing else: that is what Meta restates. What Meta claims beside it is stored as it
-- came.
-- Why unchanged rows are left out before the insert: on conflict alone would lock each of them, and a lock is a write.

-- The fill factor: a restated row stays on its page and in its place in the indexes.
create table public.ad_spend (
  id uuid primary key default gen_random_uuid(),
  date date not null,
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  campaign_id uuid not null references public.ad_campaigns (id) on delete cascade,
  adset_id uuid not null references public.ad_adsets (id) on delete cascade,
  ad_id uuid not null references public.ad_ads (id) on delete cascade,
  spend numeric not null,
  impressions integer,
  clicks integer,
  reach integer,
  inline_link_clicks integer,
  currency text,
  actions jsonb,
  action_values jsonb,
  missing_fields text[],
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint ad_spend_date_ad_id_key unique (date, ad_id),
  constraint spend_is_not_negative check (spend >= 0)
) with (fillfactor = 85);

comment on table public.ad_spend is
  'What each ad cost and got on each day. One row an ad and day on which Meta has something to report.';
comment on column public.ad_spend.id is 'Our key.';
comment on column public.ad_spend.date is 'Calendar day in the ad account''s time zone, not UTC (Meta''s date_start).';
comment on column public.ad_spend.account_id is 'The ad account that paid.';
comment on column public.ad_spend.campaign_id is 'The campaign of the ad.';
comment on column public.ad_spend.adset_id is 'The ad set of the ad.';
comment on column public.ad_spend.ad_id is 'The ad.';
comment on column public.ad_spend.spend is
  'Money spent on that day, in major units of currency, to the last digit that Meta gave.';
comment on column public.ad_spend.impressions is 'How often the ad was on screen.';
comment on column public.ad_spend.clicks is 'All clicks on the ad (Meta''s clicks).';
comment on column public.ad_spend.reach is 'People who saw the ad on that day. Not additive over days or ads.';
comment on column public.ad_spend.inline_link_clicks is 'Clicks on links to the advertiser''s pages.';
comment on column public.ad_spend.currency is 'ISO 4217 code of spend (Meta''s account_currency).';
comment on column public.ad_spend.actions is
  'Meta''s actions, as they came: a list of {action_type, value, ...} in which an action_type may repeat.';
comment on column public.ad_spend.action_values is 'Meta''s action_values, as they came: amounts in currency.';
comment on column public.ad_spend.missing_fields is
  'Fields that Meta refused for this row and that are therefore unknown; null when the row is complete.';
comment on column public.ad_spend.created_at is 'When the row was first stored.';
comment on column public.ad_spend.updated_at is 'When Meta''s figures for that ad and day last changed here.';

create index ad_spend_account_id_date_idx on public.ad_spend (account_id, date);
create index ad_spend_campaign_id_idx on public.ad_spend (campaign_id);
create index ad_spend_adset_id_idx on public.ad_spend (adset_id);
create index ad_spend_ad_id_idx on public.ad_spend (ad_id);

alter table public.ad_spend enable row level security;
create policy reader_reads_ad_spend on public.ad_spend for select to fb_ads_reader using (true);

create function fb_ads.upsert_insights(account_id uuid, rows jsonb, dropped text[] default '{}')
returns table (written bigint, unresolved bigint)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as materialized (
    select distinct on (r.date, r.fb_ad_id) r.*
    from jsonb_to_recordset(rows) as r (
      date date, fb_campaign_id text, fb_adset_id text, fb_ad_id text, spend numeric, impressions integer,
      clicks integer, reach integer, inline_link_clicks integer, currency text, actions jsonb, action_values jsonb
    )
    order by r.date, r.fb_ad_id
  ),
  -- Our keys, looked up once an object and in index order, so that a row costs the same when a million ads are stored.
  campaigns as materialized (
    select c.id, c.fb_campaign_id from public.ad_campaigns as c
    where c.fb_campaign_id = any (array(select distinct i.fb_campaign_id from incoming as i))
  ),
  adsets as materialized (
    select s.id, s.fb_adset_id from public.ad_adsets as s
    where s.fb_adset_id = any (array(select distinct i.fb_adset_id from incoming as i))
  ),
  ads as materialized (
    select a.id, a.fb_ad_id from public.ad_ads as a
    where a.fb_ad_id = any (array(select distinct i.fb_ad_id from incoming as i))
  ),
  -- Null where an object is not stored yet.
  resolved as materialized (
    select i.*, c.id as campaign_id, s.id as adset_id, a.id as ad_id
    from incoming as i
    left join campaigns as c on c.fb_campaign_id = i.fb_campaign_id
    left join adsets as s on s.fb_adset_id = i.fb_adset_id
    left join ads as a on a.fb_ad_id = i.fb_ad_id
  ),
  -- The stored rows: one index scan a day instead of one lookup a row.
  known as materialized (
    select d.*
    from (
      select r.date, array_agg(r.ad_id order by r.ad_id) as ad_ids
      from resolved as r
      where r.ad_id is not null
      group by r.date
    ) as day
    cross join lateral (
      select spend.* from public.ad_spend as spend where spend.date = day.date and spend.ad_id = any (day.ad_ids)
    ) as d
  ),
  -- A field that Meta refused this time keeps its last value; missing_fields names it.
  merged as (
    select
      r.date, r.campaign_id, r.adset_id, r.ad_id, r.spend, r.impressions, r.clicks,
      -- Every amount of an account is in its currency, whether the row repeats it or not.
      coalesce(
        r.currency,
        (select account.currency from public.ad_accounts as account where account.id = upsert_insights.account_id)
      ) as currency,
      case when 'reach' = any (dropped) then d.reach else r.reach end as reach,
      case
        when 'inline_link_clicks' = any (dropped) then d.inline_link_clicks
        else r.inline_link_clicks
      end as inline_link_clicks,
      case when 'actions' = any (dropped) then d.actions else r.actions end as actions,
      case when 'action_values' = any (dropped) then d.action_values else r.action_values end as action_values,
      nullif(dropped, '{}') as missing_fields,
      d.id as known_id,
      row(
        d.account_id, d.campaign_id, d.adset_id, d.spend, d.impressions, d.clicks, d.reach, d.inline_link_clicks,
        d.currency, d.actions, d.action_values, d.missing_fields
      ) as known
    from resolved as r
    left join known as d on d.date = r.date and d.ad_id = r.ad_id
    where r.campaign_id is not null and r.adset_id is not null and r.ad_id is not null
  ),
  changed as (
    select m.*
    from merged as m
    where m.known_id is null
      or m.known is distinct from row(
        upsert_insights.account_id, m.campaign_id, m.adset_id, m.spend, m.impressions, m.clicks, m.reach,
        m.inline_link_clicks, m.currency, m.actions, m.action_values, m.missing_fields
      )
  ),
  stored as (
    insert into public.ad_spend as d (
      date, account_id, campaign_id, adset_id, ad_id, spend, impressions, clicks, reach, inline_link_clicks, currency,
      actions, action_values, missing_fields
    )
    select
      c.date, upsert_insights.account_id, c.campaign_id, c.adset_id, c.ad_id, c.spend, c.impressions, c.clicks,
      c.reach, c.inline_link_clicks, c.currency, c.actions, c.action_values, c.missing_fields
    from changed as c
    order by c.date, c.ad_id
    on conflict (date, ad_id) do update set
      account_id = excluded.account_id,
      campaign_id = excluded.campaign_id,
      adset_id = excluded.adset_id,
      spend = excluded.spend,
      impressions = excluded.impressions,
      clicks = excluded.clicks,
      reach = excluded.reach,
      inline_link_clicks = excluded.inline_link_clicks,
      currency = excluded.currency,
      actions = excluded.actions,
      action_values = excluded.action_values,
      missing_fields = excluded.missing_fields,
      updated_at = now()
    returning 1
  )
  select
    (select count(*) from stored),
    (select count(*) from resolved as r where r.campaign_id is null or r.adset_id is null or r.ad_id is null);
$$;

comment on function fb_ads.upsert_insights(uuid, jsonb, text[]) is
  'Stores daily figures of ads of one account; dropped names fields that Meta refused. Returns how many rows it '
  'wrote, and how many it could not because an object of theirs is not stored yet (see stub_insight_objects).';

-- schemas/spend/read_limits.sql

-- How many days of an account one request is given: by what Meta has refused, and by how many rows a day has.

create function fb_ads.expected_daily_rows(account_id uuid)
returns numeric language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    (
      select max(recent.row_count::numeric / (recent.until - recent.since + 1))
      from (
        select job.row_count, job.since, job.until
        from fb_ads.sync_jobs as job
        where job.account_id = expected_daily_rows.account_id
          and job.kind = 'insights'
          and job.state = 'done'
          and job.object_ids is null
        order by job.created_at desc
        limit 10
      ) as recent
    ),
    (
      select count(*)
      from public.ad_ads as ad
      where ad.account_id = expected_daily_rows.account_id and ad.effective_status = 'ACTIVE'
    )
  );
$$;

comment on function fb_ads.expected_daily_rows(uuid) is
  'How many rows a day of an account has, by the last ranges that were read; before the first, its active ads.';

create function fb_ads.refused_above(account_id uuid)
returns integer language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select known.sync_max_days from fb_ads.account_reads as known where known.account_id = refused_above.account_id;
$$;

comment on function fb_ads.refused_above(uuid) is
  'Up to how many days Meta answers at once for the account; null: it has refused none.';

create function fb_ads.insight_limits(account_id uuid)
returns table (sync_days integer, range_days integer)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    least(
      fb_ads.refused_above(insight_limits.account_id),
      case
        when settings.insights_sync_rows = 0 then 0
        else floor(
          settings.insights_sync_rows / greatest(1, fb_ads.expected_daily_rows(insight_limits.account_id))
        )::integer
      end
    ),
    coalesce(least(known.range_max_days, 7), 7)
  from fb_ads.settings as settings
  left join fb_ads.account_reads as known on known.account_id = insight_limits.account_id;
$$;

comment on function fb_ads.insight_limits(uuid) is
  'Up to how many days a range of the account is read at once, and how many days a range may have (at most 7).';

-- schemas/spend/findings.sql

-- What a refusal of insights teaches of its account: ads that are given only in part, and accounts that have none.

create function fb_ads.is_list_range(job fb_ads.sync_jobs)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select job.object_ids is not null and not job.params ? 'is_rest';
$$;

comment on function fb_ads.is_list_range(fb_ads.sync_jobs) is
  'Whether a range is of the ads in object_ids; otherwise it is of all ads, or of all but those.';

create function fb_ads.learn_ad_fields(job fb_ads.sync_jobs, fields jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if cardinality(job.object_ids) is distinct from 1 or job.params ? 'is_rest' then
    return;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set
    ad_fields = known.ad_fields || jsonb_build_object(job.object_ids[1], fields),
    ad_fields_refused_at = coalesce(known.ad_fields_refused_at, now()),
    -- It was that ad, and neither the days nor the number of ads.
    range_max_days = null, range_refused_at = null, range_max_ads = null, ads_refused_at = null
  where known.account_id = job.account_id;

  -- So many ads are no exception: the account is read without these fields.
  update fb_ads.account_reads as known
  set
    refused_fields = array(
      select known_field.name from unnest(known.refused_fields) as known_field (name)
      union
      select 'insights.' || field.name
      from jsonb_each(known.ad_fields) as odd
      cross join lateral jsonb_array_elements_text(odd.value) as field (name)
      order by 1
    ),
    fields_refused_at = coalesce(known.fields_refused_at, now()),
    ad_fields = kept.ad_fields,
    ad_fields_refused_at = case when kept.ad_fields <> '{}' then known.ad_fields_refused_at end
  from (
    select other.account_id, coalesce(jsonb_object_agg(odd.key, odd.value) filter (where odd.value = '[]'), '{}')
      as ad_fields
    from fb_ads.account_reads as other
    cross join lateral jsonb_each(other.ad_fields) as odd
    where other.account_id = job.account_id
    group by other.account_id
  ) as kept
  where known.account_id = job.account_id
    and (select count(*) from jsonb_each(known.ad_fields) as odd where odd.value <> '[]') > 10;
end;
$$;

comment on function fb_ads.learn_ad_fields(fb_ads.sync_jobs, jsonb) is
  'After a day of one ad that Meta gave only without some fields, or not at all: the ad is read by itself without '
  'them. With more than ten such ads the account is read without these fields.';

create function fb_ads.learn_unnamed_ads(job fb_ads.sync_jobs)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  -- What was not there before the day was read without naming statuses.
  ads jsonb := (
    select jsonb_object_agg(ad.fb_ad_id, '[]'::jsonb)
    from public.ad_spend as d
    join public.ad_ads as ad on ad.id = d.ad_id
    where d.account_id = job.account_id
      and d.date between job.since and job.until
      and d.created_at >= job.claimed_at
  );
begin
  if ads is null or not job.params ? 'is_unfiltered' or fb_ads.is_list_range(job) then
    return;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set
    ad_fields = ads || known.ad_fields,
    ad_fields_refused_at = coalesce(known.ad_fields_refused_at, now())
  where known.account_id = job.account_id;
end;
$$;

comment on function fb_ads.learn_unnamed_ads(fb_ads.sync_jobs) is
  'After a day that was read without naming the statuses of ads: those that only this has shown are asked for by id '
  'from now on.';

create function fb_ads.learn_insights_refusal(job fb_ads.sync_jobs, error jsonb)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- Three whole ranges in a row that are refused alike: one may be a bad day.
  if job.kind <> 'insights'
    or error ->> 'code' is distinct from 'meta_rejected'
    or job.object_ids is not null
    or job.params ? 'is_part'
    or (
      select count(*) < 3 or bool_or(tried.state = 'done' or tried.last_error ->> 'reason' <> error ->> 'reason')
      from (
        select other.state, other.last_error
        from fb_ads.sync_jobs as other
        where other.account_id = job.account_id and other.kind = 'insights' and other.state in ('done', 'failed')
        order by other.finished_at desc
        limit 3
      ) as tried
    ) then
    return false;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set insights_refusal = error, insights_refused_at = now()
  where known.account_id = job.account_id;
  update fb_ads.sync_jobs as other
  set state = 'failed', finished_at = now(), last_error = error || jsonb_build_object('at', now())
  where other.account_id = job.account_id
    and other.kind in ('insights', 'reconciliation')
    and other.state = 'pending';
  return true;
end;
$$;

comment on function fb_ads.learn_insights_refusal(fb_ads.sync_jobs, jsonb) is
  'After a range that Meta refuses for good: when the account''s last three were refused alike, the others end with it '
  'and none is planned until the finding is forgotten or the account is asked for by name. Returns whether they were.';

create function fb_ads.has_insights(account_id uuid)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select not exists (
    select from fb_ads.account_reads as known
    where known.account_id = has_insights.account_id and known.insights_refusal is not null
  );
$$;

comment on function fb_ads.has_insights(uuid) is 'Whether Meta is not known to refuse every insight of an account.';

-- schemas/spend/fitting.sql

-- Cutting a range, before it is asked for, to what is known of its account: no more days and ads than Meta takes, and
-- ads whose figures it gives only in part by themselves.

create function fb_ads.ads_of_range(job fb_ads.sync_jobs)
returns table (fb_ad_id text, is_busy boolean)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    ad.fb_ad_id,
    ad.effective_status is not distinct from 'ACTIVE' or exists (
      select from public.ad_spend as d where d.ad_id = ad.id and d.date between job.since - 7 and job.until + 7
    )
  from public.ad_ads as ad
  where ad.account_id = job.account_id;
$$;

comment on function fb_ads.ads_of_range(fb_ads.sync_jobs) is
  'The stored ads of a job''s account, and whether they are likely to have spent on its days: they are active, or '
  'spent within a week of them.';

create function fb_ads.odd_ads_of(job fb_ads.sync_jobs)
returns table (fb_ad_id text, fields jsonb)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select odd.key, odd.value
  from fb_ads.account_reads as known
  cross join lateral jsonb_each(known.ad_fields) as odd
  where known.account_id = job.account_id
    and not job.params ?| array['ads_without', 'field_trial']
    and case
      when fb_ads.is_list_range(job) then odd.key = any (job.object_ids)
      else odd.key <> all (coalesce(job.object_ids, '{}'))
    end;
$$;

comment on function fb_ads.odd_ads_of(fb_ads.sync_jobs) is
  'Ads of a range that are asked for by id: Meta gives their figures only without some fields, or shows them in no '
  'filter by status (no fields).';

create function fb_ads.exceeds_findings(job fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (select from fb_ads.odd_ads_of(job)) or exists (
    select
    from fb_ads.account_reads as known
    where known.account_id = job.account_id
      and not job.params ? 'ads_without'
      and (
        job.until - job.since + 1 > known.range_max_days
        or case
          when fb_ads.is_list_range(job) then cardinality(job.object_ids) > known.range_max_ads
          when job.object_ids is null and known.range_max_ads is not null then (
            select count(*) > known.range_max_ads from fb_ads.ads_of_range(job) as ads where ads.is_busy
          )
        end
      )
  );
$$;

comment on function fb_ads.exceeds_findings(fb_ads.sync_jobs) is
  'Whether a range is larger than what Meta is known to take of its account, or holds ads that it gives only in part.';

create function fb_ads.add_piece(job fb_ads.sync_jobs, since date, until date, object_ids text[], params jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, object_level, object_ids, page_size, params
  )
  values (
    job.account_id, job.kind, job.purpose, job.plan_id, job.priority, add_piece.since, add_piece.until,
    case when add_piece.object_ids is not null then 'ad' end, add_piece.object_ids, job.page_size, add_piece.params
  );
$$;

comment on function fb_ads.add_piece(fb_ads.sync_jobs, date, date, text[], jsonb) is
  'Plans to read a piece of a range: these days, and these ads or, with is_rest in params, all others.';

create function fb_ads.pieces_by_ads(job fb_ads.sync_jobs, known fb_ads.account_reads)
returns table (object_ids text[], more jsonb)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with odd as materialized (select ads.* from fb_ads.odd_ads_of(job) as ads),
  -- By name: a list, or where there are more busy ads than Meta takes at once. All others are the rest.
  named as materialized (
    select given.fb_ad_id
    from unnest(job.object_ids) as given (fb_ad_id)
    where fb_ads.is_list_range(job)
    union all
    select ads.fb_ad_id
    from fb_ads.ads_of_range(job) as ads
    where ads.is_busy
      and job.object_ids is null
      and (select count(*) > known.range_max_ads from fb_ads.ads_of_range(job) as all_ads where all_ads.is_busy)
  ),
  numbered as (
    select
      named.fb_ad_id,
      (row_number() over (order by named.fb_ad_id) - 1) / coalesce(known.range_max_ads, 1000000) as n
    from named
    where named.fb_ad_id not in (select odd.fb_ad_id from odd)
  ),
  rest as (
    select coalesce(job.object_ids, '{}') || array(
      select named.fb_ad_id from named union select odd.fb_ad_id from odd order by 1
    ) as ids
    where not fb_ads.is_list_range(job)
      -- A recheck looks for ads that are not stored, too.
      and (
        job.purpose = 'recheck'
        or not exists (select from named)
        or exists (
          select from fb_ads.ads_of_range(job) as idle
          where not exists (select from named where named.fb_ad_id = idle.fb_ad_id)
            and not exists (select from odd where odd.fb_ad_id = idle.fb_ad_id)
        )
      )
  ),
  -- A long list of ids fits into the body of a report's request and not into an address.
  cut as (
    select array_agg(numbered.fb_ad_id order by numbered.fb_ad_id) as ids, '{}'::jsonb as more
    from numbered
    group by numbered.n
    union all
    select nullif(rest.ids, '{}'), case when rest.ids = '{}' then '{}'::jsonb else '{"is_rest": true}' end from rest
  )
  select cut.ids, cut.more || case when cardinality(cut.ids) > 50 then '{"read": "report"}'::jsonb else '{}' end
  from cut
  union all
  -- Few rows, so they are read at once.
  select
    array_agg(odd.fb_ad_id order by odd.fb_ad_id),
    jsonb_build_object(
      'read', case when count(*) > 50 then 'report' else 'sync' end, 'ads_without', odd.fields, 'is_unfiltered', true
    )
  from odd
  group by odd.fields;
$$;

comment on function fb_ads.pieces_by_ads(fb_ads.sync_jobs, fb_ads.account_reads) is
  'The pieces of a range: lists of at most as many ads as Meta takes, the rest (all ads but those named), and ads that '
  'are read without some fields. object_ids null: all ads. more: what their params have beside the range''s.';

create function fb_ads.fit_range(job_id bigint)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := (select j from fb_ads.sync_jobs as j where j.id = fit_range.job_id);
  known fb_ads.account_reads := (select r from fb_ads.account_reads as r where r.account_id = job.account_id);
  kept jsonb := job.params - 'report' - 'is_rest' - 'is_part';
  piece record;
begin
  if job.kind <> 'insights' or job.report_run_id is not null or job.cursor is not null
    or not fb_ads.exceeds_findings(job) then
    return;
  end if;
  -- The days: the newest stay with the job.
  for piece in
    select chunk.part_since, chunk.part_until
    from fb_ads.insight_chunks(job.since, job.until, known.range_max_days) as chunk
    where chunk.part > 1
  loop
    perform fb_ads.add_piece(job, piece.part_since, piece.part_until, job.object_ids, job.params - 'is_part');
  end loop;
  job.since := greatest(job.since, coalesce(job.until - known.range_max_days + 1, job.since));
  update fb_ads.sync_jobs as j set since = job.since, params = j.params - 'is_part' where j.id = job.id;

  -- The ads: the first piece stays with the job.
  for piece in
    select cut.*, row_number() over () = 1 as is_first from fb_ads.pieces_by_ads(job, known) as cut
  loop
    if piece.is_first then
      update fb_ads.sync_jobs as j
      set
        object_ids = piece.object_ids, object_level = case when piece.object_ids is not null then 'ad' end,
        params = kept || piece.more
      where j.id = job.id;
    else
      perform fb_ads.add_piece(job, job.since, job.until, piece.object_ids, kept || piece.more);
    end if;
  end loop;
end;
$$;

comment on function fb_ads.fit_range(bigint) is
  'Cuts a pending range that has not begun to what Meta is known to take of its account. The job keeps one piece, the '
  'others are planned beside it; every ad and day is in exactly one.';

-- schemas/spend/ranges.sql

-- Ranges of days as jobs, in the account's own calendar, newest first, no day twice.

create function fb_ads.plan_ranges(
  account_id uuid,
  purpose text,
  since date,
  until date,
  plan uuid default gen_random_uuid()
)
returns uuid language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  not_before timestamptz := fb_ads.throttled_until(plan_ranges.account_id, 'insights');
  page_size integer := (select settings.insights_page_size from fb_ads.settings as settings);
  sync_days integer;
  range_days integer;
begin
  select limits.sync_days, limits.range_days into sync_days, range_days
  from fb_ads.insight_limits(plan_ranges.account_id) as limits;
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, page_size, params, not_before
  )
  select
    plan_ranges.account_id, 'insights', plan_ranges.purpose, plan,
    case plan_ranges.purpose when 'refresh' then 90 when 'window' then 100 when 'recheck' then 105 else 200 end,
    chunk.part_since, chunk.part_until, page_size,
    case
      when chunk.part_until - chunk.part_since + 1 <= sync_days then '{"read": "sync"}'::jsonb
      else '{"read": "report"}'
    end,
    not_before
  from fb_ads.insight_chunks(
    plan_ranges.since, plan_ranges.until, range_days,
    case when plan_ranges.purpose in ('window', 'refresh') then least(2, range_days) end
  ) as chunk
  order by chunk.part;
  return plan;
end;
$$;

comment on function fb_ads.plan_ranges(uuid, text, date, date, uuid) is
  'Plans to read a range of an account, newest days first; returns the plan''s id.';

create function fb_ads.drop_idle_refresh(account_id uuid)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with dropped as (
    select job.id
    from fb_ads.sync_jobs as job
    where job.account_id = drop_idle_refresh.account_id
      and job.kind = 'insights'
      and job.purpose = 'refresh'
      and job.state = 'pending'
      and job.report_run_id is null
      and job.page_count = 0
    for update skip locked
  )
  delete from fb_ads.sync_jobs as job using dropped where job.id = dropped.id;
$$;

comment on function fb_ads.drop_idle_refresh(uuid) is
  'Deletes a refresh of the account that has not begun, before a plan that holds its days is made.';

create function fb_ads.reset_range(job fb_ads.sync_jobs, since date, until date, object_ids text[], params jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
  update fb_ads.sync_jobs as j
  set
    since = reset_range.since, until = reset_range.until, object_ids = reset_range.object_ids,
    params = reset_range.params, state = 'pending', lease_id = null, lease_until = null, not_before = now(),
    report_run_id = null, cursor = null, page_count = 0, attempts = 0
  where j.id = job.id;
$$;

comment on function fb_ads.reset_range(fb_ads.sync_jobs, date, date, text[], jsonb) is
  'Releases a held job as one of another range, to be read from its beginning.';

-- schemas/spend/backfills.sql

-- Backfills: ranges before the window that were asked for, and how far each is.

create table fb_ads.insight_backfills (
  plan_id uuid primary key,
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  since date not null,
  until date not null,
  reason text not null,
  requested_at timestamptz not null default now(),
  constraint backfill_range_is_ordered check (since <= until),
  constraint reason_is_known check (reason in ('new_account', 'request', 'gap'))
);

comment on table fb_ads.insight_backfills is
  'Ranges before the window that were asked for. Their progress is in the view backfill_progress.';
comment on column fb_ads.insight_backfills.plan_id is 'The plan_id of its jobs.';
comment on column fb_ads.insight_backfills.account_id is 'The ad account.';
comment on column fb_ads.insight_backfills.since is
  'First day, in the account''s time zone, no earlier than Meta''s 37 months.';
comment on column fb_ads.insight_backfills.until is 'Last day, inclusive.';
comment on column fb_ads.insight_backfills.reason is
  'new_account: the account was newly enabled; request: since and until of a call; gap: no run for longer than a day.';
comment on column fb_ads.insight_backfills.requested_at is 'When it was planned.';

create index insight_backfills_account_id_idx on fb_ads.insight_backfills (account_id, requested_at);

alter table fb_ads.insight_backfills enable row level security;

create function fb_ads.plan_backfill(
  account_id uuid,
  since date,
  until date,
  reason text,
  arrived_at timestamptz,
  plan uuid default gen_random_uuid()
)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  zone text := (
    select account.timezone_name from public.ad_accounts as account where account.id = plan_backfill.account_id
  );
  -- The time zone of an account that was never read is unknown. fb_replan_insights cuts the range to its days once it
  -- is known.
  first_day date := greatest(since, fb_ads.earliest_insight_day(fb_ads.local_day(coalesce(zone, 'Etc/GMT+12'))));
  last_day date := least(until, fb_ads.local_day(coalesce(zone, 'Etc/GMT-14')));
begin
  if first_day > last_day or exists (
    select
    from fb_ads.insight_backfills as known
    where known.account_id = plan_backfill.account_id
      and known.since = first_day
      and known.until = last_day
      and (
        known.requested_at >= arrived_at
        or exists (
          select from fb_ads.sync_jobs as job where job.plan_id = known.plan_id and job.state in ('pending', 'running')
        )
      )
  ) then
    return;
  end if;
  perform fb_ads.plan_ranges(plan_backfill.account_id, 'backfill', first_day, last_day, plan);
  insert into fb_ads.insight_backfills (plan_id, account_id, since, until, reason)
  values (plan, plan_backfill.account_id, first_day, last_day, plan_backfill.reason);
end;
$$;

comment on function fb_ads.plan_backfill(uuid, date, date, text, timestamptz, uuid) is
  'Plans to read a range of days, clamped to Meta''s 37 months and to today, unless the same range is under way or '
  'was asked for since arrived_at.';

create view fb_ads.backfill_progress with (security_invoker = true) as
select
  account.fb_account_id,
  account.name as account_name,
  backfill.since,
  backfill.until,
  backfill.reason,
  backfill.until - backfill.since + 1 as days,
  backfill.until - backfill.since + 1 - coalesce(open.days, 0) as days_done,
  jobs.done as jobs_done,
  jobs.left as jobs_left,
  jobs.failed as jobs_failed,
  jobs.rows,
  backfill.requested_at,
  case when jobs.left = 0 then jobs.finished_at end as finished_at,
  backfill.plan_id
from fb_ads.insight_backfills as backfill
join public.ad_accounts as account on account.id = backfill.account_id
cross join lateral (
  select
    count(*) filter (where job.state = 'done') as done,
    count(*) filter (where job.state in ('pending', 'running')) as left,
    count(*) filter (where job.state = 'failed') as failed,
    sum(job.row_count) as rows,
    max(job.finished_at) as finished_at
  from fb_ads.sync_jobs as job
  where job.plan_id = backfill.plan_id and job.kind = 'insights'
) as jobs
cross join lateral (
  select count(distinct day)::integer as days
  from fb_ads.sync_jobs as job
  cross join lateral generate_series(job.since::timestamp, job.until, interval '1 day') as day
  where job.plan_id = backfill.plan_id and job.kind = 'insights' and job.state <> 'done'
) as open;

comment on view fb_ads.backfill_progress is
  'How far each backfill is: days and jobs, done and left. Days of failed jobs are not done.';
comment on column fb_ads.backfill_progress.fb_account_id is 'Meta''s id of the ad account.';
comment on column fb_ads.backfill_progress.account_name is 'Name of the ad account.';
comment on column fb_ads.backfill_progress.since is 'First day of the backfill.';
comment on column fb_ads.backfill_progress.until is 'Last day, inclusive.';
comment on column fb_ads.backfill_progress.reason is 'Why it was planned, as in insight_backfills.';
comment on column fb_ads.backfill_progress.days is 'Days of the range.';
comment on column fb_ads.backfill_progress.days_done is 'Days that were read completely.';
comment on column fb_ads.backfill_progress.jobs_done is 'Ranges that were read.';
comment on column fb_ads.backfill_progress.jobs_left is 'Ranges that wait or run.';
comment on column fb_ads.backfill_progress.jobs_failed is 'Ranges that were given up.';
comment on column fb_ads.backfill_progress.rows is 'Rows received from Meta.';
comment on column fb_ads.backfill_progress.requested_at is 'When it was planned.';
comment on column fb_ads.backfill_progress.finished_at is 'When its last range ended; null while one is open.';
comment on column fb_ads.backfill_progress.plan_id is 'Key of the backfill.';

-- schemas/spend/insight_plans.sql

-- What a start of the insights sync plans for an account: window and default backfill, a refresh, or the range that was
-- asked for.
-- Why it goes on with an open plan: a caller that asks until nothing is left must come to an end, and a window that is
-- half read must not begin anew.

create function fb_ads.plan_refresh(account_id uuid, arrived_at timestamptz, read_until date default null)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  today date := (
    select fb_ads.local_day(account.timezone_name)
    from public.ad_accounts as account
    where account.id = plan_refresh.account_id
  );
begin
  if exists (
    select
    from fb_ads.sync_jobs as job
    where job.account_id = plan_refresh.account_id
      and job.kind = 'insights'
      and job.purpose in ('window', 'refresh')
      and ((job.state in ('pending', 'running') and job.until >= today) or job.created_at >= arrived_at)
  ) then
    return;
  end if;
  perform fb_ads.drop_idle_refresh(plan_refresh.account_id);
  perform fb_ads.plan_ranges(plan_refresh.account_id, 'refresh', least(today - 1, read_until), today);
end;
$$;

comment on function fb_ads.plan_refresh(uuid, timestamptz, date) is
  'Plans today and yesterday of an account, and the days since read_until, unless today is about to be read.';

create function fb_ads.plan_window(account_id uuid, arrived_at timestamptz)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  settings fb_ads.settings := (select s from fb_ads.settings as s);
  today date := (
    select fb_ads.local_day(account.timezone_name)
    from public.ad_accounts as account
    where account.id = plan_window.account_id
  );
  first_day date := today - settings.insights_window_days + 1;
  read_until date := (
    select known.window_until from fb_ads.account_reads as known where known.account_id = plan_window.account_id
  );
  planned_until date := (
    select max(part.until)
    from fb_ads.sync_jobs as job
    join fb_ads.sync_jobs as part on part.plan_id = job.plan_id
    where job.account_id = plan_window.account_id
      and job.kind in ('insights', 'reconciliation')
      and job.purpose = 'window'
      and (job.state in ('pending', 'running') or job.created_at >= arrived_at)
  );
begin
  if planned_until is null then
    perform fb_ads.drop_idle_refresh(plan_window.account_id);
    perform fb_ads.plan_ranges(plan_window.account_id, 'window', first_day, today);
  elsif planned_until < today then
    -- The run goes on with an open window, but that window ends on the day on which it was planned.
    perform fb_ads.plan_refresh(plan_window.account_id, arrived_at, planned_until);
  end if;

  -- Every full run tries the failed jobs of a backfill again.
  with revived as (
    update fb_ads.sync_jobs as job
    set
      state = 'pending', finished_at = null, attempts = 0,
      not_before = fb_ads.throttled_until(job.account_id, job.kind),
      -- From the beginning, for a report or a cursor does not live until the next night.
      report_run_id = null, cursor = null, page_count = 0, params = job.params - 'report'
    from fb_ads.insight_backfills as backfill
    where backfill.account_id = plan_window.account_id
      and job.plan_id = backfill.plan_id
      and job.kind = 'insights'
      and job.state = 'failed'
      and job.finished_at < arrived_at
    returning job.id
  )
  delete from fb_ads.sync_seen_pages as page using revived where page.job_id = revived.id;

  if settings.insights_backfill_days > settings.insights_window_days
    and not exists (
      select
      from fb_ads.insight_backfills as known
      where known.account_id = plan_window.account_id and known.reason = 'new_account'
    ) then
    perform fb_ads.plan_backfill(
      plan_window.account_id, today - settings.insights_backfill_days + 1, first_day - 1, 'new_account', arrived_at
    );
  elsif read_until < today - 1 then
    -- Days that had not settled when they were last read have left the window meanwhile.
    perform fb_ads.plan_backfill(
      plan_window.account_id, read_until - settings.insights_window_days + 1, first_day - 1, 'gap', arrived_at
    );
  end if;
end;
$$;

comment on function fb_ads.plan_window(uuid, timestamptz) is
  'Plans the last 28 local days of an account, once its backfill of 90 days, and after a pause the days that left the '
  'window unsettled. It goes on with an open window.';

create function fb_ads.plan_insights(request jsonb, account_ids uuid[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  arrived_at timestamptz := coalesce((request ->> 'arrived_at')::timestamptz, now());
  since date := (request ->> 'since')::date;
  until date := (request ->> 'until')::date;
  window_days integer := (select settings.insights_window_days from fb_ads.settings as settings);
  account public.ad_accounts;
begin
  -- All accounts are wanted and none is known: the discovery comes first, and then plans what this request asks for.
  if request -> 'configured' ->> 'mode' = 'all'
    and not exists (select from public.ad_accounts as a where a.configured) then
    perform fb_ads.plan_metadata(jsonb_build_object('arrived_at', arrived_at), null);
    update fb_ads.sync_jobs as job
    set params = job.params || jsonb_build_object('insights', request - 'configured')
    where job.kind = 'accounts' and job.state in ('pending', 'running');
  end if;
  for account in
    select a.*
    from public.ad_accounts as a
    where a.enabled
      and (account_ids is null or a.id = any (account_ids))
      -- An account that has no insights is asked again when it is named, or when that finding is forgotten.
      and (account_ids is not null or fb_ads.has_insights(a.id))
    order by a.id
  loop
    if since is not null or until is not null then
      perform fb_ads.plan_backfill(
        account.id,
        coalesce(since, until - window_days + 1),
        coalesce(until, 'infinity'),
        'request', arrived_at
      );
    elsif coalesce((request ->> 'refresh')::boolean, false) then
      -- An account that Meta refuses is tried once a night, not every hour.
      if not exists (
        select
        from fb_ads.quotas as quota
        where quota.scope = 'account'
          and quota.key = account.fb_account_id
          and quota.stopped_at is not null
          and quota.probe_after > now()
      ) then
        perform fb_ads.plan_refresh(account.id, arrived_at);
      end if;
    else
      perform fb_ads.plan_window(account.id, arrived_at);
    end if;
  end loop;
end;
$$;

comment on function fb_ads.plan_insights(jsonb, uuid[]) is
  'Makes sure that the jobs of an insights sync exist for those accounts (null: all) that are enabled: {since?, '
  'until?} plans a backfill, {refresh: true} today and yesterday, otherwise the window. Called twice for one request '
  'it plans once. Where FB_ADS_ACCOUNT_IDS is * and no account is known, the discovery is planned and remembers the '
  'request.';

create function public.fb_replan_insights(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  wants_window boolean;
  asked fb_ads.insight_backfills[];
  backfill fb_ads.insight_backfills;
begin
  perform fb_ads.upsert_accounts(jsonb_build_array(request -> 'account'));
  asked := array(
    select b
    from fb_ads.insight_backfills as b
    where b.account_id = job.account_id and b.reason = 'request'
    order by b.requested_at
  );
  -- Nothing was read of an account whose calendar was not known, so every plan of it can be made anew.
  with dropped as (
    delete from fb_ads.sync_jobs as planned
    where planned.account_id = job.account_id
      and planned.kind = 'insights'
      and (planned.id = job.id or planned.state = 'pending')
    returning planned.plan_id
  )
  select bool_or(dropped.plan_id not in (select known.plan_id from unnest(asked) as known)) into wants_window
  from dropped;
  delete from fb_ads.insight_backfills as known where known.account_id = job.account_id;
  -- The metadata sync has not run yet, so the lists are planned too.
  perform fb_ads.plan_lists(array[job.account_id], now());
  if wants_window then
    perform fb_ads.plan_window(job.account_id, now());
  end if;
  foreach backfill in array asked loop
    perform fb_ads.plan_backfill(job.account_id, backfill.since, backfill.until, 'request', now(), backfill.plan_id);
  end loop;
  return '{}';
end;
$$;

comment on function public.fb_replan_insights(jsonb) is
  'For an account that was enabled before it was ever read: {job_id, lease_id, account}. Stores the account, and '
  'plans its days anew by its own calendar. Raises lease_lost (409).';

-- schemas/spend/insight_pages.sql

-- Storing a page of insights: rows, what was seen, the cursor, and at the end of a range what Meta no longer reports.

create function fb_ads.stub_insight_objects(job fb_ads.sync_jobs, rows jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  campaigns text[];
  adsets text[];
  ads text[];
begin
  select
    array_agg(distinct r.fb_campaign_id) filter (
      where not exists (select from public.ad_campaigns as c where c.fb_campaign_id = r.fb_campaign_id)
    ),
    array_agg(distinct r.fb_adset_id) filter (
      where not exists (select from public.ad_adsets as s where s.fb_adset_id = r.fb_adset_id)
    ),
    array_agg(distinct r.fb_ad_id) filter (
      where not exists (select from public.ad_ads as a where a.fb_ad_id = r.fb_ad_id)
    )
  into campaigns, adsets, ads
  from jsonb_populate_recordset(null::fb_ads.ad_path, rows) as r;

  perform fb_ads.stub_campaigns(job.account_id, campaigns);
  perform fb_ads.stub_adsets(job.account_id, rows);
  perform fb_ads.stub_ads(job.account_id, rows);

  -- The spend is stored now; the names come by id, because a list may never show such an object. Where most objects are
  -- unknown the lists cost less, and what they do not show is looked up by id after them.
  if coalesce(cardinality(campaigns), 0) + coalesce(cardinality(adsets), 0) + coalesce(cardinality(ads), 0) > 100 then
    perform fb_ads.plan_lists(array[job.account_id], now());
    return;
  end if;
  insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, not_before)
  select
    job.account_id, 'missing_objects', 120, unknown.level, unknown.ids,
    fb_ads.throttled_until(job.account_id, 'missing_objects')
  from (values ('campaign', campaigns), ('adset', adsets), ('ad', ads)) as unknown (level, ids)
  where unknown.ids is not null;
end;
$$;

comment on function fb_ads.stub_insight_objects(fb_ads.sync_jobs, jsonb) is
  'Makes bare rows for the campaigns, ad sets and ads that a page of insights names and that are not stored, and plans '
  'to read them: by id, or by lists where there are more than 100.';

create function fb_ads.store_insight_rows(job fb_ads.sync_jobs, rows jsonb, dropped text[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  unresolved bigint;
begin
  unresolved := (select result.unresolved from fb_ads.upsert_insights(job.account_id, rows, dropped) as result);
  if unresolved > 0 then
    perform fb_ads.stub_insight_objects(job, rows);
    unresolved := (select result.unresolved from fb_ads.upsert_insights(job.account_id, rows, dropped) as result);
  end if;
  if unresolved > 0 then
    raise exception '% insights refer to objects that could not be stored', unresolved;
  end if;
end;
$$;

comment on function fb_ads.store_insight_rows(fb_ads.sync_jobs, jsonb, text[]) is
  'Stores the rows of a page, every one of them: unknown campaigns, ad sets and ads become stubs first.';

create function fb_ads.delete_vanished(job fb_ads.sync_jobs, effective_statuses text[])
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with seen as materialized (
    select unnest(page.fb_ids) as key
    from fb_ads.sync_seen_pages as page
    where page.job_id = job.id
  ),
  deleted as (
    delete from public.ad_spend as d
    using public.ad_ads as a
    where d.account_id = job.account_id
      and d.date between job.since and job.until
      and a.id = d.ad_id
      -- An ad with a status that was not requested cannot have been seen.
      and (a.effective_status is null or a.effective_status = any (effective_statuses))
      and not exists (select from seen where seen.key = d.date::text || ' ' || a.fb_ad_id)
    returning 1
  )
  select count(*) from deleted;
$$;

comment on function fb_ads.delete_vanished(fb_ads.sync_jobs, text[]) is
  'Deletes the rows of a range that was read completely in one job, for ads of these '
  'statuses, and are on none of its pages. Returns how many.';

create function fb_ads.end_insights_plan(job fb_ads.sync_jobs)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  parts bigint;
  failed bigint;
  first_day date;
  last_day date;
begin
  if exists (
    select
    from fb_ads.sync_jobs as other
    where other.plan_id = job.plan_id and other.kind = 'insights' and other.state in ('pending', 'running')
  ) then
    return;
  end if;
  select count(*), count(*) filter (where part.state = 'failed'), min(part.since), max(part.until)
  into parts, failed, first_day, last_day
  from fb_ads.sync_jobs as part
  where part.plan_id = job.plan_id and part.kind = 'insights';

  if job.purpose = 'window' and failed = 0 then
    insert into fb_ads.account_reads as known (account_id, window_until)
    values (job.account_id, last_day)
    on conflict (account_id) do update
    set window_until = greatest(known.window_until, excluded.window_until), updated_at = now();
  end if;
  -- Where nothing was read there is nothing to compare.
  if job.purpose = 'recheck' or (job.purpose <> 'refresh' and failed < parts) then
    insert into fb_ads.sync_jobs (
      account_id, kind, purpose, plan_id, priority, since, until, page_size, params, not_before
    )
    select
      job.account_id, 'reconciliation', job.purpose, job.plan_id,
      case job.purpose when 'backfill' then 210 else 110 end, first_day, last_day, settings.insights_page_size,
      -- A total has one row a day, so only the limit that Meta's refusals have set applies to it.
      jsonb_build_object(
        'read', case when last_day - first_day + 1 > fb_ads.refused_above(job.account_id) then 'report' else 'sync' end
      ),
      fb_ads.throttled_until(job.account_id, 'reconciliation')
    from fb_ads.settings as settings;
  end if;
end;
$$;

comment on function fb_ads.end_insights_plan(fb_ads.sync_jobs) is
  'Called when a range is done or given up: after the last one of its plan the account''s totals are to be compared. '
  'A refresh holds only days that still move, so nothing is compared.';

create function fb_ads.end_range(job fb_ads.sync_jobs, effective_statuses text[])
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- A range that was restricted to some ads, or had unreadable rows, does not show what is missing.
  if job.object_ids is null and not coalesce((job.params ->> 'keep_rows')::boolean, false) then
    -- A crash of the server empties the unlogged pages. This range then proves nothing and begins again.
    if (
      select count(*) from fb_ads.sync_seen_pages as page where page.job_id = job.id
    ) is distinct from job.page_count then
      delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
      update fb_ads.sync_jobs as j
      set state = 'running', lease_id = job.lease_id, lease_until = now() + interval '90 seconds', finished_at = null,
        cursor = null, page_count = 0
      where j.id = job.id;
      update fb_ads.sync_runs as run set jobs_done = run.jobs_done - 1 where run.id = job.run_id;
      return false;
    end if;
    perform fb_ads.delete_vanished(job, effective_statuses);
  end if;
  delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
  if job.params ? 'field_trial' then
    perform fb_ads.learn_ad_fields(job, job.params -> 'trial_fields');
  end if;
  perform fb_ads.learn_unnamed_ads(job);
  perform fb_ads.end_insights_plan(job);
  return true;
end;
$$;

comment on function fb_ads.end_range(fb_ads.sync_jobs, text[]) is
  'Ends a range: deletes what Meta no longer reports, and the plan when this was its last range. False when the '
  'record of its pages was lost and the range has to be read again.';

create function public.fb_store_insights_page(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  rows jsonb := coalesce(request -> 'rows', '[]');
  complete boolean := true;
begin
  perform fb_ads.store_insight_rows(
    job, rows, array(select jsonb_array_elements_text(coalesce(request -> 'dropped_fields', '[]')))
  );
  if job.object_ids is null then
    insert into fb_ads.sync_seen_pages (job_id, page_number, fb_ids)
    select
      job.id, job.page_count + 1,
      array(select (r ->> 'date') || ' ' || (r ->> 'fb_ad_id') from jsonb_array_elements(rows) as r)
    on conflict (job_id, page_number) do update set fb_ids = excluded.fb_ids;
  end if;
  advanced := fb_ads.advance_sync_job(job, request);
  if advanced.state = 'done' then
    advanced.lease_id := job.lease_id;
    complete := fb_ads.end_range(
      advanced, array(select jsonb_array_elements_text(coalesce(request -> 'effective_statuses', '[]')))
    );
  end if;
  return jsonb_build_object(
    'state', fb_ads.settle_page(advanced, nullif(request -> 'throttle', 'null'), complete), 'next_job', null
  );
end;
$$;

comment on function public.fb_store_insights_page(jsonb) is
  'Stores a page of daily insights and moves its job: {job_id, lease_id, rows, next_cursor, done, page_size, '
  'row_count, dropped_fields, effective_statuses, params, usage, throttle}; effective_statuses are those that were '
  'asked for. Returns {state: running | done | throttled | restarted}. Raises lease_lost (409); then nothing of the '
  'page is kept.';

-- schemas/spend/meta_reports.sql

-- Asynchronous reports at Meta.
-- Why the report's id is stored by a call of its own: a worker that takes over from a killed one finds the report again
-- instead of making another.

create function public.fb_store_report(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  restarts boolean := coalesce((request ->> 'restart')::boolean, false);
  throttling jsonb := nullif(request -> 'throttle', 'null');
begin
  update fb_ads.sync_jobs as j
  set
    state = 'pending',
    lease_id = null,
    lease_until = null,
    report_run_id = request ->> 'report_run_id',
    -- Added to what the pages read so far have left there.
    params = j.params || coalesce(request -> 'params', '{}'),
    cursor = case when not restarts then j.cursor end,
    page_count = case when restarts then 0 else j.page_count end,
    attempts = 0,
    last_error = nullif(request -> 'error', 'null'),
    not_before = greatest(
      now() + make_interval(secs => (request ->> 'wait_seconds')::double precision),
      fb_ads.throttled_until(j.account_id, j.kind)
    )
  where j.id = job.id;
  if restarts then
    delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
  end if;
  if jsonb_typeof(request -> 'usage') = 'array' then
    perform fb_ads.store_usage(request -> 'usage');
  end if;
  if request ->> 'report_run_id' is not null then
    perform fb_ads.clear_stops(job);
    perform fb_ads.learn_refused_fields(job, (job.params || coalesce(request -> 'params', '{}')) -> 'dropped_fields');
  end if;
  if throttling is not null then
    perform fb_ads.throttle_held_job(job, throttling);
  end if;
  update fb_ads.sync_runs as run set lease_until = now() + interval '10 seconds' where run.id = job.run_id;
  return '{"state": "pending"}';
end;
$$;

comment on function public.fb_store_report(jsonb) is
  'Keeps the state of a report and releases its job until the next poll: {job_id, lease_id, report_run_id, params, '
  'wait_seconds, restart?, error?, usage?, throttle?}. params are added to the job''s; report_run_id null: a new '
  'report is to be made; restart: pages read so far do not count. Raises lease_lost (409).';

-- schemas/spend/reshaping.sql

-- What becomes of a range that Meta cannot answer as it stands: a report, halves, parts by ads, or a later first day.

create function fb_ads.turn_to_report(job fb_ads.sync_jobs)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  days integer := job.until - job.since + 1;
begin
  perform fb_ads.reset_range(job, job.since, job.until, job.object_ids, job.params || '{"read": "report"}');
  if job.object_ids is not null then
    return 'report';
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set sync_max_days = least(known.sync_max_days, days - 1), sync_refused_at = now()
  where known.account_id = job.account_id;
  update fb_ads.sync_jobs as other
  set params = other.params || '{"read": "report"}'
  where other.account_id = job.account_id
    and other.kind in ('insights', 'reconciliation')
    and other.state = 'pending'
    and other.cursor is null
    and other.until - other.since + 1 >= days;
  return 'report';
end;
$$;

comment on function fb_ads.turn_to_report(fb_ads.sync_jobs) is
  'A range that Meta did not answer at once is read by a report, and so is every range of the account that is no '
  'shorter, of its ads or of its total, for a week.';

create function fb_ads.split_by_date(job fb_ads.sync_jobs, reason text)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  middle date := job.since + (job.until - job.since) / 2;
  params jsonb := (job.params - 'report') || '{"is_part": true}';
begin
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, object_level, object_ids, page_size, params
  )
  values (
    job.account_id, job.kind, job.purpose, job.plan_id, job.priority - 1, job.since, middle, job.object_level,
    job.object_ids, job.page_size, params
  );
  perform fb_ads.reset_range(job, middle + 1, job.until, job.object_ids, params);
  update fb_ads.sync_jobs as j set priority = job.priority - 1 where j.id = job.id;
  -- A report may fail for another reason than its size: that a half of it or another range fails too tells that it is.
  if job.kind = 'insights' and (
    reason is distinct from 'report_failed' or job.params ? 'is_part' or exists (
      select
      from fb_ads.sync_jobs as other
      where other.account_id = job.account_id
        and other.kind = 'insights'
        and other.params ? 'is_part'
        and other.created_at > now() - interval '1 day'
        and not (other.since <= job.until and other.until >= job.since)
    )
  ) then
    perform fb_ads.open_findings(job);
    update fb_ads.account_reads as known
    set range_max_days = least(known.range_max_days, middle - job.since + 1), range_refused_at = now()
    where known.account_id = job.account_id;
  end if;
  return 'date';
end;
$$;

comment on function fb_ads.split_by_date(fb_ads.sync_jobs, text) is
  'Halves a range of several days: the held job keeps the newer half. The halves come before the account''s other '
  'ranges, which keep to what is learned from them, for a week.';

create function fb_ads.split_by_ads(job fb_ads.sync_jobs)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  is_rest boolean := job.params ? 'is_rest';
  -- Our own ids, for collecting them from Meta would be one more heavy call.
  ids text[] := case
    when is_rest or job.object_ids is null then array(
      select ads.fb_ad_id
      from fb_ads.ads_of_range(job) as ads
      where ads.fb_ad_id <> all (coalesce(job.object_ids, '{}'))
      order by ads.is_busy desc, ads.fb_ad_id
    )
    else job.object_ids
  end;
  total integer := cardinality(ids);
  size integer := least(500, case when is_rest then total else (total + 1) / 2 end);
  -- A long list of ids fits into the body of a report's request and not into an address.
  params jsonb := (job.params - 'report' - 'is_rest') || '{"is_part": true}' || case
    when size > 50 then '{"read": "report"}'::jsonb
    else '{}'
  end;
begin
  if total = 0 or (total = 1 and not is_rest) then
    return 'none';
  end if;
  if job.purpose = 'recheck' and job.object_ids is null and total <= 5000 then
    -- The sum was off though all stored ads were read, so the rest belongs to ads that are not stored.
    insert into fb_ads.sync_jobs (
      account_id, kind, purpose, plan_id, priority, since, until, object_level, object_ids, page_size, params
    )
    values (
      job.account_id, job.kind, job.purpose, job.plan_id, job.priority - 1, job.since, job.until, 'ad', ids,
      job.page_size, (job.params - 'report') || '{"is_part": true, "is_rest": true, "read": "report"}'
    );
  end if;
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, object_level, object_ids, page_size, params
  )
  select
    job.account_id, job.kind, job.purpose, job.plan_id, job.priority - 1, job.since, job.until, 'ad',
    ids[first : first + size - 1], job.page_size, params
  from generate_series(size + 1, total, size) as first;
  perform fb_ads.reset_range(job, job.since, job.until, ids[1 : size], params);
  update fb_ads.sync_jobs as j set object_level = 'ad', priority = job.priority - 1 where j.id = job.id;
  if not is_rest then
    -- One day was too much, so the number of days was not what Meta refused.
    perform fb_ads.open_findings(job);
    update fb_ads.account_reads as known
    set range_max_ads = least(known.range_max_ads, size), ads_refused_at = now(), range_max_days = null,
      range_refused_at = null
    where known.account_id = job.account_id;
  end if;
  return 'ads';
end;
$$;

comment on function fb_ads.split_by_ads(fb_ads.sync_jobs) is
  'Splits one day by the ads that are stored here, at most 500 a part, and when it is read again, a part for all '
  'others. The parts come before the account''s other ranges, which keep to that many ads, for a week. none: there is '
  'nothing to split by.';

create function fb_ads.clamp_range(job fb_ads.sync_jobs)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  first_day date := greatest(job.since + 1, (
    select fb_ads.earliest_insight_day(fb_ads.local_day(account.timezone_name))
    from public.ad_accounts as account
    where account.id = job.account_id
  ));
begin
  if first_day <= job.until then
    perform fb_ads.reset_range(job, first_day, job.until, job.object_ids, job.params - 'report');
    return 'clamped';
  end if;
  update fb_ads.sync_jobs as j
  set state = 'done', finished_at = now(), lease_id = null, lease_until = null
  where j.id = job.id;
  update fb_ads.sync_runs as run set jobs_done = run.jobs_done + 1 where run.id = job.run_id;
  if job.kind = 'insights' then
    perform fb_ads.end_insights_plan(job);
  end if;
  return 'nothing_left';
end;
$$;

comment on function fb_ads.clamp_range(fb_ads.sync_jobs) is
  'After error 3018: the range begins later, by a day at least; one that lies before '
  'Meta''s 37 months is done, for Meta has nothing on it.';

create function fb_ads.begin_anew(job fb_ads.sync_jobs)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform fb_ads.reset_range(job, job.since, job.until, job.object_ids, job.params - 'report');
  return 'known';
end;
$$;

comment on function fb_ads.begin_anew(fb_ads.sync_jobs) is
  'Releases a held range as it stands: what Meta takes of the account has been learned since it was asked for.';

create function public.fb_reshape_insights(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  throttling jsonb := nullif(request -> 'throttle', 'null');
  result text;
begin
  if jsonb_typeof(request -> 'usage') = 'array' then
    perform fb_ads.store_usage(request -> 'usage');
  end if;
  result := case request ->> 'how'
    when 'report' then fb_ads.turn_to_report(job)
    when 'clamp' then fb_ads.clamp_range(job)
    when 'list' then fb_ads.split_by_ads(job)
    when 'split' then case
      -- A sibling has learned meanwhile what Meta takes: the next claim cuts the range to that.
      when job.kind = 'insights' and fb_ads.exceeds_findings(job) then fb_ads.begin_anew(job)
      when job.since < job.until then fb_ads.split_by_date(job, request -> 'error' ->> 'reason')
      when job.kind = 'insights' then fb_ads.split_by_ads(job)
      -- An account's total of one day cannot be split. What Meta does not answer at once it may still report.
      when job.params ->> 'read' is distinct from 'report' then fb_ads.turn_to_report(job)
      else 'none'
    end
  end;
  if result is null then
    raise exception 'unknown change of a range: %', coalesce(request ->> 'how', 'null') using errcode = '22023';
  end if;
  if result <> 'none' then
    update fb_ads.sync_jobs as j
    set last_error = nullif(request -> 'error', 'null') || jsonb_build_object('at', now())
    where j.id = job.id;
    -- The parts are throttled like the whole.
    update fb_ads.sync_jobs as part
    set not_before = pause.ends_at
    from (select fb_ads.throttled_until(job.account_id, job.kind) as ends_at) as pause
    where part.plan_id = job.plan_id
      and part.state = 'pending'
      and part.not_before < pause.ends_at
      and pause.ends_at > now();
    if throttling is not null then
      perform fb_ads.throttle_held_job(job, throttling);
    end if;
    update fb_ads.sync_runs as run set lease_until = now() + interval '10 seconds' where run.id = job.run_id;
  end if;
  return jsonb_build_object('result', result);
end;
$$;

comment on function public.fb_reshape_insights(jsonb) is
  'Releases a job in a shape that Meta may answer: {job_id, lease_id, how: report | split | clamp | list, error?, '
  'usage?, throttle?}. list: by our own ads, where Meta will not leave ads out. Returns {result: report | date | ads | '
  'known | none | clamped | nothing_left}; with none the job is still held. '
  'Raises lease_lost (409).';

-- schemas/spend/reconciliation.sql

-- Whether what is stored is what Meta says: for each account and day our sum over ads beside Meta's own total.
-- Why a tolerance: every row may be rounded by half a minor unit, and so may the total. A day past it is read once
-- more, and if Meta's total is still larger, once without naming the statuses of ads; if it is off after that, it is a
-- warning.

create table fb_ads.reconciliations (
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  date date not null,
  our_spend numeric not null,
  meta_spend numeric not null,
  difference numeric generated always as (our_spend - meta_spend) stored,
  row_count integer not null,
  currency text,
  tolerance numeric not null,
  state text not null,
  job_id bigint,
  checked_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  primary key (account_id, date),
  constraint state_is_known check (state in ('equal', 'young', 'rereading', 'off')),
  constraint equal_is_within_tolerance check (state <> 'equal' or abs(our_spend - meta_spend) <= tolerance)
);

comment on table fb_ads.reconciliations is
  'One row an account and day: what ad_spend adds up to and what Meta says of the whole account.';
comment on column fb_ads.reconciliations.account_id is 'The ad account.';
comment on column fb_ads.reconciliations.date is 'Calendar day in the account''s time zone.';
comment on column fb_ads.reconciliations.our_spend is 'Sum of ad_spend.spend of that day, in currency.';
comment on column fb_ads.reconciliations.meta_spend is
  'Meta''s level=account spend of that day; 0 where Meta reports nothing.';
comment on column fb_ads.reconciliations.difference is 'our_spend minus meta_spend.';
comment on column fb_ads.reconciliations.row_count is 'Rows of ad_spend of that day.';
comment on column fb_ads.reconciliations.currency is 'ISO 4217 code of the amounts.';
comment on column fb_ads.reconciliations.tolerance is 'Half a minor unit of the currency times (row_count + 1).';
comment on column fb_ads.reconciliations.state is
  'equal: within the tolerance; young: off, but younger than two days, whose figures still move; rereading: off, the '
  'day is read again; off: still off after that.';
comment on column fb_ads.reconciliations.job_id is 'The job that compared last; its row may be gone.';
comment on column fb_ads.reconciliations.checked_at is 'When it was last compared.';
comment on column fb_ads.reconciliations.created_at is 'When it was first compared.';

create index reconciliations_off_idx on fb_ads.reconciliations (account_id, date) where state = 'off';

alter table fb_ads.reconciliations enable row level security;
create policy reader_reads_reconciliations on fb_ads.reconciliations for select to fb_ads_reader using (true);

create function fb_ads.minor_unit(currency text)
returns numeric language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when upper(currency) in ('CLP', 'COP', 'CRC', 'HUF', 'ISK', 'IDR', 'JPY', 'KRW', 'PYG', 'TWD', 'VND') then 1
    else 0.01
  end;
$$;

comment on function fb_ads.minor_unit(text) is
  'The smallest amount of a currency by Meta''s own offsets, which are not ISO 4217''s.';

create function fb_ads.was_split_by_ads(plan_id uuid, day date)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(bool_or(part.object_ids is not null) and not bool_or(part.params ? 'is_rest'), false)
  from fb_ads.sync_jobs as part
  where part.plan_id = was_split_by_ads.plan_id
    and part.kind = 'insights'
    and day between part.since and part.until;
$$;

comment on function fb_ads.was_split_by_ads(uuid, date) is
  'Whether a plan read a day by our own ads alone: then it misses ads that are not stored.';

create function fb_ads.was_read_unfiltered(plan_id uuid)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from fb_ads.sync_jobs as part
    where part.plan_id = was_read_unfiltered.plan_id
      and part.params ? 'is_unfiltered'
      -- Ads that are always asked for by themselves.
      and not part.params ? 'ads_without'
  );
$$;

comment on function fb_ads.was_read_unfiltered(uuid) is
  'Whether a plan read its days without naming the statuses of ads: then ads of a status that is new to us are in it.';

create function fb_ads.compare_days(job fb_ads.sync_jobs, rows jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with theirs as (
    select r.date, sum(r.spend) as spend
    from jsonb_to_recordset(rows) as r (date date, spend numeric)
    -- A recheck compares only the days that it read; the days between keep their result.
    where job.purpose <> 'recheck' or exists (
      select
      from fb_ads.sync_jobs as part
      where part.plan_id = job.plan_id and part.kind = 'insights' and r.date between part.since and part.until
    )
    group by r.date
  ),
  ours as (
    select d.date, sum(d.spend) as spend, count(*)::integer as row_count
    from public.ad_spend as d
    where d.account_id = job.account_id
      and d.date between (select min(theirs.date) from theirs) and (select max(theirs.date) from theirs)
    group by d.date
  ),
  compared as (
    select
      theirs.date,
      coalesce(ours.spend, 0) as our_spend,
      theirs.spend as meta_spend,
      coalesce(ours.row_count, 0) as row_count,
      account.currency,
      fb_ads.minor_unit(account.currency) / 2 * (coalesce(ours.row_count, 0) + 1) as tolerance,
      theirs.date > fb_ads.local_day(account.timezone_name) - 2 as is_young
    from theirs
    left join ours on ours.date = theirs.date
    join public.ad_accounts as account on account.id = job.account_id
  )
  insert into fb_ads.reconciliations as known (
    account_id, date, our_spend, meta_spend, row_count, currency, tolerance, state, job_id
  )
  select
    job.account_id, c.date, c.our_spend, c.meta_spend, c.row_count, c.currency, c.tolerance,
    case
      when abs(c.our_spend - c.meta_spend) <= c.tolerance then 'equal'
      when job.purpose = 'recheck' then case
        when c.is_young then 'young'
        when c.our_spend < c.meta_spend and not fb_ads.was_read_unfiltered(job.plan_id) then 'rereading'
        else 'off'
      end
      -- The figures of any other young day still move.
      when c.is_young and not fb_ads.was_split_by_ads(job.plan_id, c.date) then 'young'
      else 'rereading'
    end,
    job.id
  from compared as c
  order by c.date
  on conflict (account_id, date) do update set
    our_spend = excluded.our_spend,
    meta_spend = excluded.meta_spend,
    row_count = excluded.row_count,
    currency = excluded.currency,
    tolerance = excluded.tolerance,
    state = excluded.state,
    job_id = excluded.job_id,
    checked_at = now();
$$;

comment on function fb_ads.compare_days(fb_ads.sync_jobs, jsonb) is
  'Compares days of an account with Meta''s totals [{date, spend}] and keeps the result.';

create function fb_ads.end_comparison(job fb_ads.sync_jobs)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  plan uuid := gen_random_uuid();
begin
  -- A day without a row is a day without spend at Meta.
  perform fb_ads.compare_days(job, (
    select jsonb_agg(jsonb_build_object('date', day::date, 'spend', 0))
    from generate_series(job.since::timestamp, job.until, interval '1 day') as day
    where not exists (
      select
      from fb_ads.reconciliations as known
      where known.account_id = job.account_id and known.date = day::date and known.job_id = job.id
    )
  ));

  -- Up to 31 days are read once more, newest first; reading again does not cure a difference through a whole history.
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, page_size, params, not_before
  )
  select
    job.account_id, 'insights', 'recheck', plan, 105, off.date, off.date, settings.insights_page_size,
    -- A day that was split by ads is read page by page now, which also shows ads that are not stored.
    jsonb_build_object(
      'read',
      case when limits.sync_days >= 1 or fb_ads.was_split_by_ads(job.plan_id, off.date) then 'sync' else 'report' end
    )
      -- Still less than Meta's total: some of it may be of ads whose status no filter names. Without the filter no
      -- archived ad is shown, so nothing is taken for vanished.
      || case when job.purpose = 'recheck' then '{"is_unfiltered": true, "keep_rows": true}'::jsonb else '{}' end,
    fb_ads.throttled_until(job.account_id, 'insights')
  from (
    select known.date
    from fb_ads.reconciliations as known
    where known.account_id = job.account_id and known.job_id = job.id and known.state = 'rereading'
    order by known.date desc
    limit 31
  ) as off
  cross join fb_ads.settings as settings
  cross join fb_ads.insight_limits(job.account_id) as limits
  order by off.date desc;
  update fb_ads.reconciliations as known
  set state = 'off'
  where known.account_id = job.account_id
    and known.job_id = job.id
    and known.state = 'rereading'
    and not exists (select from fb_ads.sync_jobs as part where part.plan_id = plan and part.since = known.date);

  return (
    select coalesce(jsonb_agg(
      jsonb_build_object(
        'date', known.date, 'our_spend', known.our_spend::text, 'meta_spend', known.meta_spend::text,
        'difference', known.difference::text
      )
      order by known.date desc
    ), '[]')
    from fb_ads.reconciliations as known
    where known.account_id = job.account_id and known.job_id = job.id and known.state = 'off'
  );
end;
$$;

comment on function fb_ads.end_comparison(fb_ads.sync_jobs) is
  'Ends a comparison: days that Meta did not mention count as 0, days that are off are planned to be read once more. '
  'Returns those that stay off: [{date, our_spend, meta_spend, difference}].';

create function public.fb_store_account_days(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  differences jsonb := '[]';
begin
  perform fb_ads.compare_days(job, coalesce(request -> 'rows', '[]'));
  advanced := fb_ads.advance_sync_job(job, request);
  if advanced.state = 'done' then
    differences := fb_ads.end_comparison(advanced);
  end if;
  return jsonb_build_object(
    'state', fb_ads.settle_page(advanced, nullif(request -> 'throttle', 'null')),
    'next_job', null,
    'differences', differences
  );
end;
$$;

comment on function public.fb_store_account_days(jsonb) is
  'Stores a page of an account''s daily totals and compares them: {job_id, lease_id, rows: [{date, spend}], '
  'next_cursor, done, page_size, row_count, params, usage, throttle}. Returns {state, differences}. Raises lease_lost '
  '(409).';

create view public.ad_spend_reconciliation with (security_invoker = true) as
select
  account.fb_account_id,
  account.name as account_name,
  checked.date,
  checked.our_spend,
  checked.meta_spend,
  checked.difference,
  checked.tolerance,
  checked.currency,
  checked.row_count,
  checked.state,
  checked.state = 'off' as is_warning,
  checked.checked_at,
  checked.account_id
from fb_ads.reconciliations as checked
join public.ad_accounts as account on account.id = checked.account_id;

comment on view public.ad_spend_reconciliation is
  'For each account and day: what ad_spend adds up to, what Meta says, and the difference. is_warning: it stayed past '
  'the tolerance after the day was read again. Give it a range of dates.';
comment on column public.ad_spend_reconciliation.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.ad_spend_reconciliation.account_name is 'Name of the ad account.';
comment on column public.ad_spend_reconciliation.date is 'Calendar day in the account''s time zone.';
comment on column public.ad_spend_reconciliation.our_spend is 'Sum of ad_spend.spend, in currency.';
comment on column public.ad_spend_reconciliation.meta_spend is 'Meta''s own total of the account.';
comment on column public.ad_spend_reconciliation.difference is 'our_spend minus meta_spend.';
comment on column public.ad_spend_reconciliation.tolerance is 'Difference that rounding explains.';
comment on column public.ad_spend_reconciliation.currency is 'ISO 4217 code of the amounts.';
comment on column public.ad_spend_reconciliation.row_count is 'Rows of ad_spend of that day.';
comment on column public.ad_spend_reconciliation.state is
  'equal, young, rereading or off, as in fb_ads.reconciliations.';
comment on column public.ad_spend_reconciliation.is_warning is 'Whether the day stayed off after it was read again.';
comment on column public.ad_spend_reconciliation.checked_at is 'When it was last compared.';
comment on column public.ad_spend_reconciliation.account_id is 'The ad account.';

-- schemas/catalogue/ad_tree_lists.sql

-- How a list of accounts, campaigns, ad sets or ads is stored and ends.

create function fb_ads.store_list_rows(job fb_ads.sync_jobs, page jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  rows jsonb := coalesce(page -> 'rows', '[]');
  dropped text[] := array(select jsonb_array_elements_text(coalesce(page -> 'dropped_fields', '[]')));
begin
  if job.kind in ('accounts', 'account') then
    perform fb_ads.upsert_accounts(rows);
  elsif job.kind = 'campaigns' then
    perform fb_ads.upsert_campaigns(job.account_id, rows, dropped);
  elsif job.kind = 'adsets' then
    perform fb_ads.stub_campaigns(
      job.account_id, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(rows) as r)
    );
    perform fb_ads.upsert_adsets(job.account_id, rows, dropped);
  elsif job.kind = 'ads' then
    perform fb_ads.stub_campaigns(
      job.account_id, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(rows) as r)
    );
    perform fb_ads.stub_adsets(job.account_id, rows);
    perform fb_ads.upsert_ads(job.account_id, rows, dropped);
  else
    raise exception 'not a list: %', job.kind using errcode = '22023';
  end if;
end;
$$;

comment on function fb_ads.store_list_rows(fb_ads.sync_jobs, jsonb) is
  'Stores the rows of one page of a list by the job''s kind; parents that are missing become stubs.';

create function fb_ads.plan_deleted_checks(job fb_ads.sync_jobs)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  unseen text[];
begin
  -- Only a complete list shows what is missing. A missing object is looked up by id before it counts as deleted.
  with seen as materialized (
    select unnest(page.fb_ids) as fb_id
    from fb_ads.sync_seen_pages as page
    where page.job_id = job.id
  ),
  stored as (
    select c.fb_campaign_id as fb_id, c.effective_status from public.ad_campaigns as c
    where job.kind = 'campaigns' and c.account_id = job.account_id
    union all
    select s.fb_adset_id, s.effective_status from public.ad_adsets as s
    where job.kind = 'adsets' and s.account_id = job.account_id
    union all
    select a.fb_ad_id, a.effective_status from public.ad_ads as a
    where job.kind = 'ads' and a.account_id = job.account_id
  )
  select array_agg(stored.fb_id order by stored.fb_id)
  into unseen
  from stored
  where stored.effective_status is distinct from 'DELETED'
    and not exists (select from seen where seen.fb_id = stored.fb_id);

  -- This list's unseen ids hold what older lists did not show either; the rest has come back.
  delete from fb_ads.sync_jobs as older
  where older.account_id = job.account_id
    and older.kind = 'objects'
    and older.state = 'pending'
    and older.object_level = rtrim(job.kind, 's')
    and older.params ? 'unseen_by';
  if unseen is null then
    return;
  end if;
  insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, params, not_before)
  values (
    job.account_id, 'objects', 110, rtrim(job.kind, 's'), unseen, jsonb_build_object('unseen_by', job.id),
    fb_ads.throttled_until(job.account_id, 'objects')
  );
end;
$$;

comment on function fb_ads.plan_deleted_checks(fb_ads.sync_jobs) is
  'After a complete list: plans to look up by id what is stored, not known to be deleted, and was on no page.';

create function fb_ads.end_list(job fb_ads.sync_jobs)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- A crash of the server empties the unlogged pages. This list then proves nothing and begins again.
  if (
    select count(*) from fb_ads.sync_seen_pages as page where page.job_id = job.id
  ) is distinct from job.page_count then
    delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
    update fb_ads.sync_jobs as j
    set state = 'running', lease_id = job.lease_id, lease_until = now() + interval '90 seconds', finished_at = null,
      cursor = null, page_count = 0
    where j.id = job.id;
    update fb_ads.sync_runs as run set jobs_done = run.jobs_done - 1 where run.id = job.run_id;
    return false;
  end if;

  if job.kind in ('campaigns', 'adsets', 'ads') then
    perform fb_ads.plan_deleted_checks(job);
  end if;
  if job.kind in ('campaigns', 'adsets') then
    insert into fb_ads.sync_jobs (account_id, kind, priority, page_size, not_before)
    select
      job.account_id,
      case job.kind when 'campaigns' then 'adsets' else 'ads' end,
      job.priority,
      settings.metadata_page_size,
      fb_ads.throttled_until(job.account_id, job.kind)
    from fb_ads.settings as settings
    on conflict do nothing;
  end if;
  if job.kind = 'accounts' then
    -- An enabled account that is not in the token's list is read by id, so that the reason becomes visible.
    perform fb_ads.plan_account_reads(array(
      select account.id
      from public.ad_accounts as account
      where account.enabled
        and not exists (
          select
          from fb_ads.sync_seen_pages as page
          where page.job_id = job.id and account.fb_account_id = any (page.fb_ids)
        )
    ));
  end if;
  delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
  return true;
end;
$$;

comment on function fb_ads.end_list(fb_ads.sync_jobs) is
  'Ends a list: plans the checks for deleted objects and the next list. False when the record of its pages was lost '
  'and the list has to be read again.';

create function fb_ads.next_list(job fb_ads.sync_jobs)
returns jsonb language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select fb_ads.start_sync_job(following.id, job.run_id)
  from (
    select next_job.id
    from fb_ads.sync_jobs as next_job
    where next_job.account_id = job.account_id
      and next_job.state = 'pending'
      and next_job.not_before <= now()
      and next_job.kind in ('campaigns', 'adsets', 'ads')
    order by next_job.id
    limit 1
    for update
  ) as following;
$$;

comment on function fb_ads.next_list(fb_ads.sync_jobs) is
  'Starts the account''s next list for the worker that ended one, which saves it a claim; null when there is none.';

-- schemas/catalogue/ad_tree_pages.sql

-- Storing what the metadata sync read: a page of a list, or objects by id. Rows, what was seen, the cursor and the next
-- list are written in one transaction.

create function public.fb_store_ad_tree_page(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  throttling jsonb := nullif(request -> 'throttle', 'null');
  complete boolean := true;
  page_state text;
begin
  perform fb_ads.store_list_rows(job, request);
  if job.kind <> 'account' then
    insert into fb_ads.sync_seen_pages (job_id, page_number, fb_ids)
    select job.id, job.page_count + 1, array(select jsonb_array_elements_text(request -> 'fb_ids'))
    on conflict (job_id, page_number) do update set fb_ids = excluded.fb_ids;
  end if;
  advanced := fb_ads.advance_sync_job(job, request);

  if job.kind = 'accounts' then
    perform fb_ads.plan_lists(fb_ads.account_ids_of(request -> 'fb_ids'), job.created_at);
    if job.params ? 'insights' then
      perform fb_ads.plan_insights(job.params -> 'insights', fb_ads.account_ids_of(request -> 'fb_ids'));
    end if;
  end if;
  if advanced.state = 'done' then
    if job.kind = 'account' then
      perform fb_ads.plan_lists(array[job.account_id], job.created_at);
    else
      -- The lease is passed on, for a list that begins again goes on under it.
      advanced.lease_id := job.lease_id;
      complete := fb_ads.end_list(advanced);
    end if;
  end if;

  page_state := fb_ads.settle_page(advanced, throttling, complete);
  return jsonb_build_object(
    'state', page_state, 'next_job', case when page_state = 'done' and throttling is null then fb_ads.next_list(job) end
  );
end;
$$;

comment on function public.fb_store_ad_tree_page(jsonb) is
  'Stores a page of a list and moves its job: {job_id, lease_id, rows, fb_ids, next_cursor, done, page_size, '
  'row_count, dropped_fields, params, usage, throttle}. Returns {state: running | done | throttled | restarted, '
  'next_job}. Raises lease_lost (409); then nothing of the page is kept.';

create function public.fb_store_ad_tree_objects(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  throttling jsonb := nullif(request -> 'throttle', 'null');
  page_state text;
  missing text[] := array(select jsonb_array_elements_text(coalesce(request -> 'missing_ids', '[]')));
  adset_rows jsonb := coalesce(request -> 'adsets', '[]');
  ad_rows jsonb := coalesce(request -> 'ads', '[]');
  dropped text[] := array(select jsonb_array_elements_text(coalesce(request -> 'dropped_fields', '[]')));
  owner uuid := fb_ads.owner_of_objects(job.account_id, request ->> 'fb_account_id');
begin
  perform fb_ads.upsert_campaigns(owner, coalesce(request -> 'campaigns', '[]'), dropped);
  perform fb_ads.stub_campaigns(
    owner, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(adset_rows || ad_rows) as r)
  );
  perform fb_ads.upsert_adsets(owner, adset_rows, dropped);
  perform fb_ads.stub_adsets(owner, ad_rows);
  perform fb_ads.upsert_ads(owner, ad_rows, dropped);

  -- An object that Meta does not know by id either is deleted. The row stays, for its spend refers to it.
  update public.ad_campaigns as c set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'campaign'
    and c.fb_campaign_id = any (missing)
    and c.effective_status is distinct from 'DELETED';
  update public.ad_adsets as s set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'adset' and s.fb_adset_id = any (missing) and s.effective_status is distinct from 'DELETED';
  update public.ad_ads as a set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'ad' and a.fb_ad_id = any (missing) and a.effective_status is distinct from 'DELETED';

  advanced := fb_ads.advance_sync_job(job, request);
  page_state := fb_ads.settle_page(advanced, throttling);
  return jsonb_build_object(
    'state', page_state,
    'next_job', case
      when page_state = 'done' and throttling is null and job.kind = 'objects' then fb_ads.next_list(job)
    end
  );
end;
$$;

comment on function public.fb_store_ad_tree_objects(jsonb) is
  'Stores objects that were read by id: {job_id, lease_id, fb_account_id?, campaigns, adsets, ads, missing_ids, '
  'dropped_fields, next_cursor, done, row_count, usage, throttle}. missing_ids, which Meta does not know by id, become '
  'DELETED. Returns {state, next_job}. Raises lease_lost (409).';

-- schemas/outbox/sent_event_keys.sql

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

-- schemas/outbox/event_quality.sql

-- How well Meta recognises the people behind the events: what its Dataset Quality API says of each pixel, once a night.
-- Why planned for the pixels that something was sent to: Meta tells of the last seven days, and of an event without
-- traffic nothing. So the sync needs no setting of the sender's, whose mistakes then stay with the sender.
-- Why a refusal is a row and no failure: the events are sent all the same, and a person needs to hear of it once.

create table public.ad_event_quality (
  date date not null,
  pixel_id text not null,
  event_name text collate "C" not null,
  composite_score numeric,
  match_key_coverage jsonb not null default '{}',
  event_coverage numeric,
  event_coverage_goal numeric,
  dedupe_key_feedback jsonb not null default '{}',
  upload_frequency text,
  diagnostics jsonb not null default '[]',
  raw jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (date, pixel_id, event_name),
  constraint pixel_id_is_digits check (pixel_id ~ '^[0-9]{1,20}$'),
  constraint diagnostics_is_a_list check (jsonb_typeof(diagnostics) = 'array')
);

comment on table public.ad_event_quality is
  'How well Meta recognises the people behind the events of a pixel, as Events Manager shows it: a day, pixel and '
  'event. Only website events, and only those that had traffic in the last seven days. Kept for good.';
comment on column public.ad_event_quality.date is 'Day in UTC on which it was read.';
comment on column public.ad_event_quality.pixel_id is 'Meta''s id of the pixel (dataset_id).';
comment on column public.ad_event_quality.event_name is 'Meta''s event_name.';
comment on column public.ad_event_quality.composite_score is
  'Event match quality, 0 to 10 (event_match_quality.composite_score); null where Meta gave none.';
comment on column public.ad_event_quality.match_key_coverage is
  'Per cent of the events that carried each key, as Meta counted them: {"email": 98.1, "fbc": 41}. Our own count is in '
  'fb_ads.daily_event_keys.';
comment on column public.ad_event_quality.event_coverage is
  'Per cent of the browser Pixel''s events that the server sent too, on average over seven days '
  '(event_coverage.percentage); null where no Pixel runs.';
comment on column public.ad_event_quality.event_coverage_goal is
  'What Meta wants event_coverage to be (event_coverage.goal_percentage).';
comment on column public.ad_event_quality.dedupe_key_feedback is
  'Per key of deduplication, in per cent: {"event_id": {"browser_events_with_dedupe_key": 100, '
  '"server_events_with_dedupe_key": 100, "overall_browser_coverage_from_dedupe_key": 33}}.';
comment on column public.ad_event_quality.upload_frequency is
  'How late events arrive, in Meta''s words: real_time, hourly, daily, ... (data_freshness.upload_frequency).';
comment on column public.ad_event_quality.diagnostics is
  'What Meta finds wrong, as it came: [{name, description, solution, percentage, affected_event_count, '
  'total_event_count}].';
comment on column public.ad_event_quality.raw is 'Everything that Meta said of the event, as it came.';
comment on column public.ad_event_quality.created_at is 'When the row was first written.';
comment on column public.ad_event_quality.updated_at is 'When a column of this row last changed.';

alter table public.ad_event_quality enable row level security;
create policy reader_reads_ad_event_quality on public.ad_event_quality for select to fb_ads_reader using (true);

create table fb_ads.quality_refusals (
  pixel_id text primary key,
  error jsonb not null,
  refused_at timestamptz not null default now(),
  tried_at timestamptz not null default now(),
  learned_with text not null
);

comment on table fb_ads.quality_refusals is
  'Pixels of which Meta does not say how well it recognises people. Asked again after a week, or at once with another '
  'token or API version; the row goes when Meta answers.';
comment on column fb_ads.quality_refusals.pixel_id is 'Meta''s id of the pixel.';
comment on column fb_ads.quality_refusals.error is
  'The last refusal: code, reason, Meta''s code and error_subcode, fbtrace_id, message. Never a token or a URL.';
comment on column fb_ads.quality_refusals.refused_at is 'Since when Meta refuses.';
comment on column fb_ads.quality_refusals.tried_at is 'When it last did.';
comment on column fb_ads.quality_refusals.learned_with is 'Fingerprint of the token and API version that it refused.';

alter table fb_ads.quality_refusals enable row level security;

-- Definer: the fingerprint is computed from a Vault secret. It gives out no more than the name of the token.
create function fb_ads.capi_token_fingerprint(pixel_id text)
returns text language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select fb_ads.token_fingerprint(coalesce(
    fb_ads.read_token('meta_capi_access_token_' || capi_token_fingerprint.pixel_id),
    fb_ads.read_token('meta_capi_access_token')
  ));
$$;

comment on function fb_ads.capi_token_fingerprint(text) is
  'Name of the Conversions API token that Vault has for a pixel, its own first; null where it has none.';

create function fb_ads.plan_event_quality(request jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sync_jobs (kind, priority, object_ids, not_before)
  select 'event_quality', 900, array[pixel.pixel_id], fb_ads.throttled_until(null, 'event_quality')
  from (
    select distinct sent.pixel_id
    from fb_ads.sent_event_keys as sent
    where sent.date >= (now() at time zone 'UTC')::date - 7
  ) as pixel
  cross join lateral (select fb_ads.capi_token_fingerprint(pixel.pixel_id) as fingerprint) as token
  where token.fingerprint is not null
    and not exists (
      select from fb_ads.quality_refusals as refusal
      where refusal.pixel_id = pixel.pixel_id
        and refusal.tried_at > now() - interval '7 days'
        and refusal.learned_with = concat_ws(' ', token.fingerprint, request ->> 'api_version')
    )
    -- One that was planned since the request arrived serves it too.
    and not exists (
      select from fb_ads.sync_jobs as job
      where job.kind = 'event_quality'
        and job.object_ids = array[pixel.pixel_id]
        and job.created_at >= coalesce((request ->> 'arrived_at')::timestamptz, now())
    )
  order by pixel.pixel_id
  on conflict do nothing;
$$;

comment on function fb_ads.plan_event_quality(jsonb) is
  'Plans to read the match quality of each pixel that something was sent to in the last seven days and that Vault has '
  'a token for, but not of one that Meta refused with that token less than a week ago.';

create function fb_ads.upsert_event_quality(pixel_id text, rows jsonb)
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.event_name) r.*
    from jsonb_populate_recordset(null::public.ad_event_quality, rows) as r
    order by r.event_name
  ),
  written as (
    insert into public.ad_event_quality as q (
      date, pixel_id, event_name, composite_score, match_key_coverage, event_coverage, event_coverage_goal,
      dedupe_key_feedback, upload_frequency, diagnostics, raw
    )
    select
      (now() at time zone 'UTC')::date, upsert_event_quality.pixel_id, i.event_name, i.composite_score,
      i.match_key_coverage, i.event_coverage, i.event_coverage_goal, i.dedupe_key_feedback, i.upload_frequency,
      i.diagnostics, i.raw
    from incoming as i
    order by i.event_name
    on conflict (date, pixel_id, event_name) do update set
      composite_score = excluded.composite_score,
      match_key_coverage = excluded.match_key_coverage,
      event_coverage = excluded.event_coverage,
      event_coverage_goal = excluded.event_coverage_goal,
      dedupe_key_feedback = excluded.dedupe_key_feedback,
      upload_frequency = excluded.upload_frequency,
      diagnostics = excluded.diagnostics,
      raw = excluded.raw,
      updated_at = now()
    where (
      q.composite_score, q.match_key_coverage, q.event_coverage, q.event_coverage_goal, q.dedupe_key_feedback,
      q.upload_frequency, q.diagnostics, q.raw
    )
      is distinct from (
        excluded.composite_score, excluded.match_key_coverage, excluded.event_coverage, excluded.event_coverage_goal,
        excluded.dedupe_key_feedback, excluded.upload_frequency, excluded.diagnostics, excluded.raw
      )
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_event_quality(text, jsonb) is
  'Stores what Meta says today of the events of one pixel; returns how many rows it wrote.';

create function public.fb_store_event_quality(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  refused jsonb := nullif(request -> 'refusal', 'null');
begin
  perform fb_ads.upsert_event_quality(job.object_ids[1], request -> 'rows');
  if (request ->> 'is_answered')::boolean then
    delete from fb_ads.quality_refusals as known where known.pixel_id = job.object_ids[1];
  elsif refused is not null then
    insert into fb_ads.quality_refusals as known (pixel_id, error, learned_with)
    select job.object_ids[1], refused, concat_ws(' ', request ->> 'token_fingerprint', run.api_version)
    from fb_ads.sync_runs as run
    where run.id = job.run_id
    on conflict (pixel_id) do update set
      error = excluded.error, tried_at = excluded.tried_at, learned_with = excluded.learned_with;
  end if;
  perform fb_ads.advance_sync_job(job, request);
  return '{"state": "done", "next_job": null}';
end;
$$;

comment on function public.fb_store_event_quality(jsonb) is
  'Stores what Meta said of one pixel''s events and ends the job: {job_id, lease_id, rows, refusal, is_answered, '
  'token_fingerprint, done: true, row_count}. refusal: why Meta says nothing, with the token of that fingerprint. '
  'Neither answered nor refused: nothing is known, and nothing changes. Returns {state, next_job}. Raises '
  'lease_lost (409) when another holds the job.';

-- schemas/queue/next_job.sql

-- Which job a worker is given next.
-- Why one lock a claim: two workers must not start two jobs of one account, and a claim takes a millisecond.

create function public.fb_claim_sync_job(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  kinds text[] := fb_ads.sync_kinds(request ->> 'function_slug');
  fingerprint text := request ->> 'token_fingerprint';
  account_ids uuid[] := fb_ads.account_ids_of(request -> 'account_ids');
  waiting_kinds text[];
  claimed bigint;
  poll_in_seconds double precision;
  -- While the other sync runs too, it gets the accounts that have more urgent jobs of its own, and this one waits for
  -- the accounts that it holds.
  shared boolean := exists (
    select from fb_ads.sync_runs as run
    where run.function_slug <> request ->> 'function_slug' and run.finished_at is null and fb_ads.is_live_run(run)
  );
begin
  -- A run that was taken for dead has lost its slot, and goes on only where one is free.
  if exists (
    select from fb_ads.sync_runs as run where run.id = (request ->> 'run_id')::uuid and run.finished_at is not null
  )
    and not (public.fb_take_sync_slot(request) ->> 'slot')::boolean then
    return jsonb_build_object('job', null, 'reason', 'run_ended');
  end if;

  perform pg_advisory_xact_lock(hashtext('fb_ads.sync_jobs'));
  perform fb_ads.rescue_sync_jobs();

  if not fb_ads.may_use_token(fingerprint) then
    return jsonb_build_object('job', null, 'reason', 'token_stopped');
  end if;

  waiting_kinds := fb_ads.unprobed_kinds();
  select job.id
  into claimed
  from fb_ads.sync_jobs as job
  where job.state = 'pending'
    and job.not_before <= now()
    and job.kind <> all (waiting_kinds)
    -- Insights wait for the discovery, which names the accounts to read, so either sync may make it.
    and (job.kind = any (kinds) or (job.kind = 'accounts' and job.params ? 'insights'))
    and (account_ids is null or job.account_id = any (account_ids))
    and not exists (
      select from fb_ads.sync_jobs as other where other.account_id = job.account_id and other.state = 'running'
    )
    and not (shared and exists (
      select
      from fb_ads.sync_jobs as urgent
      where urgent.account_id = job.account_id
        and urgent.state = 'pending'
        and urgent.not_before <= now()
        and urgent.priority < job.priority
        and urgent.kind <> all (kinds)
    ))
    and not fb_ads.waits_for_parts(job)
    and not fb_ads.waits_for_lists(job)
    and (
      job.params ->> 'read' is distinct from 'report' or job.report_run_id is not null or fb_ads.may_start_report(job)
    )
  order by job.priority, job.id
  limit 1
  for update skip locked;

  if claimed is null then
    select min(case when job.not_before > now() then extract(epoch from job.not_before - now()) else 0.5 end)
    into poll_in_seconds
    from fb_ads.sync_jobs as job
    where job.state = 'pending'
      and job.kind = any (kinds)
      and (account_ids is null or job.account_id = any (account_ids))
      and case
        when job.not_before > now() then job.params ? 'report'
        else shared and exists (
          select from fb_ads.sync_jobs as other
          where other.account_id = job.account_id and other.state = 'running' and other.kind <> all (kinds)
        )
      end;
    -- A run that waits for a report holds no job, and is live all the same.
    if poll_in_seconds is not null then
      perform fb_ads.renew_run_lease((request ->> 'run_id')::uuid);
    end if;
    return jsonb_build_object('job', null, 'reason', 'nothing_claimable', 'poll_in_seconds', poll_in_seconds);
  end if;

  perform fb_ads.begin_probe(fingerprint, (select job.kind from fb_ads.sync_jobs as job where job.id = claimed));
  perform fb_ads.fit_range(claimed);
  return jsonb_build_object('job', fb_ads.start_sync_job(claimed, (request ->> 'run_id')::uuid));
end;
$$;

comment on function public.fb_claim_sync_job(jsonb) is
  'Claims the most urgent job: {run_id, function_slug, token_fingerprint, account_ids?}. Returns {job} or {job: null, '
  'reason: nothing_claimable | token_stopped | run_ended, poll_in_seconds}: when to look at a report at Meta, or at an '
  'account that the other sync holds. Never claims a second job of an account.';

-- schemas/queue/starts.sql

-- Starting a run of a sync: it checks the request, plans the jobs and takes a slot.

create function public.fb_start_sync_run(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  slug text := request ->> 'function_slug';
  refused jsonb := '[]';
  account_ids uuid[];
  has_slot boolean;
  started fb_ads.sync_runs;
begin
  -- An account that the configuration names is stored before it is read.
  perform fb_ads.upsert_accounts((
    select coalesce(jsonb_agg(jsonb_build_object('fb_account_id', named.fb_account_id, 'configured', true)), '[]')
    from jsonb_array_elements_text(coalesce(request -> 'configured' -> 'ids', '[]')) as named (fb_account_id)
    where not exists (
      select from public.ad_accounts as account where account.fb_account_id = named.fb_account_id and account.configured
    )
  ));
  if jsonb_typeof(request -> 'account_ids') = 'array' then
    refused := fb_ads.refused_accounts(request);
    if jsonb_array_length(refused) > 0 then
      return jsonb_build_object('run_id', null, 'slot', false, 'refused', refused);
    end if;
    account_ids := fb_ads.account_ids_of(request -> 'account_ids');
  end if;

  -- One start at a time: slots are counted and jobs are planned under this lock.
  perform pg_advisory_xact_lock(hashtext('fb_ads.sync_runs'));

  perform fb_ads.end_dead_runs();
  perform fb_ads.forget_findings(concat_ws(' ', request ->> 'token_fingerprint', request ->> 'api_version'));

  if not coalesce((request ->> 'resume')::boolean, false) then
    if slug = 'fb-sync-metadata' then
      perform fb_ads.plan_metadata(request, account_ids);
      if account_ids is null then
        perform fb_ads.plan_event_quality(request);
      end if;
    else
      perform fb_ads.plan_insights(request, account_ids);
    end if;
  end if;

  has_slot := fb_ads.free_slots(slug) > 0;
  insert into fb_ads.sync_runs (
    function_slug, token_fingerprint, api_version, lease_until, finished_at, jobs_left, error
  )
  values (
    slug,
    request ->> 'token_fingerprint',
    request ->> 'api_version',
    now() + interval '5 seconds',
    case when not has_slot then now() end,
    case when not has_slot then fb_ads.open_job_count(slug, account_ids) end,
    case
      when not has_slot then jsonb_build_object(
        'code', 'no_free_slot',
        'message', 'Two invocations are at work; they or the next tick do this one''s jobs.'
      )
    end
  )
  returning * into started;
  return jsonb_build_object(
    'run_id', started.id,
    'slot', has_slot,
    'refused', refused,
    'jobs_left', fb_ads.open_job_count(slug, account_ids),
    'settings', (
      select jsonb_build_object(
        'accounts_in_flight', settings.accounts_in_flight,
        'metadata_page_size_max', settings.metadata_page_size_max,
        'insights_page_size', settings.insights_page_size,
        'insights_page_size_max', settings.insights_page_size_max,
        'usage_brake_percent', settings.usage_brake_percent
      )
      from fb_ads.settings as settings
    )
  );
end;
$$;

comment on function public.fb_start_sync_run(jsonb) is
  'Begins a run: {function_slug, token_fingerprint, api_version, arrived_at, account_ids?, full?, resume?, refresh?, '
  'configured: {mode, ids}, since?, until?}. Plans the jobs (not with resume) and takes a slot. Returns {run_id, slot, '
  'refused, '
  'jobs_left, settings}; with refused accounts nothing is started and run_id is null.';

-- schemas/queue/releases.sql

-- Releasing a job without a page: the run's budget is spent, Meta refused, or the job cannot be done.

create function fb_ads.retry_delay_seconds(attempts integer)
returns double precision language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select least(600, 5 * power(2, least(attempts, 10))) * (0.75 + random() / 2);
$$;

comment on function fb_ads.retry_delay_seconds(integer) is
  'Pause before the next attempt after that many failures in a row: 5 s '
  'doubling to 10 minutes, a quarter of jitter either way.';

create function fb_ads.is_refused_everywhere(error jsonb)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select count(distinct refused.account_id) >= greatest(2, least(3, (
    select count(*) from public.ad_accounts as account where account.enabled
  )))
  from fb_ads.sync_jobs as refused
  join public.ad_accounts as account on account.id = refused.account_id
  left join fb_ads.quotas as quota
    on quota.scope = 'account' and quota.key = account.fb_account_id and quota.use_case = ''
  cross join lateral (
    select greatest(max(job.finished_at), now() - interval '1 hour') as at
    from fb_ads.sync_jobs as job
    where job.state = 'done'
      and job.finished_at > now() - interval '1 hour'
      and fb_ads.is_asked_with_marketing_token(job.kind)
  ) as last_answer
  where refused.state = 'failed'
    and refused.finished_at > last_answer.at
    and refused.last_error ->> 'reason' = error ->> 'reason'
    and refused.last_error ->> 'meta_code' = error ->> 'meta_code'
    -- One that was stopped before tells nothing new.
    and coalesce(quota.stopped_at > last_answer.at, true);
$$;

comment on function fb_ads.is_refused_everywhere(jsonb) is
  'Whether Meta has refused three accounts in a row alike (two, where there are no more) and has answered nothing '
  'since: then it is the token or its app that it refuses.';

create function public.fb_release_sync_job(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  outcome text := request ->> 'outcome';
  error jsonb := nullif(request -> 'error', 'null');
  -- A stored page resets the attempts, but restarts count on: a list that always breaks off after its first page would
  -- restart for ever.
  restarts integer := coalesce((job.params ->> 'restarts')::integer, 0) + (
    request ->> 'outcome' is not distinct from 'restart'
  )::integer;
  given_up boolean;
begin
  if outcome not in ('release', 'retry', 'restart', 'throttle', 'stop_token', 'stop_account', 'fail') then
    raise exception 'unknown outcome of a job: %', coalesce(outcome, 'null') using errcode = '22023';
  end if;
  -- Twelve failures in a row take over an hour. A job that still fails then waits for a person or the next night.
  given_up := outcome in ('fail', 'stop_account') or (
    outcome in ('retry', 'restart')
    and greatest(job.attempts, restarts - 1) >= 11
  );

  update fb_ads.sync_jobs as j
  set
    state = case when given_up then 'failed' else 'pending' end,
    finished_at = case when given_up then now() end,
    lease_id = null,
    lease_until = null,
    -- Throttling counts too, for each refusal in a row doubles the wait, but never so far that a later failure ends the
    -- job.
    attempts = case outcome
      when 'retry' then j.attempts + 1
      when 'restart' then j.attempts + 1
      when 'throttle' then least(j.attempts + 1, 6)
      else j.attempts
    end,
    not_before = greatest(
      case
        when outcome in ('retry', 'restart') and not given_up
          then now() + make_interval(secs => fb_ads.retry_delay_seconds(greatest(j.attempts, restarts - 1)))
        else j.not_before
      end,
      fb_ads.app_throttled_until(j)
    ),
    cursor = case when outcome = 'restart' then null else j.cursor end,
    page_count = case when outcome = 'restart' then 0 else j.page_count end,
    page_size = coalesce((request ->> 'page_size')::integer, j.page_size),
    report_run_id = case when request ? 'report_run_id' then request ->> 'report_run_id' else j.report_run_id end,
    params = j.params || coalesce(request -> 'params', '{}') || case outcome
      when 'restart' then jsonb_build_object('restarts', restarts)
      else '{}'
    end,
    last_error = coalesce(error || jsonb_build_object('at', now()), j.last_error)
  where j.id = job.id;

  -- Shared rows are locked in one order everywhere: quotas by key, then the run.
  if jsonb_typeof(request -> 'usage') = 'array' then
    perform fb_ads.store_usage(request -> 'usage');
  end if;
  if outcome = 'restart' then
    delete from fb_ads.sync_seen_pages as seen where seen.job_id = job.id;
  elsif outcome = 'throttle' then
    perform fb_ads.throttle_held_job(job, request -> 'throttle');
  elsif outcome = 'stop_token' then
    perform fb_ads.stop_token(
      (select run.token_fingerprint from fb_ads.sync_runs as run where run.id = job.run_id), error
    );
  elsif outcome = 'stop_account' then
    perform fb_ads.fail_account(job, error);
  end if;
  if outcome in ('stop_account', 'fail') and fb_ads.is_refused_everywhere(error) then
    perform fb_ads.stop_token(
      (select run.token_fingerprint from fb_ads.sync_runs as run where run.id = job.run_id),
      error || '{"is_everywhere": true}'
    );
  end if;
  if given_up and job.kind = 'insights' and outcome <> 'stop_account' then
    if job.params ? 'field_trial' then
      perform fb_ads.learn_ad_fields(job, job.params -> 'trial_fields');
    end if;
    if not fb_ads.learn_insights_refusal(job, error) then
      perform fb_ads.end_insights_plan(job);
    end if;
  end if;
  if given_up and error ->> 'reason' = 'version_dead' then
    -- Meta would refuse every call, and refusals cost the app its access tier, so all pending jobs fail with this one.
    update fb_ads.sync_jobs as other
    set state = 'failed', finished_at = now(), last_error = error || jsonb_build_object('at', now())
    where other.state = 'pending';
  end if;
  if given_up
    and job.kind = 'accounts'
    and coalesce(error ->> 'reason', '') not in ('version_dead', 'policy_block') then
    -- A token that may not list its accounts may still read those that are named.
    perform fb_ads.plan_account_reads(
      array(select account.id from public.ad_accounts as account where account.enabled)
    );
  end if;

  update fb_ads.sync_runs as run
  set jobs_failed = run.jobs_failed + given_up::integer, lease_until = now() + interval '5 seconds'
  where run.id = job.run_id;
  return jsonb_build_object('state', case when given_up then 'failed' else 'pending' end);
end;
$$;

comment on function public.fb_release_sync_job(jsonb) is
  'Releases a job: {job_id, lease_id, outcome, error?, usage?, page_size?, params?, throttle?, report_run_id?}. '
  'outcome: release (budget spent), retry (later, growing pause), restart (from the first page), throttle, stop_token, '
  'stop_account, fail. Returns {state}. Raises lease_lost (409) when another holds it.';

-- schemas/queue/sync_work.sql

-- Whether a sync would find something to do: the tick asks every minute.

-- Definer: the fingerprint of the token is computed from its Vault secret, which cron's owner alone may read.
create function fb_ads.has_sync_work(function_slug text)
returns boolean language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (
    select
    from fb_ads.sync_jobs as job
    where job.kind = any (fb_ads.sync_kinds(function_slug))
      and (
        (job.state = 'pending' and job.not_before <= now()
          and job.kind <> all ((select fb_ads.unprobed_kinds())::text[])
          and not exists (
            select from fb_ads.sync_jobs as other
            where other.account_id = job.account_id and other.state = 'running' and other.lease_until > now()
          ))
        or (job.state = 'running' and job.lease_until <= now())
      )
  ) or fb_ads.free_slots(function_slug) = 0 then
    return false;
  end if;
  return coalesce(
    fb_ads.may_use_token(fb_ads.token_fingerprint(fb_ads.read_token('meta_marketing_api_token'))), false
  );
end;
$$;

comment on function fb_ads.has_sync_work(text) is
  'Whether a run of that sync would find something to do: a job that may start, a free slot, and a token that is not '
  'stopped (or due for a probe).';

-- schemas/queue/run_retention.sql

-- How long jobs and runs are kept.

create function fb_ads.delete_old_runs(most integer default 5000)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  touched bigint := 0;
  batch bigint;
begin
  delete from fb_ads.sync_jobs as job
  where job.id in (
    select old.id
    from fb_ads.sync_jobs as old
    cross join fb_ads.settings as settings
    where old.state in ('done', 'failed') and old.finished_at < now() - settings.job_retention
    limit most
  );
  get diagnostics touched = row_count;

  delete from fb_ads.sync_runs as run
  where run.id in (
    select old.id
    from fb_ads.sync_runs as old
    cross join fb_ads.settings as settings
    where old.started_at < now() - settings.run_retention and old.finished_at is not null
    limit most
  );
  get diagnostics batch = row_count;
  touched := touched + batch;

  delete from cron.job_run_details as detail
  where detail.runid in (
    select old.runid
    from cron.job_run_details as old
    left join cron.job as job on job.jobid = old.jobid
    cross join fb_ads.settings as settings
    where old.start_time < now() - settings.cron_detail_retention
      and case
        when job.jobid is not null then job.jobname like 'fb-%'
        -- A job that was unscheduled, or scheduled anew under another id, is known by its command.
        else old.command ~ '\mfb_ads\.'
      end
    order by old.runid
    limit most
  );
  get diagnostics batch = row_count;
  return touched + batch;
end;
$$;

comment on function fb_ads.delete_old_runs(integer) is
  'Deletes at most so many old jobs, runs and cron details each; returns '
  'how many went. Part of fb_ads.delete_old_rows.';

-- schemas/outbox/events.sql

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

-- schemas/outbox/deliveries.sql

-- Deliveries: one row an event and pixel.
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
  constraint sending_has_a_lease check (
    (state = 'sending') = (lease_id is not null)
    and (lease_id is null) = (lease_until is null)
  ),
  constraint sent_has_sent_at check ((state = 'sent') = (sent_at is not null)),
  constraint dead_has_a_reason check (state <> 'dead' or reason is not null)
);

comment on table fb_ads.event_deliveries is
  'The outbox: where each event stands with each pixel. Rows go with their event.';
comment on column fb_ads.event_deliveries.event_row_id is 'The event (fb_ads.conversion_events.id).';
comment on column fb_ads.event_deliveries.pixel_id is
  'Meta''s id of the pixel (now also called dataset) that it goes to.';
comment on column fb_ads.event_deliveries.state is
  'pending; sending (under a lease); sent; suppressed: no consent; expired: too old for Meta, or too old to be '
  'repeated without counting twice; blocked: the pixel''s token or permission is dead, waits for a new one; dead: '
  'Meta refuses this event.';
comment on column fb_ads.event_deliveries.attempts is 'How often it was taken up to be sent.';
comment on column fb_ads.event_deliveries.next_attempt_at is 'Not to be sent before.';
comment on column fb_ads.event_deliveries.attempted_at is 'When it was last taken up to be sent.';
comment on column fb_ads.event_deliveries.first_unknown_at is
  'First attempt of which nobody knows whether Meta took the event (time-out, 5xx, a killed sender). Never sent again '
  'later than 48 hours after: until then Meta recognises a copy.';
comment on column fb_ads.event_deliveries.lease_id is 'Who is sending it; an outcome with another lease is refused.';
comment on column fb_ads.event_deliveries.lease_until is
  'Until when the lease holds; after it the attempt counts as one of unknown outcome.';
comment on column fb_ads.event_deliveries.sent_at is 'When Meta confirmed it.';
comment on column fb_ads.event_deliveries.code is 'Meta''s error code of the last refusal.';
comment on column fb_ads.event_deliveries.subcode is 'Meta''s error_subcode of the last refusal.';
comment on column fb_ads.event_deliveries.fbtrace_id is
  'Meta''s trace id of the last answer: what its support asks for.';
comment on column fb_ads.event_deliveries.reason is
  'Our word for the last refusal, such as token_dead, event_too_old, not_enough_user_data, outcome_unknown.';
comment on column fb_ads.event_deliveries.created_at is 'When the event was stored for this pixel.';

create index event_deliveries_pending_idx on fb_ads.event_deliveries (pixel_id, next_attempt_at)
  where state = 'pending';
create index event_deliveries_sending_idx on fb_ads.event_deliveries (lease_until) where state = 'sending';
create index event_deliveries_stuck_idx on fb_ads.event_deliveries (state, pixel_id, event_row_id)
  where state in ('blocked', 'dead');

alter table fb_ads.event_deliveries enable row level security;

create function fb_ads.finish_events(event_row_ids bigint[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  involved_ids bigint[] := event_row_ids || array(
    select purchase.checkout_event_id from fb_ads.conversion_events as purchase
    where purchase.id = any (event_row_ids) and purchase.checkout_event_id is not null
  );
begin
  -- Two pixels' outcomes may be written at the same moment: the second then sees the first. Checkouts too, in one
  -- order.
  perform from fb_ads.conversion_events as event
  where event.id = any (involved_ids)
  order by event.id
  for no key update;
  update fb_ads.conversion_events as event
  set final_at = now()
  where event.id = any (event_row_ids) and event.final_at is null
    and not exists (
      select from fb_ads.event_deliveries as delivery
      where delivery.event_row_id = event.id and delivery.state not in ('sent', 'suppressed', 'expired')
    );
  -- A statement of its own, so that it sees what is final. Whoever still needs the browser data keeps it: the event's
  -- own deliveries, and the Purchase of a checkout.
  update fb_ads.conversion_events as event
  set browser_data = null
  where event.id = any (involved_ids) and event.browser_data is not null and event.final_at is not null
    and (
      event.event_name <> 'InitiateCheckout'
      or exists (
        select from fb_ads.conversion_events as purchase
        where purchase.checkout_event_id = event.id and purchase.final_at is not null
      )
    );
end;
$$;

comment on function fb_ads.finish_events(bigint[]) is
  'Marks the events of which no delivery is open any more, and deletes what they hold in clear once nobody needs it: a '
  'checkout keeps it until its own deliveries and its Purchase are final.';

-- schemas/outbox/pixels.sql

-- What is known of each pixel: whether it takes events, and what waits while it does not.

create table fb_ads.pixels (
  pixel_id text primary key,
  state text not null default 'open',
  blocked_at timestamptz,
  blocked_token text,
  probed_at timestamptz,
  throttled_until timestamptz,
  throttled_count integer not null default 0,
  code integer,
  subcode integer,
  fbtrace_id text,
  reason text,
  updated_at timestamptz not null default now(),
  constraint pixel_id_is_digits check (pixel_id ~ '^[0-9]{1,20}$'),
  constraint state_is_known check (state in ('open', 'blocked')),
  constraint blocked_has_blocked_at check ((state = 'blocked') = (blocked_at is not null))
);

comment on table fb_ads.pixels is
  'What stops a pixel from taking events: a dead token or permission, or Meta''s throttling.';
comment on column fb_ads.pixels.pixel_id is 'Meta''s id of the pixel.';
comment on column fb_ads.pixels.state is
  'open; or blocked: its token or permission is dead. Its events wait, one is tried a minute, and all go when that '
  'succeeds or Vault has another token.';
comment on column fb_ads.pixels.blocked_at is 'Since when it is blocked.';
comment on column fb_ads.pixels.blocked_token is
  'Fingerprint of the token that Meta refused; empty when Vault had none.';
comment on column fb_ads.pixels.probed_at is 'When one event was last tried while blocked.';
comment on column fb_ads.pixels.throttled_until is 'Meta throttles: nothing is sent before.';
comment on column fb_ads.pixels.throttled_count is 'Throttlings in a row, each longer than the one before.';
comment on column fb_ads.pixels.code is 'Meta''s error code of the last refusal that concerned the whole pixel.';
comment on column fb_ads.pixels.subcode is 'Meta''s error_subcode of it.';
comment on column fb_ads.pixels.fbtrace_id is 'Meta''s trace id of it.';
comment on column fb_ads.pixels.reason is 'Our word for it: token_dead, permission, no_token, throttled.';
comment on column fb_ads.pixels.updated_at is 'When this row last changed.';

alter table fb_ads.pixels enable row level security;

create function fb_ads.unblock_deliveries(pixel_ids text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.event_deliveries as delivery
  set state = 'pending', next_attempt_at = now()
  where (delivery.event_row_id, delivery.pixel_id) in (
    select blocked.event_row_id, blocked.pixel_id
    from fb_ads.event_deliveries as blocked
    where blocked.state = 'blocked' and blocked.pixel_id = any (unblock_deliveries.pixel_ids)
    limit 20000
    for update skip locked
  );
$$;

comment on function fb_ads.unblock_deliveries(text[]) is
  'Makes blocked deliveries of these pixels pending, at most 20,000 a call: a day of them would not fit into the Data '
  'API''s 8 s. The next claim goes on.';

create function fb_ads.block_deliveries(pixel_ids text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.event_deliveries as delivery
  set
    state = 'blocked', code = pixel.code, subcode = pixel.subcode, fbtrace_id = pixel.fbtrace_id, reason = pixel.reason
  from fb_ads.pixels as pixel
  where delivery.pixel_id = pixel.pixel_id
    and (delivery.event_row_id, delivery.pixel_id) in (
      select pending.event_row_id, pending.pixel_id
      from fb_ads.event_deliveries as pending
      where pending.state = 'pending' and pending.pixel_id = any (block_deliveries.pixel_ids)
      limit 20000
      for update skip locked
    );
$$;

comment on function fb_ads.block_deliveries(text[]) is
  'Marks what waits for these pixels as blocked, at most 20,000 a call.';

create type fb_ads.pixel_token as (
  pixel_id text,
  token_fingerprint text
);

comment on type fb_ads.pixel_token is
  'A pixel, and the name of the token that Vault has for it; null where it has none.';

create function fb_ads.resume_pixels(pixels jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  insert into fb_ads.pixels (pixel_id)
  select given.pixel_id
  from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as given
  on conflict (pixel_id) do nothing;

  -- Vault has another token than the one that Meta refused.
  update fb_ads.pixels as pixel
  set state = 'open', blocked_at = null, blocked_token = null, probed_at = null, code = null, subcode = null,
    fbtrace_id = null, reason = null, updated_at = now()
  from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as given
  where pixel.pixel_id = given.pixel_id and pixel.state = 'blocked'
    and given.token_fingerprint is not null and given.token_fingerprint <> coalesce(pixel.blocked_token, '');

  -- Vault has none at all.
  update fb_ads.pixels as pixel
  set state = 'blocked', blocked_at = now(), blocked_token = '', reason = 'no_token', updated_at = now()
  from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as given
  where pixel.pixel_id = given.pixel_id and pixel.state = 'open' and given.token_fingerprint is null;

  perform fb_ads.unblock_deliveries(array(
    select pixel.pixel_id from fb_ads.pixels as pixel
    where pixel.state = 'open'
      and pixel.pixel_id in (
        select given.pixel_id from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as given
      )
  ));
  perform fb_ads.block_deliveries(
    array(select pixel.pixel_id from fb_ads.pixels as pixel where pixel.state = 'blocked')
  );
end;
$$;

comment on function fb_ads.resume_pixels(jsonb) is
  'Opens blocked pixels for which Vault has a new token, blocks those for which '
  'it has none, and keeps their deliveries in step.';

create function fb_ads.record_pixels(pixels jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  given record;
begin
  for given in
    select *
    from jsonb_to_recordset(pixels) as received (
      pixel_id text, change text, token_fingerprint text, seconds double precision, code integer, subcode integer,
      fbtrace_id text, reason text
    )
    order by received.pixel_id
  loop
    if given.change = 'open' then
      update fb_ads.pixels as pixel
      set state = 'open', blocked_at = null, blocked_token = null, probed_at = null, throttled_until = null,
        throttled_count = 0, code = null, subcode = null, fbtrace_id = null, reason = null, updated_at = now()
      where pixel.pixel_id = given.pixel_id
        and (pixel.state <> 'open' or pixel.throttled_count > 0 or pixel.reason is not null);
      if found then
        perform fb_ads.unblock_deliveries(array[given.pixel_id]);
      end if;
    elsif given.change = 'block' then
      insert into fb_ads.pixels as pixel (
        pixel_id, state, blocked_at, blocked_token, probed_at, code, subcode, fbtrace_id, reason
      )
      values (
        given.pixel_id, 'blocked', now(), coalesce(given.token_fingerprint, ''), now(), given.code, given.subcode,
        given.fbtrace_id, given.reason
      )
      on conflict (pixel_id) do update
      set state = 'blocked', blocked_at = coalesce(pixel.blocked_at, now()), blocked_token = excluded.blocked_token,
        probed_at = now(), code = excluded.code, subcode = excluded.subcode, fbtrace_id = excluded.fbtrace_id,
        reason = excluded.reason, updated_at = now();
      perform fb_ads.block_deliveries(array[given.pixel_id]);
    elsif given.change = 'throttle' then
      insert into fb_ads.pixels as pixel (pixel_id, throttled_until, throttled_count, code, subcode, fbtrace_id, reason)
      values (
        given.pixel_id, now() + least(86400, greatest(given.seconds, 60)) * interval '1 second', 1, given.code,
        given.subcode, given.fbtrace_id, given.reason
      )
      on conflict (pixel_id) do update
      set throttled_until = now() + least(
        86400, greatest(coalesce(given.seconds, 0), least(3600, 60 * power(2, least(pixel.throttled_count, 6))))
      )
          * interval '1 second',
        throttled_count = pixel.throttled_count + 1, code = excluded.code, subcode = excluded.subcode,
        fbtrace_id = excluded.fbtrace_id,
        reason = excluded.reason, updated_at = now();
    end if;
  end loop;
end;
$$;

comment on function fb_ads.record_pixels(jsonb) is
  'Keeps what an answer of Meta''s said of whole pixels: open (it took events), block (token or permission dead), '
  'throttle (throttled: 1 min, 2, 4, ... to 1 h, or longer where Meta asks for it, to a day).';

-- schemas/consent/consents.sql

-- Consent to advertising events.
-- Why digests: a subject is looked up by its digest, and never listed by name.

create table fb_ads.consents (
  id bigint generated always as identity primary key,
  subject_kind text not null,
  subject text not null,
  state text not null,
  since timestamptz not null,
  source text not null,
  created_at timestamptz not null default now(),
  constraint consents_key unique (subject_kind, subject, since, state),
  constraint subject_kind_is_known check (subject_kind in ('user', 'browser')),
  constraint subject_is_a_digest check (subject ~ '^[0-9a-f]{64}$'),
  constraint state_is_known check (state in ('granted', 'denied'))
);

comment on table fb_ads.consents is
  'Who agreed to advertising events, or withdrew it, and when. Only added to; the '
  'newest row of a subject counts, and a denial wins a tie.';
comment on column fb_ads.consents.id is 'Our key.';
comment on column fb_ads.consents.subject_kind is 'user: a verified user; browser: a browser with an fbp.';
comment on column fb_ads.consents.subject is
  'SHA-256 of the user id (trimmed, lower case: as Meta''s external_id) or of the fbp as it is.';
comment on column fb_ads.consents.state is 'granted or denied.';
comment on column fb_ads.consents.since is 'From when it holds.';
comment on column fb_ads.consents.source is 'Where it was said: request, event.';
comment on column fb_ads.consents.created_at is 'When the row was written.';

create index consents_created_at_idx on fb_ads.consents (created_at) where subject_kind = 'browser';

alter table fb_ads.consents enable row level security;

create function fb_ads.digest_of(value text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select pg_catalog.encode(
    pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.lower(pg_catalog.btrim(value)), 'UTF8')), 'hex'
  );
$$;

comment on function fb_ads.digest_of(text) is
  'SHA-256 in lower-case hex of a trimmed, lower-cased text: what '
  'user_digest and Meta''s external_id hold for a user id.';

create function fb_ads.newest_consent(user_digest text, browser_digest text)
returns fb_ads.consents language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select consent
  from fb_ads.consents as consent
  where (consent.subject_kind = 'user' and consent.subject = newest_consent.user_digest)
    or (consent.subject_kind = 'browser' and consent.subject = newest_consent.browser_digest)
  order by consent.since desc, consent.state = 'denied' desc
  limit 1;
$$;

comment on function fb_ads.newest_consent(text, text) is
  'The consent that counts for a user (digest of the id) and a browser (digest of fbp), either of which may be null: '
  'the newest, a denial in a tie; a row of nulls when neither said anything.';

create function fb_ads.is_known_browser(browser_digest text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
      select
      from fb_ads.consents as consent
      where consent.subject_kind = 'browser' and consent.subject = is_known_browser.browser_digest
    )
    or exists (
      select from fb_ads.conversion_events as event where event.browser_digest = is_known_browser.browser_digest
    );
$$;

comment on function fb_ads.is_known_browser(text) is
  'Whether a browser has said something of consent or has an event here: then its denial is stored at any time.';

create function fb_ads.delete_old_consents(most integer default 5000)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  deleted bigint;
begin
  delete from fb_ads.consents as consent
  where consent.id in (
    select old.id
    from fb_ads.consents as old
    cross join fb_ads.settings as settings
    where old.subject_kind = 'browser' and old.created_at < now() - settings.browser_consent_retention
    limit most
  );
  get diagnostics deleted = row_count;
  return deleted;
end;
$$;

comment on function fb_ads.delete_old_consents(integer) is
  'For the nightly job: deletes what browsers said of consent after settings.browser_consent_retention, at most so '
  'many rows; returns how many.';

-- schemas/consent/suppression.sql

-- Taking back what still waits when consent is withdrawn. What is being sent at that moment cannot be called back; its
-- outcome is recorded, and it is never sent again.

create function fb_ads.suppress_events(event_row_ids bigint[])
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  suppressed bigint;
begin
  -- Locked in one order, and first: what a sender claims or reports at this moment is then seen in its new state.
  perform from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = any (event_row_ids)
  order by delivery.event_row_id, delivery.pixel_id
  for no key update;

  update fb_ads.event_deliveries as delivery
  set state = 'suppressed', lease_id = null, lease_until = null, reason = 'no_consent'
  where delivery.event_row_id = any (event_row_ids) and delivery.state in ('pending', 'blocked', 'dead');
  get diagnostics suppressed = row_count;

  with stripped as (
    update fb_ads.conversion_events as event
    set state = 'suppressed', consent = 'denied', consent_at = now(), content = null, user_data = null,
      browser_data = null, person_digests = null, user_digest = null, browser_digest = null,
      final_at = coalesce(event.final_at, now()), lease_id = null
    where event.id = any (event_row_ids)
      -- What one pixel has received, or is being sent, stays until its retention.
      and not exists (
        select from fb_ads.event_deliveries as delivery
        where delivery.event_row_id = event.id and delivery.state in ('sent', 'sending')
      )
    returning event.id
  )
  update fb_ads.conversion_events as event
  set consent = 'denied', consent_at = now(),
    -- An event that is being sent keeps the data that a repetition needs.
    browser_data = case
      when exists (
        select
        from fb_ads.event_deliveries as delivery
        where delivery.event_row_id = event.id and delivery.state = 'sending'
      ) then event.browser_data
    end
  where event.id = any (event_row_ids) and not exists (select from stripped where stripped.id = event.id);
  -- An event that one pixel has and the others will not get is final.
  perform fb_ads.finish_events(event_row_ids);
  return suppressed;
end;
$$;

comment on function fb_ads.suppress_events(bigint[]) is
  'Takes the waiting deliveries of these events out of the outbox and deletes what the events say of the person. '
  'Returns how many deliveries that were.';

create function fb_ads.suppress_subjects(digests text[])
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  event_row_ids bigint[];
begin
  select array_agg(event.id)
  into event_row_ids
  from fb_ads.conversion_events as event
  cross join lateral fb_ads.newest_consent(event.user_digest, event.browser_digest) as newest
  where (event.user_digest = any (digests) or event.browser_digest = any (digests))
    and (event.final_at is null or event.browser_data is not null)
    and newest.state = 'denied';
  if event_row_ids is null then
    return 0;
  end if;
  return fb_ads.suppress_events(event_row_ids);
end;
$$;

comment on function fb_ads.suppress_subjects(text[]) is
  'Suppresses what waits of these users and browsers where their newest consent is a denial.';

-- schemas/outbox/visitor_limits.sql

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

-- schemas/outbox/event_requests.sql

-- The events of a request as rows.

create function fb_ads.given_events(request jsonb)
returns table (
  place bigint, event_name text, event_id text, event_time timestamptz, action_source text, content jsonb,
  user_data jsonb, browser_data jsonb, order_id text, user_digest text, browser_digest text, person_digests text[],
  consent text, consent_at timestamptz, test_event_code text, fbc_is_built boolean, may_be_sent boolean
) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  select
    given.ordinality, given.event_name, given.event_id, to_timestamp(given.event_time), given.action_source,
    given.content, given.user_data, given.browser_data, given.order_id, given.user_digest, given.browser_digest,
    given.person_digests, given.consent,
    -- An event's time is a whole second, so its consent dates from the end of it; never from the future.
    case
      when given.consent is not null
        then least(
          now(),
          coalesce(to_timestamp(given.consent_since), to_timestamp(given.event_time) + interval '0.999999 seconds')
        )
    end,
    given.test_event_code, coalesce(given.fbc_is_built, false),
    request ->> 'origin' is distinct from 'browser' or given.event_name = any (settings.browser_events)
  from rows from (
    jsonb_to_recordset(request -> 'events') as (
      event_name text, event_id text, event_time double precision, action_source text, content jsonb, user_data jsonb,
      browser_data jsonb, order_id text, user_digest text, browser_digest text, person_digests text[], consent text,
      consent_since double precision, test_event_code text, fbc_is_built boolean
    )
  ) with ordinality as given
  cross join fb_ads.settings as settings;
$$;

comment on function fb_ads.given_events(jsonb) is
  'The events of a request to fb_store_events as rows, with their place in it and whether this caller may send them. '
  'Nothing is kept of an event that it may not send.';

-- schemas/consent/event_consents.sql

-- The consent that events carry.
-- Why repeated denials are written and repeated consents are not: a consent that is received late must not undo a
-- denial.

create function fb_ads.later_grant(subject_kind text, subject text, denied_at timestamptz)
returns table (kind text, digest text, state text, since timestamptz, source text)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  -- A repeated consent is not written as a row, so it is read from the events.
  select later_grant.subject_kind, later_grant.subject, 'granted', max(event.consent_at), 'event'
  from fb_ads.conversion_events as event
  where event.consent = 'granted' and event.consent_at > later_grant.denied_at
    and ((later_grant.subject_kind = 'user' and event.user_digest = later_grant.subject)
      or (later_grant.subject_kind = 'browser' and event.browser_digest = later_grant.subject))
  having max(event.consent_at) is not null;
$$;

comment on function fb_ads.later_grant(text, text, timestamptz) is
  'The newest consent that stored events of a user or browser carry and that is newer than a denial.';

create function fb_ads.note_consents(request jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  denials fb_ads.consents[];
begin
  with changed as (
    insert into fb_ads.consents (subject_kind, subject, state, since, source)
    select distinct said.subject_kind, said.subject, given.consent, given.consent_at, 'event'
    from fb_ads.given_events(request) as given
    cross join lateral (
      values ('user', given.user_digest), ('browser', given.browser_digest)
    ) as said (subject_kind, subject)
    left join lateral (
      select known.state, known.since
      from fb_ads.consents as known
      where known.subject_kind = said.subject_kind and known.subject = said.subject
      order by known.since desc, known.state = 'denied' desc
      limit 1
    ) as newest on true
    where given.consent is not null and said.subject is not null and given.may_be_sent
      and (
        given.consent = 'granted' or said.subject_kind = 'user' or newest.state is not null
        or coalesce((request ->> 'remembers_denials')::boolean, true)
        or fb_ads.is_known_browser(said.subject)
      )
      -- A repeated denial is written, for it outweighs a consent from between the two that is received later.
      and (
        newest.state is null
        or ((newest.state <> given.consent or given.consent = 'denied') and newest.since <= given.consent_at)
      )
    order by said.subject_kind, said.subject, given.consent_at, given.consent
    on conflict on constraint consents_key do nothing
    returning consents.*
  )
  select array_agg(
    row(changed.*)::fb_ads.consents order by changed.subject_kind, changed.subject
  ) filter (where changed.state = 'denied')
  into denials
  from changed;
  if denials is null then
    return;
  end if;

  -- Of a repeated denial the first and the last are kept.
  delete from fb_ads.consents as middle
  using unnest(denials) as last
  where middle.subject_kind = last.subject_kind and middle.subject = last.subject
    and middle.state = 'denied' and middle.source = 'event' and middle.since < last.since
    and exists (
      select from fb_ads.consents as first
      where first.subject_kind = middle.subject_kind
        and first.subject = middle.subject
        and first.state = 'denied'
        and first.since < middle.since
        and not exists (
          select from fb_ads.consents as granted
          where granted.subject_kind = first.subject_kind
            and granted.subject = first.subject
            and granted.state = 'granted'
            and granted.since between first.since and last.since
        )
    );
  insert into fb_ads.consents (subject_kind, subject, state, since, source)
  select later.*
  from unnest(denials) as denied
  cross join lateral fb_ads.later_grant(denied.subject_kind, denied.subject, denied.since) as later
  on conflict on constraint consents_key do nothing;
end;
$$;

comment on function fb_ads.note_consents(jsonb) is
  'Keeps the consent that events carry where it changes what was known of their user or browser, or repeats a denial; '
  'in one order, so that no two batches wait for each other.';

-- schemas/consent/consent_requests.sql

-- Giving and withdrawing consent by a request of its own.

create function public.fb_store_consent(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  said_at timestamptz := least(now(), coalesce(to_timestamp((request ->> 'since')::double precision), now()));
  suppressed bigint := 0;
begin
  insert into fb_ads.consents (subject_kind, subject, state, since, source)
  select said.subject_kind, said.subject, request ->> 'state', said_at, coalesce(request ->> 'source', 'request')
  -- In the order of fb_ads.note_consents, so that neither waits for the other.
  from (
    values ('browser', request ->> 'browser_digest'), ('user', request ->> 'user_digest')
  ) as said (subject_kind, subject)
  where said.subject is not null
    and (
      request ->> 'state' = 'granted' or said.subject_kind = 'user'
      or coalesce((request ->> 'remembers_denials')::boolean, true)
      or fb_ads.is_known_browser(said.subject)
    )
  on conflict on constraint consents_key do nothing;
  if request ->> 'state' = 'denied' then
    insert into fb_ads.consents (subject_kind, subject, state, since, source)
    select later.*
    from (
      values ('browser', request ->> 'browser_digest'), ('user', request ->> 'user_digest')
    ) as said (subject_kind, subject)
    cross join lateral fb_ads.later_grant(said.subject_kind, said.subject, said_at) as later
    on conflict on constraint consents_key do nothing;
    suppressed := fb_ads.suppress_subjects(
      array_remove(array[request ->> 'user_digest', request ->> 'browser_digest'], null)
    );
  end if;
  return jsonb_build_object('suppressed', suppressed);
end;
$$;

comment on function public.fb_store_consent(jsonb) is
  'Called by capi-event: keeps {state: granted|denied, since?, source?, user_digest?, browser_digest?, '
  'remembers_denials?}; a withdrawal suppresses what still waits of that user or browser. Where remembers_denials is '
  'false, no denial is kept of a browser that nothing is known of. Returns {suppressed}: deliveries taken back.';

-- schemas/outbox/host_tables.sql

-- The host's tables of transactions that the purchase triggers are on, and what their catalogue says.
-- Why remembered: the sweep looks at the same tables with the same columns, and nothing completed before attached_at is
-- ever sent.

create table fb_ads.attached_tables (
  id integer generated always as identity primary key,
  host_table text not null unique,
  key_column text not null,
  status_column text not null,
  completed_statuses text[] not null,
  completed_at_column text,
  created_at_column text,
  user_column text,
  ref_prefix text not null default '',
  source text,
  capture_function text not null unique,
  attached_at timestamptz not null default now(),
  constraint completed_statuses_are_lower_case check (completed_statuses::text = lower(completed_statuses::text)),
  constraint completed_statuses_are_named check (cardinality(completed_statuses) > 0)
);

comment on table fb_ads.attached_tables is
  'Host tables that fb_ads.attach_transactions put the purchase triggers on. Written by it and by '
  'fb_ads.detach_transactions alone.';
comment on column fb_ads.attached_tables.id is 'Our key.';
comment on column fb_ads.attached_tables.host_table is 'Schema and name of the table, quoted where needed.';
comment on column fb_ads.attached_tables.key_column is 'Column that identifies a transaction; of any type, never null.';
comment on column fb_ads.attached_tables.status_column is 'Column that says how far a transaction is.';
comment on column fb_ads.attached_tables.completed_statuses is
  'Values of status_column, in lower case, that mean paid.';
comment on column fb_ads.attached_tables.completed_at_column is
  'Column that says when it was paid; null where the table has none: then the time of the statement counts.';
comment on column fb_ads.attached_tables.created_at_column is
  'Column that says when the transaction began; the sweep goes by it where completed_at_column is null.';
comment on column fb_ads.attached_tables.user_column is 'Column that holds the buyer''s key; null where there is none.';
comment on column fb_ads.attached_tables.ref_prefix is
  'Put before the key to make transaction_ref, so that two tables with counting keys '
  'do not collide. Must be what fb_ads.purchases puts there.';
comment on column fb_ads.attached_tables.source is
  'What is sold through this table (p2p, canva, ...); null where a column of the host says it.';
comment on column fb_ads.attached_tables.capture_function is
  'Name, in schema fb_ads, of the trigger function made for this table.';
comment on column fb_ads.attached_tables.attached_at is
  'Since when sales of this table are reported. Nothing completed before is ever sent.';

alter table fb_ads.attached_tables enable row level security;

create function fb_ads.has_column(host_table regclass, column_name text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = host_table
      and attribute.attname = column_name
      and attribute.attnum > 0
      and not attribute.attisdropped
  );
$$;

comment on function fb_ads.has_column(regclass, text) is 'Whether a table has a column of that name.';

create function fb_ads.first_column(host_table regclass, column_names text[])
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select wanted.name
  from unnest(column_names) with ordinality as wanted (name, position)
  where fb_ads.has_column(host_table, wanted.name)
  order by wanted.position
  limit 1;
$$;

comment on function fb_ads.first_column(regclass, text[]) is
  'The first of these columns that the table has; null when it has none.';

create function fb_ads.is_uuid_key(host_table regclass, column_name text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from pg_catalog.pg_attribute as attribute
    join pg_catalog.pg_index as unique_index
      on unique_index.indrelid = attribute.attrelid and unique_index.indisunique and unique_index.indpred is null
      and unique_index.indnkeyatts = 1 and unique_index.indkey[0] = attribute.attnum
    where attribute.attrelid = host_table and attribute.attname = column_name and attribute.atttypid = 'uuid'::regtype
  );
$$;

comment on function fb_ads.is_uuid_key(regclass, text) is
  'Whether a column is a uuid with a unique index of its own, so that a foreign key may refer to it.';

-- schemas/outbox/purchases_view.sql

-- The one view through which this suite reads the host: fb_ads.purchases.
-- Why a function makes it: over the host's standard tables it is made at once, now or when they are attached. A host
-- with other tables defines it itself, with create or replace view and these columns in this order (more may follow at
-- the end).
-- Reading the host's catalogue and making a view takes no lock that a running host would notice; its tables are not
-- touched.

create function fb_ads.column_or_null(alias text, host_table regclass, column_names text[], type_name text)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    (
      select format('%I.%I::%s', alias, wanted.name, type_name)
      from unnest(column_names) with ordinality as wanted (name, position)
      where host_table is not null and fb_ads.has_column(host_table, wanted.name)
      order by wanted.position
      limit 1
    ),
    format('null::%s', type_name)
  );
$$;

comment on function fb_ads.column_or_null(text, regclass, text[], text) is
  'SQL text of the first of these columns that the table has, cast to a '
  'type; of a null of that type where it has none.';

create function fb_ads.standard_purchases_query()
returns text language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  sales regclass := to_regclass('public.transactions');
  people regclass := to_regclass('public.unified_profiles');
  statuses text[];
begin
  if sales is null or not fb_ads.has_column(sales, 'status') or not exists (
    select from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = sales and attribute.attname = 'id' and attribute.atttypid = 'uuid'::regtype
  ) then
    return null;
  end if;
  if people is not null and not (fb_ads.has_column(sales, 'user_id') and fb_ads.has_column(people, 'id')) then
    people := null;
  end if;
  select coalesce(
    (
      select attached.completed_statuses
      from fb_ads.attached_tables as attached
      where to_regclass(attached.host_table) = sales
    ),
    settings.completed_statuses
  )
  into statuses
  from fb_ads.settings as settings;

  return concat_ws(
    ', ',
    'select sale.id::text as transaction_ref',
    fb_ads.column_or_null('sale', sales, array['user_id'], 'text') || ' as user_ref',
    'sale.id as transaction_id',
    case when exists (
      select from pg_catalog.pg_attribute as attribute
      where attribute.attrelid = sales and attribute.attname = 'user_id' and attribute.atttypid = 'uuid'::regtype
    ) then 'sale.user_id' else 'null::uuid' end || ' as user_id',
    'null::bigint as transaction_number',
    fb_ads.column_or_null('sale', sales, array['source'], 'text') || ' as source',
    'sale.status::text as status',
    format('coalesce(lower(sale.status::text) = any (%L::text[]), false) as is_completed', statuses),
    fb_ads.column_or_null('sale', sales, array['completed_at', 'paid_at'], 'timestamptz') || ' as completed_at',
    fb_ads.column_or_null('sale', sales, array['checkout_at', 'created_at'], 'timestamptz') || ' as checkout_at',
    fb_ads.column_or_null('sale', sales, array['amount', 'value'], 'numeric') || ' as value',
    fb_ads.column_or_null('sale', sales, array['refunded_amount', 'amount_refunded'], 'numeric')
      || ' as refunded_amount',
    fb_ads.column_or_null('sale', sales, array['currency'], 'text') || ' as currency',
    fb_ads.column_or_null('sale', sales, array['order_id', 'order_number', 'external_id'], 'text') || ' as order_id',
    fb_ads.column_or_null('sale', sales, array['content_ids', 'product_ids'], 'text[]') || ' as content_ids',
    fb_ads.column_or_null('sale', sales, array['contents'], 'jsonb') || ' as contents',
    fb_ads.column_or_null('person', people, array['email'], 'text') || ' as email',
    fb_ads.column_or_null('person', people, array['phone'], 'text') || ' as phone',
    fb_ads.column_or_null('person', people, array['first_name'], 'text') || ' as first_name',
    fb_ads.column_or_null('person', people, array['last_name'], 'text') || ' as last_name',
    fb_ads.column_or_null('person', people, array['city'], 'text') || ' as city',
    fb_ads.column_or_null('person', people, array['state'], 'text') || ' as state',
    fb_ads.column_or_null('person', people, array['zip'], 'text') || ' as zip',
    fb_ads.column_or_null('person', people, array['country'], 'text') || ' as country'
  ) || ' from public.transactions as sale'
    -- Compared as text where the types differ; without a cast where they do not, for the index.
    || case
      when people is null then ''
      when (
        select count(distinct attribute.atttypid)
        from pg_catalog.pg_attribute as attribute
        where (attribute.attrelid, attribute.attname) in ((sales, 'user_id'), (people, 'id'))
      ) = 1 then ' left join public.unified_profiles as person on person.id = sale.user_id'
      else ' left join public.unified_profiles as person on person.id::text = sale.user_id::text'
    end;
end;
$$;

comment on function fb_ads.standard_purchases_query() is
  'The query of fb_ads.purchases over public.transactions (id uuid, status, ...) and public.unified_profiles, with '
  'null for what they lack; null where the host has no such tables.';

create view fb_ads.purchases with (security_invoker = true) as
select
  null::text as transaction_ref,
  null::text as user_ref,
  null::uuid as transaction_id,
  null::uuid as user_id,
  null::bigint as transaction_number,
  null::text as source,
  null::text as status,
  null::boolean as is_completed,
  null::timestamptz as completed_at,
  null::timestamptz as checkout_at,
  null::numeric as value,
  null::numeric as refunded_amount,
  null::text as currency,
  null::text as order_id,
  null::text[] as content_ids,
  null::jsonb as contents,
  null::text as email,
  null::text as phone,
  null::text as first_name,
  null::text as last_name,
  null::text as city,
  null::text as state,
  null::text as zip,
  null::text as country
where false;

comment on view fb_ads.purchases is
  'All that this suite reads of the host: one row a transaction. Made over transactions and unified_profiles where '
  'the host has them; otherwise empty until the host defines it with create or replace view, these columns first and '
  'in this order.';
comment on column fb_ads.purchases.transaction_ref is
  'The transaction''s key as text, after the ref_prefix of its attached '
  'table; unique. It is the event_id of the Purchase.';
comment on column fb_ads.purchases.user_ref is
  'The buyer''s key as text, the same that the user''s token carries as sub; null for a guest.';
comment on column fb_ads.purchases.transaction_id is
  'The transaction''s key where it is a uuid (without a cast, so that its index serves); null otherwise, and for '
  'every table but the first whose key is a uuid.';
comment on column fb_ads.purchases.user_id is
  'The buyer''s key where it is a uuid of unified_profiles; null otherwise.';
comment on column fb_ads.purchases.transaction_number is
  'The transaction''s key where it is an integer (without a cast, so that its index serves); null otherwise.';
comment on column fb_ads.purchases.source is 'What is sold here: p2p, canva, ...';
comment on column fb_ads.purchases.status is 'The host''s word for how far the transaction is.';
comment on column fb_ads.purchases.is_completed is
  'Whether that status means paid; where it is null, '
  'settings.completed_statuses and those of the attached tables say so.';
comment on column fb_ads.purchases.completed_at is 'When it was paid: the event_time of the Purchase.';
comment on column fb_ads.purchases.checkout_at is 'When the checkout or the transaction began.';
comment on column fb_ads.purchases.value is 'What was paid, in major units of currency.';
comment on column fb_ads.purchases.refunded_amount is
  'How much of it was paid back, in the same currency; null or 0 for nothing.';
comment on column fb_ads.purchases.currency is 'ISO 4217 code of value.';
comment on column fb_ads.purchases.order_id is
  'The order number that the shopper''s checkout event may carry as '
  'custom_data.order_id; null where the key is all there is.';
comment on column fb_ads.purchases.content_ids is 'Ids of what was sold, as the catalogue at Meta knows them.';
comment on column fb_ads.purchases.contents is 'Meta''s contents: a list of {id, quantity, item_price}.';
comment on column fb_ads.purchases.email is
  'The buyer''s e-mail address, in clear: it is hashed on the way to Meta and stored nowhere.';
comment on column fb_ads.purchases.phone is 'The buyer''s phone number, as the host keeps it.';
comment on column fb_ads.purchases.first_name is 'The buyer''s first name.';
comment on column fb_ads.purchases.last_name is 'The buyer''s last name.';
comment on column fb_ads.purchases.city is 'The buyer''s city.';
comment on column fb_ads.purchases.state is 'The buyer''s state or province.';
comment on column fb_ads.purchases.zip is 'The buyer''s postcode.';
comment on column fb_ads.purchases.country is 'The buyer''s country.';

create function fb_ads.make_purchases_view()
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  query text := fb_ads.standard_purchases_query();
begin
  if query is null then
    return false;
  end if;
  if to_regclass('fb_ads.purchases') is not null and not exists (
    select from fb_ads.settings as settings
    where settings.purchases_view_md5 = md5(pg_get_viewdef(to_regclass('fb_ads.purchases')))
  ) then
    return false;
  end if;
  execute 'create or replace view fb_ads.purchases with (security_invoker = true) as ' || query;
  grant select on fb_ads.purchases to service_role;
  update fb_ads.settings set purchases_view_md5 = md5(pg_get_viewdef(to_regclass('fb_ads.purchases')))
  where id;
  return true;
end;
$$;

comment on function fb_ads.make_purchases_view() is
  'Makes fb_ads.purchases (again) over the host''s standard tables, with the columns that they have now. False where '
  'the host has others, or has defined the view itself. Call it after adding a column to them.';

-- schemas/outbox/capture.sql

-- The trigger function on a host table: it writes the keys of what a statement completed, and calls capi-event once.
-- Why one function is generated for each table: with its columns written out its plans are cached. An update that
-- completes nothing then costs microseconds.
-- Statuses are compared as completed, COMPLETED and Completed; the sweep compares them whatever their case.
-- The function never fails the host's statement: every error ends as a warning, it waits 50 ms for a lock of ours, and
-- the sweep finds what is lost here.

create function fb_ads.capture_function_body(attached fb_ads.attached_tables)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select format(
    $body$
begin
  begin
    if tg_op = 'INSERT' then
      if not exists (select from new_rows as sale where %1$s) then
        return null;
      end if;
      begin
        -- A key is seldom known already, and a lookup of each of 100,000 would double the cost. Inserted in the index's
        -- order, for the same reason.
        insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
        select 'Purchase', %2$s, %3$s, %2$s
        from new_rows as sale
        where %1$s and sale.%5$I is not null and %3$s >= %4$L::timestamptz
        order by (%2$s) collate "C";
      exception when unique_violation then
        -- An event that the host's own server sent by that id is this sale, and is sent already. No "do update": it
        -- locks rows that it does not change.
        update fb_ads.conversion_events as known
        set transaction_ref = known.event_id
        where known.event_name = 'Purchase' and known.transaction_ref is null
          and known.event_id in (select %2$s from new_rows as sale where %1$s and sale.%5$I is not null);
        insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
        select 'Purchase', %2$s, %3$s, %2$s
        from new_rows as sale
        where %1$s and sale.%5$I is not null and %3$s >= %4$L::timestamptz
        on conflict (event_id, event_name) do nothing;
      end;
    else
      if not exists (select from new_rows as sale where %1$s) then
        return null;
      end if;
      -- "not in" and no join: its plan is a hash, whatever the size of the first statement that was planned.
      if not exists (
        select
        from new_rows as sale
        where %1$s
          and sale.%5$I not in (select was.%5$I from old_rows as was where %6$s and was.%5$I is not null)
      ) then
        return null;
      end if;
      begin
        insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
        select 'Purchase', %2$s, %3$s, %2$s
        from new_rows as sale
        where %1$s and sale.%5$I is not null and %3$s >= %4$L::timestamptz
          and sale.%5$I not in (select was.%5$I from old_rows as was where %6$s and was.%5$I is not null)
        order by (%2$s) collate "C";
      exception when unique_violation then
        update fb_ads.conversion_events as known
        set transaction_ref = known.event_id
        where known.event_name = 'Purchase' and known.transaction_ref is null
          and known.event_id in (select %2$s from new_rows as sale where %1$s and sale.%5$I is not null);
        insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
        select 'Purchase', %2$s, %3$s, %2$s
        from new_rows as sale
        where %1$s and sale.%5$I is not null and %3$s >= %4$L::timestamptz
          and sale.%5$I not in (select was.%5$I from old_rows as was where %6$s and was.%5$I is not null)
        on conflict (event_id, event_name) do nothing;
      end;
    end if;
  exception when others then
    raise warning 'fb_ads: completed transactions were not noted (%%); the sweep will find them', sqlstate;
    return null;
  end;
  if found then
    begin
      perform fb_ads.invoke_edge_function('capi-event', '{"dispatch": true}');
    exception when others then
      raise warning 'fb_ads: capi-event was not called (%%); the tick will call it', sqlstate;
    end;
  end if;
  return null;
end;
$body$,
    format('sale.%I::text = any (%L::text[])', attached.status_column, spelt.statuses),
    case when attached.ref_prefix = '' then '' else quote_literal(attached.ref_prefix) || ' || ' end
      || format('sale.%I::text', attached.key_column),
    case
      when attached.completed_at_column is null then 'now()'
      else format('coalesce(sale.%I::timestamptz, now())', attached.completed_at_column)
    end,
    attached.attached_at,
    attached.key_column,
    format('was.%I::text = any (%L::text[])', attached.status_column, spelt.statuses)
  )
  from (
    -- The spellings that hosts use are written out: lower() for every row would cost more than everything else.
    select array_agg(distinct spelling.status)
    from unnest(attached.completed_statuses) as named (status)
    cross join lateral (values (named.status), (upper(named.status)), (initcap(named.status))) as spelling (status)
  ) as spelt (statuses);
$$;

comment on function fb_ads.capture_function_body(fb_ads.attached_tables) is
  'Source of the trigger function for one attached table. Called by fb_ads.make_capture_function.';

create function fb_ads.make_capture_function(attached fb_ads.attached_tables)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  execute format(
    'create or replace function fb_ads.%I() returns trigger language plpgsql volatile security definer '
    'set search_path = pg_catalog, pg_temp set lock_timeout = ''50ms'' as %L',
    attached.capture_function,
    fb_ads.capture_function_body(attached)
  );
  execute format('revoke execute on function fb_ads.%I() from public, anon, authenticated', attached.capture_function);
  execute format(
    'comment on function fb_ads.%I() is %L',
    attached.capture_function,
    'Notes which transactions of ' || attached.host_table
      || ' a statement completed. Definer: the role that pays may not write here. Never fails the statement.'
  );
end;
$$;

comment on function fb_ads.make_capture_function(fb_ads.attached_tables) is
  'Makes, or makes anew, the trigger function of one attached table. Called when its row is written.';

create function fb_ads.remake_capture_function()
returns trigger language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform fb_ads.make_capture_function(new);
  return null;
end;
$$;

comment on function fb_ads.remake_capture_function() is
  'The trigger function of a host table holds the values of this row, '
  'attached_at too, so a change of the row makes it anew.';

create trigger attached_tables_remake_capture_function
after insert or update on fb_ads.attached_tables
for each row execute function fb_ads.remake_capture_function();

-- schemas/outbox/sweep.sql

-- The sweep: it finds completed transactions that the triggers could not note (our table locked, triggers disabled, a
-- restored copy).
-- Why by table and not through fb_ads.purchases: each table counts from its own attached_at.
-- Operator: it reads the sales of the last 7 days; on a large table an index on the completed_at column makes it cheap.

create function fb_ads.sweep_table(attached fb_ads.attached_tables)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  noted bigint;
  -- A table may have one of the two, and %I takes no null.
  completed text := 'sale.' || quote_ident(attached.completed_at_column) || '::timestamptz';
  created text := 'sale.' || quote_ident(attached.created_at_column) || '::timestamptz';
begin
  if to_regclass(attached.host_table) is null or coalesce(completed, created) is null then
    return 0;
  end if;
  execute format(
    $query$
      insert into fb_ads.conversion_events as noted (event_name, event_id, event_time, transaction_ref)
      select 'Purchase', $1 || sale.%1$I::text, least(%2$s, now()), $1 || sale.%1$I::text
      from %3$s as sale
      where %4$s and lower(sale.%5$I::text) = any ($3) and sale.%1$I is not null
        and not exists (
          select from fb_ads.conversion_events as known
          where known.event_name = 'Purchase'
            and known.event_id = $1 || sale.%1$I::text
            and known.transaction_ref is not null
        )
      on conflict (event_id, event_name) do update
      set transaction_ref = excluded.transaction_ref
      where noted.transaction_ref is null
    $query$,
    attached.key_column,
    concat_ws(', ', 'coalesce(' || coalesce(completed, created), case when completed is not null then created end)
      || ')',
    attached.host_table,
    -- Written so that an index on the first column serves.
    case
      when completed is not null and created is not null
        then format('(%1$s >= $2 or (%1$s is null and %2$s >= $2))', completed, created)
      else format('%s >= $2', coalesce(completed, created))
    end,
    attached.status_column
  )
  using attached.ref_prefix, greatest(attached.attached_at, now() - interval '7 days'), attached.completed_statuses;
  get diagnostics noted = row_count;
  return noted;
end;
$$;

comment on function fb_ads.sweep_table(fb_ads.attached_tables) is
  'Notes the completed transactions of one attached table that were completed after attached_at, in the last 7 days, '
  'and are not noted yet; returns how many.';

create function fb_ads.sweep_purchases()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  attached fb_ads.attached_tables;
  noted bigint := 0;
begin
  for attached in select * from fb_ads.attached_tables order by id loop
    begin
      noted := noted + fb_ads.sweep_table(attached);
    exception when others then
      -- One table whose columns have changed must not hold up the others' sales.
      raise warning 'fb_ads: % could not be swept (%)', attached.host_table, sqlstate;
    end;
  end loop;
  if noted > 0 then
    begin
      perform fb_ads.invoke_edge_function('capi-event', '{"dispatch": true}');
    exception when others then
      raise warning 'fb_ads: capi-event was not called (%)', sqlstate;
    end;
  end if;
  return noted;
end;
$$;

comment on function fb_ads.sweep_purchases() is
  'Every 15 minutes: notes what the triggers missed in all attached tables and calls capi-event when there was any; '
  'returns how many. Safe to run twice at once.';

-- schemas/outbox/purchase_lookups.sql

-- Reading sales by their references.
-- Why through the host's own keys: a reference is text, and the host's index is on a uuid or an integer.

create function fb_ads.numbers_in_refs(refs text[])
returns bigint[] language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select array_agg(distinct tail.digits::bigint)
  from unnest(refs) as given (ref)
  cross join lateral (
    -- A minus may belong to the key or to the prefix, and a prefix may end in digits. A number that is not the key
    -- finds nothing.
    select substring(given.ref from '[0-9]{1,19}$')
    union
    select substring(given.ref from '-[0-9]{1,19}$')
    union
    select substr(given.ref, length(attached.ref_prefix) + 1)
    from fb_ads.attached_tables as attached
    where starts_with(given.ref, attached.ref_prefix)
  ) as tail (digits)
  where tail.digits ~ '^-?[0-9]{1,19}$' and tail.digits::numeric between -9223372036854775808 and 9223372036854775807;
$$;

comment on function fb_ads.numbers_in_refs(text[]) is
  'The integer keys that these references may be made of, with or without a prefix; null for none.';

create function fb_ads.read_purchases(refs text[])
returns setof jsonb language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ids uuid[];
  numbers bigint[] := fb_ads.numbers_in_refs(refs);
begin
  select array_agg(given.ref::uuid)
  into ids
  from unnest(refs) as given (ref)
  where given.ref ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
  -- Three ways in, so that the index on the host's own key serves whatever its type.
  if ids is not null then
    return query
      select to_jsonb(sale) || jsonb_build_object('value', sale.value::text)
      from fb_ads.purchases as sale
      where sale.transaction_id = any (ids) and sale.transaction_ref = any (refs);
  end if;
  if numbers is not null then
    return query
      select to_jsonb(sale) || jsonb_build_object('value', sale.value::text)
      from fb_ads.purchases as sale
      where sale.transaction_id is null
        and sale.transaction_number = any (numbers)
        and sale.transaction_ref = any (refs);
  end if;
  return query
    select to_jsonb(sale) || jsonb_build_object('value', sale.value::text)
    from fb_ads.purchases as sale
    where sale.transaction_id is null and sale.transaction_number is null and sale.transaction_ref = any (refs);
end;
$$;

comment on function fb_ads.read_purchases(text[]) is
  'Rows of fb_ads.purchases by reference. Called by fb_ads.find_purchases.';

create function fb_ads.means_paid(status text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(lower(status) = any (settings.completed_statuses), false)
    or exists (select from fb_ads.attached_tables as attached where lower(status) = any (attached.completed_statuses))
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.means_paid(text) is
  'Whether a status means paid, for a host whose fb_ads.purchases leaves '
  'is_completed null: by the settings, or by any attached table.';

-- Definer: the host need not grant its tables to service_role. Gives out only the sales asked for.
create function fb_ads.find_purchases(refs text[])
returns setof jsonb language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  sales jsonb[];
begin
  -- A host that dropped a table with cascade dropped the view as well: its sales wait until the view is there again.
  if to_regclass('fb_ads.purchases') is null then
    return;
  end if;
  begin
    sales := array(select fb_ads.read_purchases(refs));
  exception when data_exception or cardinality_violation or raise_exception then
    if cardinality(refs) = 1 then
      raise warning 'fb_ads: transaction % could not be read (%)', refs[1], sqlstate;
      return next jsonb_build_object('transaction_ref', refs[1], 'is_unreadable', true);
      return;
    end if;
    -- One sale that the host's view cannot read must not hold up the others.
    sales := array(select fb_ads.find_purchases(array[given.ref]) from unnest(refs) as given (ref));
    if not exists (select from unnest(sales) as found_sale where not found_sale ? 'is_unreadable') then
      -- No sale can be read: the view is at fault, and all wait until it is mended.
      raise;
    end if;
  end;
  return query
    select found_sale || jsonb_build_object(
      'is_completed', coalesce((found_sale ->> 'is_completed')::boolean, fb_ads.means_paid(found_sale ->> 'status'))
    )
    from unnest(sales) as found_sale;
end;
$$;

comment on function fb_ads.find_purchases(text[]) is
  'Rows of fb_ads.purchases by reference, as JSON with value as text, through the host''s own key index; none where '
  'the view is gone. Of a sale that cannot be read it gives {transaction_ref, is_unreadable}, with a warning: it is '
  'neither paid nor deleted.';

create function fb_ads.order_ids_of_sale(sale jsonb)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array[sale ->> 'transaction_ref', sale ->> 'order_id', sale ->> 'transaction_id'];
$$;

comment on function fb_ads.order_ids_of_sale(jsonb) is 'By which order ids a checkout may name this sale.';

create function fb_ads.person_digests_of_sale(sale jsonb)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array(
    select fb_ads.digest_of(known.value)
    from (
      values
        (case when sale ->> 'email' like '%@%' then sale ->> 'email' end),
        (nullif(regexp_replace(sale ->> 'phone', '[^0-9]', '', 'g'), ''))
    ) as known (value)
    where known.value is not null
  );
$$;

comment on function fb_ads.person_digests_of_sale(jsonb) is
  'Digests of the e-mail address and of the phone number''s digits that the host keeps of a sale. A number without its '
  'country code has another digest than Meta''s ph: it then finds nothing.';

-- schemas/outbox/checkouts.sql

-- The checkout event that a sale began with.
-- Why by what fits and not by who came first: anyone with the publishable key can send a checkout that names anybody's
-- order. Such a claim counts only while nobody disputes it.

create function fb_ads.fitting_checkouts(
  purchase_id bigint, user_digest text, order_ids text[], made_at timestamptz, paid_at timestamptz
)
returns setof fb_ads.conversion_events language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with bounds as (
    select
      -- Order numbers begin anew: a checkout of last month's INV-7 says nothing about this one.
      greatest(paid_at - interval '30 days', made_at - interval '1 hour') as since,
      -- Some hosts keep whole seconds: such a second lasts to its end.
      paid_at + case
        when paid_at = date_trunc('second', paid_at) then interval '1 second'
        else interval '1 microsecond'
      end as received_before,
      settings.checkout_window
    from fb_ads.settings as settings
  ),
  candidates as (
    select named.*
    from bounds
    cross join lateral (
      select checkout.*
      from fb_ads.conversion_events as checkout
      where checkout.event_name = 'InitiateCheckout' and checkout.order_id = any (order_ids)
        and checkout.event_time between bounds.since and paid_at
        and checkout.received_at < bounds.received_before
    ) as named
    union all
    select latest.*
    from bounds
    cross join lateral (
      select checkout.*
      from fb_ads.conversion_events as checkout
      where checkout.event_name = 'InitiateCheckout' and checkout.user_digest = fitting_checkouts.user_digest
        and checkout.event_time between greatest(bounds.since, paid_at - bounds.checkout_window) and paid_at
        and checkout.received_at < bounds.received_before
      order by checkout.event_time desc, checkout.id desc
      limit 1
    ) as latest
    where latest.order_id is null
  )
  select candidates.*
  from candidates
  where (
      candidates.user_digest is null
      or fitting_checkouts.user_digest is null
      or candidates.user_digest = fitting_checkouts.user_digest
    )
    and not exists (
      select
      from fb_ads.conversion_events as other
      where other.checkout_event_id = candidates.id and other.id is distinct from fitting_checkouts.purchase_id
    );
$$;

comment on function fb_ads.fitting_checkouts(bigint, text, text[], timestamptz, timestamptz) is
  'Checkout events that may be a sale''s: those that name it (one of order_ids), and the latest of its verified user '
  'within settings.checkout_window if that names no order. None older than made_at less an hour or than 30 days before '
  'payment, none of another verified user, none that another Purchase uses.';

create type fb_ads.checkout_choice as (
  checkout_id bigint,
  is_trusted boolean,
  consent text,
  consent_at timestamptz
);

comment on type fb_ads.checkout_choice is
  'The checkout of a sale, null where there is none or browsers dispute it; whether a server or the sale''s own '
  'verified user reported it; and what checkouts say of consent: the chosen one''s, or the latest of the disputing '
  'ones''.';

create function fb_ads.choose_checkout(
  purchase_id bigint, user_digest text, person_digests text[], order_ids text[], made_at timestamptz,
  paid_at timestamptz
)
returns fb_ads.checkout_choice language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with fitting as materialized (
    select
      checkout.id, checkout.event_time, checkout.consent,
      coalesce(checkout.consent_at, checkout.received_at) as consent_at,
      checkout.order_id is not null as is_named,
      coalesce(checkout.user_digest = choose_checkout.user_digest, false) as is_own_user,
      checkout.origin = 'server'
        or coalesce(checkout.user_digest = choose_checkout.user_digest, false) as is_trusted,
      -- Two events without a browser id may come from two browsers.
      coalesce(checkout.browser_digest, 'event ' || checkout.id::text) as browser,
      coalesce(checkout.person_digests && choose_checkout.person_digests, false) or exists (
        select
        from fb_ads.conversion_events as seen
        where seen.browser_digest = checkout.browser_digest and seen.user_digest = choose_checkout.user_digest
      ) as is_shared_with_sale
    from fb_ads.fitting_checkouts(
      choose_checkout.purchase_id, choose_checkout.user_digest, order_ids, made_at, paid_at
    ) as checkout
  ),
  claims as (
    select fitting.* from fitting where not fitting.is_trusted
  ),
  agreed as (
    -- One browser alone, or among several the one that shares something with the sale.
    select claims.*
    from claims
    cross join (
      select
        count(distinct every.browser) as browsers,
        count(distinct every.browser) filter (where every.is_shared_with_sale) as sharing
      from claims as every
    ) as counted
    where counted.browsers = 1 or (counted.sharing = 1 and claims.is_shared_with_sale)
  ),
  chosen as (
    select candidate.*
    from (
      select fitting.* from fitting where fitting.is_trusted
      union all
      select agreed.* from agreed
    ) as candidate
    order by
      candidate.is_trusted desc, candidate.is_own_user desc, candidate.is_named desc, candidate.event_time desc,
      candidate.id desc
    limit 1
  ),
  said as (
    select chosen.consent, chosen.consent_at from chosen
    union all
    select claims.consent, claims.consent_at from claims where not exists (select from chosen)
  ),
  latest as (
    select said.consent, said.consent_at
    from said
    where said.consent is not null
    order by said.consent_at desc, said.consent
    limit 1
  )
  select row(
    (select chosen.id from chosen),
    coalesce((select chosen.is_trusted from chosen), false),
    (select latest.consent from latest),
    (select latest.consent_at from latest)
  )::fb_ads.checkout_choice;
$$;

comment on function fb_ads.choose_checkout(bigint, text, text[], text[], timestamptz, timestamptz) is
  'The checkout event of a sale. What a server or the sale''s own verified user reported counts at once. An anonymous '
  'browser''s claim counts while no other browser names the same order; among several, the one that shares an e-mail '
  'address, a phone number or its browser with the sale or its user. person_digests: digests of the sale''s e-mail '
  'address and phone number.';

create function fb_ads.consent_of_sale(user_digest text, choice fb_ads.checkout_choice)
returns table (consent text, since timestamptz) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  with checkout as (
    select event.browser_digest from fb_ads.conversion_events as event where event.id = choice.checkout_id
  ),
  own as (
    select known.state, known.since
    from fb_ads.newest_consent(consent_of_sale.user_digest, null) as known
    where known.state is not null
  ),
  said as (
    select own.state as consent, own.since from own
    union all
    -- An anonymous checkout never overrules a user who has said something.
    select known.state, known.since
    from checkout
    cross join lateral fb_ads.newest_consent(null, checkout.browser_digest) as known
    where choice.is_trusted or not exists (select from own)
    union all
    select choice.consent, choice.consent_at
    where choice.is_trusted or not exists (select from own)
  )
  select said.consent, said.since
  from (
    select said.consent, said.since from said where said.consent is not null
    union all
    select null, null
  ) as said
  order by said.consent is null, said.since desc, said.consent
  limit 1;
$$;

comment on function fb_ads.consent_of_sale(text, fb_ads.checkout_choice) is
  'The consent that a Purchase carries: the newest of its user, of the browser of its checkout and of the checkout; '
  'where the checkout is an anonymous claim, the user''s alone if there is one. One row; nulls where nobody said '
  'anything.';

-- schemas/outbox/purchase_claims.sql

-- From the bare key of a purchase to what is sent: the function claims the keys, reads the sale and its checkout, and
-- stores a snapshot of the content.
-- Why two calls: TypeScript normalises and hashes, and the snapshot must not change between two attempts.

create function fb_ads.claim_waiting_purchases(lease_id uuid, pixel_ids text[], most integer)
returns text[] language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  refs text[];
begin
  with due as (
    select event.id
    from fb_ads.conversion_events as event
    where event.state = 'waiting' and event.not_before <= now()
    order by event.not_before
    limit most
    for update skip locked
  ),
  claimed as (
    update fb_ads.conversion_events as event
    set state = case
        when event.event_time < now() - interval '7 days' + interval '2 minutes' then 'expired'
        else 'waiting'
      end,
      final_at = case when event.event_time < now() - interval '7 days' + interval '2 minutes' then now() end,
      attempts = event.attempts + 1,
      lease_id = claim_waiting_purchases.lease_id,
      not_before = now() + interval '90 seconds'
    from due
    where event.id = due.id
    returning event.id, event.state, event.transaction_ref
  ),
  expired as (
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, reason)
    select claimed.id, pixel.id, 'expired', 'event_too_old'
    from claimed
    cross join unnest(pixel_ids) as pixel (id)
    where claimed.state = 'expired'
  )
  select array_agg(claimed.transaction_ref) into refs from claimed where claimed.state = 'waiting';
  return coalesce(refs, '{}');
end;
$$;

comment on function fb_ads.claim_waiting_purchases(uuid, text[], integer) is
  'Leases keys of purchases that need a snapshot and returns their '
  'references; those older than Meta takes become expired.';

create function fb_ads.settle_purchases_without_snapshot(
  lease uuid,
  pixel_ids text[],
  require_consent boolean,
  found_sales jsonb
)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with sales as (
    select (found_sale ->> 'id')::bigint as id, found_sale ->> 'consent' as consent,
      (found_sale ->> 'consent_at')::timestamptz as consent_at, found_sale #>> '{sale,order_id}' as order_id,
      (found_sale #>> '{sale,completed_at}')::timestamptz as completed_at
    from jsonb_array_elements(found_sales) as found_sale
  ),
  suppressed as (
    update fb_ads.conversion_events as event
    set state = 'suppressed', checkout_event_id = null, consent = sales.consent, consent_at = sales.consent_at,
      order_id = sales.order_id, event_time = sales.completed_at, final_at = now(), lease_id = null
    from sales
    where event.id = sales.id and event.lease_id = lease
      and (sales.consent = 'denied' or (sales.consent is null and require_consent))
    returning event.id
  ),
  counted as (
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, reason)
    select suppressed.id, pixel.id, 'suppressed', 'no_consent'
    from suppressed
    cross join unnest(pixel_ids) as pixel (id)
  )
  -- A sale that is not in the view, or not paid (any more), is read again, less and less often, until it is too old.
  update fb_ads.conversion_events as event
  set lease_id = null,
    not_before = now() + least(interval '1 hour', interval '30 seconds' * power(2, least(event.attempts, 8)))
  where event.lease_id = lease and event.state = 'waiting' and not exists (select from sales where sales.id = event.id);
$$;

comment on function fb_ads.settle_purchases_without_snapshot(uuid, text[], boolean, jsonb) is
  'Of the claimed purchases: suppresses those without consent (nothing of the person is kept) and puts off those that '
  'the host does not show as paid.';

create function fb_ads.claimed_sales(lease uuid, refs text[])
returns table (id bigint, sale jsonb, paid_at timestamptz, user_digest text, choice fb_ads.checkout_choice)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select event.id, found_sale.sale, known.paid_at, known.user_digest, choice
  from (
    select distinct on (listed.sale ->> 'transaction_ref') listed.sale
    from fb_ads.find_purchases(refs) as listed (sale)
    where (listed.sale ->> 'is_completed')::boolean
  ) as found_sale
  join fb_ads.conversion_events as event
    on event.event_name = 'Purchase'
      and event.event_id = found_sale.sale ->> 'transaction_ref'
      and event.lease_id = lease
  cross join lateral (
    select
      coalesce((found_sale.sale ->> 'completed_at')::timestamptz, event.event_time),
      fb_ads.digest_of(found_sale.sale ->> 'user_ref')
  ) as known (paid_at, user_digest)
  cross join lateral fb_ads.choose_checkout(
    event.id, known.user_digest, fb_ads.person_digests_of_sale(found_sale.sale),
    fb_ads.order_ids_of_sale(found_sale.sale), (found_sale.sale ->> 'checkout_at')::timestamptz, known.paid_at
  ) as choice;
$$;

comment on function fb_ads.claimed_sales(uuid, text[]) is
  'The paid sales behind leased purchases, each with its verified user and the checkout that fits it.';

create function fb_ads.assign_checkouts(lease uuid, refs text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with first_claim as (
    -- A checkout that several sales of this batch could use: the sale that it names, else the one paid first.
    select distinct on ((claimed.choice).checkout_id) claimed.id, (claimed.choice).checkout_id
    from fb_ads.claimed_sales(lease, refs) as claimed
    join fb_ads.conversion_events as checkout on checkout.id = (claimed.choice).checkout_id
    order by
      (claimed.choice).checkout_id,
      coalesce(checkout.order_id = any (fb_ads.order_ids_of_sale(claimed.sale)), false) desc,
      claimed.paid_at, claimed.id
  )
  update fb_ads.conversion_events as purchase
  set checkout_event_id = first_claim.checkout_id
  from first_claim
  where purchase.id = first_claim.id and purchase.checkout_event_id is distinct from first_claim.checkout_id;
$$;

comment on function fb_ads.assign_checkouts(uuid, text[]) is
  'Writes which checkout each leased purchase uses, so that no other may.';

create function public.fb_claim_purchases(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  lease uuid := gen_random_uuid();
  pixel_ids text[] := array(select jsonb_array_elements_text(request -> 'pixel_ids'));
  require_consent boolean := (request ->> 'require_consent')::boolean;
  refs text[];
  found_sales jsonb;
begin
  refs := fb_ads.claim_waiting_purchases(lease, pixel_ids, coalesce((request ->> 'limit')::integer, 200));
  if cardinality(refs) = 0 then
    return jsonb_build_object('lease_id', lease, 'purchases', '[]'::jsonb, 'claimed', 0);
  end if;

  -- One claim at a time, so that no two purchases choose the same checkout.
  perform pg_advisory_xact_lock(hashtext('fb_ads.checkouts'));
  perform fb_ads.assign_checkouts(lease, refs);

  -- As json: jsonb_agg takes seconds for a checkout with a list of some thousand items.
  select json_agg(json_build_object(
    'id', claimed.id,
    'sale', claimed.sale || jsonb_build_object('completed_at', claimed.paid_at),
    'checkout', case when checkout.content is not null then jsonb_build_object(
      'id', checkout.id, 'event_name', checkout.event_name, 'event_id', checkout.event_id,
      'event_time', floor(extract(epoch from checkout.event_time)), 'content', checkout.content,
      'user_data', coalesce(checkout.user_data, '{}') || coalesce(checkout.browser_data, '{}')
    ) end,
    'user_digest', coalesce(claimed.user_digest, checkout.user_digest),
    'browser_digest', checkout.browser_digest,
    'consent', decision.consent, 'consent_at', decision.since
  ))::jsonb
  into found_sales
  from fb_ads.claimed_sales(lease, refs) as claimed
  left join fb_ads.conversion_events as checkout on checkout.id = (claimed.choice).checkout_id
  cross join lateral fb_ads.consent_of_sale(
    coalesce(claimed.user_digest, checkout.user_digest), claimed.choice
  ) as decision;

  perform fb_ads.settle_purchases_without_snapshot(lease, pixel_ids, require_consent, coalesce(found_sales, '[]'));
  return jsonb_build_object(
    'lease_id', lease,
    'claimed', cardinality(refs),
    'purchases', coalesce((
      select json_agg(found_sale)::jsonb
      from jsonb_array_elements(found_sales) as found_sale
      where found_sale ->> 'consent' = 'granted' or (found_sale ->> 'consent' is null and not require_consent)
    ), '[]'::jsonb)
  );
end;
$$;

comment on function public.fb_claim_purchases(jsonb) is
  'Called by capi-event with {pixel_ids, require_consent, limit?}: leases purchases that need a snapshot (90 s) and '
  'returns {lease_id, claimed, purchases} with the sale in clear, its checkout and consent. Those without consent are '
  'suppressed here and not returned.';

create function public.fb_snapshot_purchases(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  snapshots bigint;
begin
  with given as (
    select *
    from jsonb_to_recordset(request -> 'purchases') as given (
      id bigint, event_time double precision, action_source text, content jsonb, user_data jsonb, browser_data jsonb,
      order_id text, user_digest text, browser_digest text, person_digests text[],
      consent text, consent_at timestamptz, refused text
    )
  ),
  written as (
    update fb_ads.conversion_events as event
    set state = case
        when given.refused is null then 'stored'
        when given.refused = 'event_too_old' then 'expired'
        else 'refused'
      end,
      event_time = coalesce(to_timestamp(given.event_time), event.event_time), action_source = given.action_source,
      content = given.content, user_data = nullif(given.user_data, '{}'),
      browser_data = nullif(given.browser_data, '{}'), order_id = given.order_id,
      user_digest = given.user_digest,
      browser_digest = given.browser_digest, person_digests = nullif(given.person_digests, '{}'),
      consent = given.consent, consent_at = given.consent_at, lease_id = null,
      final_at = case when given.refused = 'event_too_old' then now() end
    from given
    where event.id = given.id and event.state = 'waiting' and event.lease_id = (request ->> 'lease_id')::uuid
    returning event.id, event.state, given.refused
  ),
  delivered as (
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, reason)
    select
      written.id, pixel.id,
      case written.state when 'stored' then 'pending' when 'expired' then 'expired' else 'dead' end,
      written.refused
    from written
    cross join jsonb_array_elements_text(request -> 'pixel_ids') as pixel (id)
  )
  select count(*) into snapshots from written;
  return jsonb_build_object('stored', snapshots);
end;
$$;

comment on function public.fb_snapshot_purchases(jsonb) is
  'Called by capi-event with {lease_id, pixel_ids, purchases}: writes the snapshots of claimed purchases, which never '
  'change again, and makes their deliveries; one with refused (a reason) becomes a dead letter, or expired where the '
  'reason is event_too_old. Rows that another lease holds by now are left alone. Returns {stored}.';

-- schemas/outbox/delivery_claims.sql

-- Claiming deliveries: per pixel, under a lease, only what may be sent now.
-- Why the decision is made here and not in the sender: the transaction that hands the event out checks age, consent and
-- the 48 hours, so that nothing too old and nothing withdrawn is ever in a request.

create function fb_ads.rescue_deliveries()
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.event_deliveries as delivery
  set state = 'pending', lease_id = null, lease_until = null, next_attempt_at = now(),
    first_unknown_at = coalesce(delivery.first_unknown_at, delivery.attempted_at), reason = 'outcome_unknown'
  from (
    select lost.event_row_id, lost.pixel_id
    from fb_ads.event_deliveries as lost
    where lost.state = 'sending' and lost.lease_until <= now()
    for update skip locked
  ) as lost
  where delivery.event_row_id = lost.event_row_id and delivery.pixel_id = lost.pixel_id;
$$;

comment on function fb_ads.rescue_deliveries() is
  'Takes deliveries back from senders whose lease ran out. Whether Meta has them is unknown from then on.';

create function fb_ads.decide_delivery(delivery fb_ads.event_deliveries, event fb_ads.conversion_events)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when event.content is null then 'expired'
    when event.event_time
      < now() + interval '2 minutes' - case event.action_source
        when 'physical_store' then interval '62 days'
        else interval '7 days'
      end
      then 'expired'
    when delivery.first_unknown_at <= now() - interval '48 hours' then 'expired'
    when newest.state = 'denied' and newest.since >= coalesce(event.consent_at, '-infinity') then 'suppressed'
    when event.consent = 'denied' then 'suppressed'
    else 'sending'
  end
  from fb_ads.newest_consent(event.user_digest, event.browser_digest) as newest;
$$;

comment on function fb_ads.decide_delivery(fb_ads.event_deliveries, fb_ads.conversion_events) is
  'What becomes of a claimed delivery: sending; expired (Meta''s 7 days, 62 in a shop, less 2 minutes for the '
  'transfer; or 48 hours after an attempt of unknown outcome); suppressed (consent withdrawn since).';

create function fb_ads.claim_candidates(pixels jsonb, most integer)
returns table (event_row_id bigint, pixel_id text, is_probe boolean)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  given record;
begin
  for given in
    select pixel.pixel_id as id, pixel.state
    from fb_ads.pixels as pixel
    where pixel.pixel_id in (
        select wanted.pixel_id from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as wanted
      )
      and (pixel.throttled_until is null or pixel.throttled_until <= now())
      and (
        pixel.state = 'open'
        -- One event a tick probes whether a permission is back. Without a token there is nothing to probe.
        or (pixel.blocked_token <> '' and (pixel.probed_at is null or pixel.probed_at <= now() - interval '50 seconds'))
      )
    order by pixel.pixel_id
  loop
    if given.state = 'open' then
      return query
        select delivery.event_row_id, delivery.pixel_id, false
        from fb_ads.event_deliveries as delivery
        where delivery.state = 'pending' and delivery.pixel_id = given.id and delivery.next_attempt_at <= now()
        order by delivery.next_attempt_at
        limit most
        for update skip locked;
    else
      update fb_ads.pixels as pixel
      set probed_at = now()
      where pixel.pixel_id = given.id and (pixel.probed_at is null or pixel.probed_at <= now() - interval '50 seconds');
      continue when not found;
      return query
        select delivery.event_row_id, delivery.pixel_id, true
        from fb_ads.event_deliveries as delivery
        where delivery.state = 'blocked' and delivery.pixel_id = given.id
        -- The newest event, for the oldest may be too old to be sent, and would probe nothing.
        order by delivery.event_row_id desc
        limit 1
        for update skip locked;
    end if;
  end loop;
end;
$$;

comment on function fb_ads.claim_candidates(jsonb, integer) is
  'Locks what is due of each pixel that is open and not throttled, and one '
  'event of each blocked pixel whose probe is due.';

create function public.fb_claim_deliveries(request jsonb)
returns json language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  lease uuid := gen_random_uuid();
  deliveries json;
  settled bigint[];
  unconsented bigint[];
  is_cut boolean;
begin
  perform fb_ads.rescue_deliveries();
  perform fb_ads.resume_pixels(request -> 'pixels');
  -- A worker has little CPU and memory: it gets fewer events where they are very large, but always one.
  with due as materialized (
    select candidate.event_row_id, candidate.pixel_id, candidate.is_probe,
      coalesce(sum(
        case
          when pg_column_compression(event.content) is null then pg_column_size(event.content)
          else octet_length(event.content::text)
        end
          + coalesce(pg_column_size(event.user_data), 0)
      ) over (
        partition by candidate.pixel_id
        order by candidate.place
        rows between unbounded preceding and 1 preceding
      ), 0) < 4000000
        as is_taken
    from fb_ads.claim_candidates(request -> 'pixels', coalesce((request ->> 'limit')::integer, 1000)) with ordinality
      as candidate (event_row_id, pixel_id, is_probe, place)
    join fb_ads.conversion_events as event on event.id = candidate.event_row_id
  ),
  -- Materialized, so that each decision is made once.
  decided as materialized (
    select due.event_row_id, due.pixel_id, due.is_probe, fb_ads.decide_delivery(waiting, event) as decision
    from due
    join fb_ads.event_deliveries as waiting
      on waiting.event_row_id = due.event_row_id and waiting.pixel_id = due.pixel_id
    join fb_ads.conversion_events as event on event.id = due.event_row_id
    where due.is_taken
  ),
  claimed as (
    update fb_ads.event_deliveries as delivery
    set state = decided.decision,
      attempts = delivery.attempts + 1,
      attempted_at = now(),
      lease_id = case decided.decision when 'sending' then lease end,
      lease_until = case decided.decision when 'sending' then now() + interval '90 seconds' end,
      reason = case decided.decision
        when 'sending' then delivery.reason
        when 'suppressed' then 'no_consent'
        else case
          when delivery.first_unknown_at <= now() - interval '48 hours' then 'outcome_unknown'
          else 'event_too_old'
        end
      end
    from decided
    where delivery.event_row_id = decided.event_row_id and delivery.pixel_id = decided.pixel_id
    returning delivery.event_row_id, delivery.pixel_id, delivery.state, delivery.first_unknown_at, decided.is_probe
  )
  select
    -- As json: jsonb_agg takes seconds for a long list, and this function does not look into it.
    json_agg(json_build_object(
      'event_row_id', event.id, 'pixel_id', claimed.pixel_id, 'is_probe', claimed.is_probe,
      'is_repeat', claimed.first_unknown_at is not null,
      'event_name', event.event_name, 'event_id', event.event_id,
      'event_time', floor(extract(epoch from event.event_time)), 'content', event.content,
      'user_data', coalesce(event.user_data, '{}') || coalesce(event.browser_data, '{}'),
      'test_event_code', event.test_event_code
    ) order by event.id) filter (where claimed.state = 'sending'),
    array_agg(event.id) filter (where claimed.state <> 'sending'),
    array_agg(event.id) filter (where claimed.state = 'suppressed'),
    (select not coalesce(bool_and(due.is_taken), true) from due)
  into deliveries, settled, unconsented, is_cut
  from claimed
  join fb_ads.conversion_events as event on event.id = claimed.event_row_id;

  if unconsented is not null then
    perform fb_ads.suppress_events(unconsented);
  end if;
  if settled is not null then
    perform fb_ads.finish_events(settled);
  end if;
  return json_build_object(
    'lease_id', lease, 'deliveries', coalesce(deliveries, '[]'::json), 'settled', coalesce(cardinality(settled), 0),
    'is_cut', is_cut
  );
end;
$$;

comment on function public.fb_claim_deliveries(jsonb) is
  'Called by capi-event with {pixels: [{pixel_id, token_fingerprint}], limit?}: leases what is due for 90 s and '
  'returns {lease_id, deliveries, settled, is_cut}; is_cut: more is due than 4 MB. What is too old or has no consent '
  'any more is settled here, and counted instead of returned.';

create function public.fb_renew_deliveries(request jsonb)
returns jsonb language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with renewed as (
    update fb_ads.event_deliveries as delivery
    set lease_until = now() + interval '90 seconds'
    where delivery.state = 'sending'
      and delivery.lease_id = (request ->> 'lease_id')::uuid
      and delivery.lease_until > now()
    returning 1
  )
  select jsonb_build_object('held', count(*)) from renewed;
$$;

comment on function public.fb_renew_deliveries(jsonb) is
  'Called by capi-event between two requests to Meta with {lease_id}: the lease lasts 90 s more. Returns {held}; 0 '
  'means that it was lost and nothing more may be sent under it.';

-- schemas/outbox/delivery_outcomes.sql

-- The outcomes of a batch of attempts, in one call.
-- Why the same statement asks for the lease: a sender that was slower than its lease must not overwrite what another
-- found.

create function fb_ads.retry_delay(attempts integer)
returns interval language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select least(3600, 15 * power(2, least(greatest(attempts, 1) - 1, 10))) * (0.5 + random()) * interval '1 second';
$$;

comment on function fb_ads.retry_delay(integer) is
  'How long to wait after so many attempts: 15 s, 30 s, 1 min, ... to 1 h, each times 0.5 to 1.5, so that events that '
  'failed together do not come back together.';

create function fb_ads.count_sent_events(event_row_ids bigint[], pixel_ids text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sent_event_keys as known (date, pixel_id, event_name, key, events)
  select carried.date, carried.pixel_id, carried.event_name, fb_ads.match_key(carried.parameter), sum(carried.events)
  from (
    select
      (event.event_time at time zone 'UTC')::date as date, sent.pixel_id, event.event_name, given.parameter,
      count(*) as events
    from unnest(event_row_ids, pixel_ids) as sent (event_row_id, pixel_id)
    join fb_ads.conversion_events as event on event.id = sent.event_row_id
    cross join lateral (
      select 'event_id'
      union all
      select jsonb_object_keys(coalesce(event.user_data, '{}') || coalesce(event.browser_data, '{}'))
    ) as given (parameter)
    group by (event.event_time at time zone 'UTC')::date, sent.pixel_id, event.event_name, given.parameter
  ) as carried
  group by carried.date, carried.pixel_id, carried.event_name, fb_ads.match_key(carried.parameter)
  -- Locked in one order, so that two senders never deadlock over the counts.
  order by 1, 2, 3, 4
  on conflict (date, pixel_id, event_name, key) do update set events = known.events + excluded.events;
$$;

comment on function fb_ads.count_sent_events(bigint[], text[]) is
  'Counts what the events that a pixel has just confirmed carried; the two lists go in pairs, a pair a delivery. '
  'Called before what they hold in clear is deleted.';

create function public.fb_record_deliveries(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  lease uuid := (request ->> 'lease_id')::uuid;
  recorded bigint;
  settled bigint[];
  sent bigint[];
  sent_to text[];
begin
  with given as (
    select said.pixel_id, said.outcome, said.code, said.subcode, said.fbtrace_id, said.reason, said.may_be_sent,
      event_row.id as event_row_id
    from jsonb_to_recordset(request -> 'outcomes') as said (
      pixel_id text, outcome text, code integer, subcode integer, fbtrace_id text, reason text, may_be_sent boolean,
      event_row_ids bigint[]
    )
    cross join unnest(said.event_row_ids) as event_row (id)
  ),
  -- Locked in one order, so that it never deadlocks with a withdrawal of consent.
  held as materialized (
    select delivery.event_row_id, delivery.pixel_id
    from fb_ads.event_deliveries as delivery
    join given on given.event_row_id = delivery.event_row_id and given.pixel_id = delivery.pixel_id
    where delivery.state = 'sending' and delivery.lease_id = lease
    order by delivery.event_row_id, delivery.pixel_id
    for no key update of delivery
  ),
  written as (
    update fb_ads.event_deliveries as delivery
    set
      state = case
        when given.outcome in ('sent', 'dead', 'expired', 'blocked') then given.outcome
        else 'pending'
      end,
      sent_at = case given.outcome when 'sent' then now() end,
      attempts = delivery.attempts - case given.outcome when 'released' then 1 else 0 end,
      first_unknown_at = case
        when given.outcome = 'unknown' or given.may_be_sent
          then coalesce(delivery.first_unknown_at, delivery.attempted_at)
        else delivery.first_unknown_at
      end,
      next_attempt_at = case
        when given.outcome in ('unknown', 'later') then now() + fb_ads.retry_delay(delivery.attempts)
        else now()
      end,
      code = given.code, subcode = given.subcode,
      fbtrace_id = coalesce(given.fbtrace_id, delivery.fbtrace_id),
      reason = case given.outcome when 'released' then delivery.reason else given.reason end,
      lease_id = null, lease_until = null
    from given
    join held on held.event_row_id = given.event_row_id and held.pixel_id = given.pixel_id
    where delivery.event_row_id = held.event_row_id and delivery.pixel_id = held.pixel_id
      and delivery.state = 'sending' and delivery.lease_id = lease
    returning delivery.event_row_id, delivery.pixel_id, delivery.state
  )
  select
    count(*),
    array_agg(written.event_row_id) filter (where written.state in ('sent', 'expired')),
    array_agg(written.event_row_id) filter (where written.state = 'sent'),
    array_agg(written.pixel_id) filter (where written.state = 'sent')
  into recorded, settled, sent, sent_to
  from written;

  if sent is not null then
    perform fb_ads.count_sent_events(sent, sent_to);
  end if;

  perform fb_ads.record_pixels(coalesce(request -> 'pixels', '[]'));
  if settled is not null then
    perform fb_ads.finish_events(settled);
  end if;
  return jsonb_build_object('recorded', recorded);
end;
$$;

comment on function public.fb_record_deliveries(jsonb) is
  'Called by capi-event with {lease_id, outcomes: [{pixel_id, event_row_ids, outcome, code?, subcode?, fbtrace_id?, '
  'reason?, may_be_sent?}], pixels?}: sent, unknown (may be at Meta), later (refused for now), released (not tried), '
  'blocked, dead or expired; with may_be_sent Meta may have it whatever the outcome. Deliveries that another lease '
  'holds by now are left alone. Returns {recorded}.';

-- schemas/outbox/undelivered_events.sql

-- What a person looks at and does about events that do not go out.
-- Operator: select * from fb_ads.undelivered_events; then, once the cause is mended: select
-- public.fb_replay_deliveries();

create view fb_ads.undelivered_events with (security_invoker = true) as
select
  event.event_name,
  event.event_id,
  event.event_time,
  delivery.pixel_id,
  delivery.state,
  delivery.reason,
  delivery.code,
  delivery.subcode,
  delivery.fbtrace_id,
  delivery.attempts,
  delivery.next_attempt_at,
  event.transaction_ref,
  event.received_at
from fb_ads.event_deliveries as delivery
join fb_ads.conversion_events as event on event.id = delivery.event_row_id
where delivery.state in ('blocked', 'dead')
  or (delivery.state = 'pending' and delivery.attempts > 0);

comment on view fb_ads.undelivered_events is
  'Events that Meta has not taken, with the reason: dead (refused; send again with fb_replay_deliveries once mended), '
  'blocked (goes by itself once token or permission are back) and pending (tried, goes again at next_attempt_at).';
comment on column fb_ads.undelivered_events.event_name is 'Meta''s event_name.';
comment on column fb_ads.undelivered_events.event_id is 'Meta''s event_id; of a transaction its reference.';
comment on column fb_ads.undelivered_events.event_time is
  'When it happened. Meta takes nothing older than 7 days (62 in a shop).';
comment on column fb_ads.undelivered_events.pixel_id is 'Where it should go.';
comment on column fb_ads.undelivered_events.state is 'blocked, dead or pending.';
comment on column fb_ads.undelivered_events.reason is 'Our word for why.';
comment on column fb_ads.undelivered_events.code is 'Meta''s error code.';
comment on column fb_ads.undelivered_events.subcode is 'Meta''s error_subcode.';
comment on column fb_ads.undelivered_events.fbtrace_id is 'Meta''s trace id: what its support asks for.';
comment on column fb_ads.undelivered_events.attempts is 'How often it was tried.';
comment on column fb_ads.undelivered_events.next_attempt_at is 'When a pending one goes again.';
comment on column fb_ads.undelivered_events.transaction_ref is 'The transaction of a Purchase; null for other events.';
comment on column fb_ads.undelivered_events.received_at is 'When it came in.';

create function public.fb_replay_deliveries(request jsonb default '{}')
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  replayed bigint;
begin
  -- The lock makes Postgres check each row again: what was claimed, erased or withdrawn at this moment stays as it is.
  with chosen as materialized (
    select delivery.event_row_id, delivery.pixel_id, event.state = 'refused' as is_refused
    from fb_ads.event_deliveries as delivery
    join fb_ads.conversion_events as event on event.id = delivery.event_row_id
    where delivery.state in ('dead', 'blocked')
      and (request -> 'states' is null or request -> 'states' ? delivery.state)
      and (request ->> 'pixel_id' is null or delivery.pixel_id = request ->> 'pixel_id')
      and (request ->> 'reason' is null or delivery.reason = request ->> 'reason')
      and (request ->> 'event_name' is null or event.event_name = request ->> 'event_name')
      and (request -> 'event_ids' is null or request -> 'event_ids' ? event.event_id)
    order by delivery.event_row_id, delivery.pixel_id
    for no key update of delivery
  ),
  -- A purchase whose snapshot was refused is read from the host again.
  without_snapshot as (
    delete from fb_ads.event_deliveries as delivery
    where delivery.event_row_id in (select chosen.event_row_id from chosen where chosen.is_refused)
    returning delivery.event_row_id
  ),
  waiting as (
    update fb_ads.conversion_events as event
    set state = 'waiting', not_before = now(), attempts = 0, lease_id = null
    where event.id in (select without_snapshot.event_row_id from without_snapshot)
  ),
  pending as (
    update fb_ads.event_deliveries as delivery
    set state = 'pending', next_attempt_at = now(), attempts = 0
    from chosen
    where delivery.event_row_id = chosen.event_row_id and delivery.pixel_id = chosen.pixel_id and not chosen.is_refused
    returning delivery.pixel_id
  ),
  opened as (
    update fb_ads.pixels as pixel
    set state = 'open', blocked_at = null, blocked_token = null, probed_at = null, updated_at = now()
    where pixel.state = 'blocked' and pixel.pixel_id in (select pending.pixel_id from pending)
  )
  select (select count(*) from without_snapshot) + (select count(*) from pending) into replayed;
  return jsonb_build_object('replayed', replayed);
end;
$$;

comment on function public.fb_replay_deliveries(jsonb) is
  'For the operator: sends dead and blocked events again with the next tick. All of them, or those of {states?, '
  'pixel_id?, reason?, event_name?, event_ids?}. Returns {replayed}. Age, consent and the 48 hours after an attempt '
  'of unknown outcome still hold.';

-- schemas/outbox/delivery_work.sql

-- Whether capi-event would find something to do: the tick asks every minute.
-- Why by partial indexes alone: an idle minute must cost nothing, whatever the size of the history.

create function fb_ads.has_delivery_work()
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    exists (select from fb_ads.conversion_events as event where event.state = 'waiting' and event.not_before <= now())
    or exists (
      select from fb_ads.event_deliveries as delivery where delivery.state = 'sending' and delivery.lease_until <= now()
    )
    or exists (
      select
      from (
        -- Finds the few pixels by skipping through the index.
        with recursive waiting as (
          (
            select delivery.pixel_id from fb_ads.event_deliveries as delivery
            where delivery.state = 'pending' order by delivery.pixel_id limit 1
          )
          union all
          select (
            select delivery.pixel_id from fb_ads.event_deliveries as delivery
            where delivery.state = 'pending' and delivery.pixel_id > waiting.pixel_id order by delivery.pixel_id limit 1
          )
          from waiting
          where waiting.pixel_id is not null
        )
        select waiting.pixel_id from waiting where waiting.pixel_id is not null
      ) as waiting
      left join fb_ads.pixels as pixel on pixel.pixel_id = waiting.pixel_id
      where (pixel.throttled_until is null or pixel.throttled_until <= now())
        and exists (
          select from fb_ads.event_deliveries as delivery
          where delivery.state = 'pending'
            and delivery.pixel_id = waiting.pixel_id
            and delivery.next_attempt_at <= now()
        )
    )
    -- Blocked deliveries: one probe a tick, whether Vault has a new token or the permission is back. Those of an open
    -- pixel are still to be unblocked.
    or exists (
      select
      from fb_ads.pixels as pixel
      where (pixel.throttled_until is null or pixel.throttled_until <= now())
        and exists (
          select
          from fb_ads.event_deliveries as delivery
          where delivery.state = 'blocked' and delivery.pixel_id = pixel.pixel_id
        )
    );
$$;

comment on function fb_ads.has_delivery_work() is
  'Whether a purchase waits for its snapshot, or a delivery may be sent now (or '
  'a blocked one be tried). Called by fb_ads.tick.';

-- schemas/outbox/daily_events.sql

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

-- schemas/outbox/event_retention.sql

-- How long events are kept. The nightly job calls fb_ads.delete_old_events until nothing is left to do.
-- Why in batches: a day of page views is a million rows, and one transaction over them would block everything else.

create function fb_ads.expire_deliveries()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  settled bigint[];
begin
  with expired as (
    update fb_ads.event_deliveries as delivery
    set state = 'expired', reason = 'event_too_old'
    from fb_ads.conversion_events as event
    where event.id = delivery.event_row_id and delivery.state in ('pending', 'blocked')
      and event.event_time < now() - case event.action_source
        when 'physical_store' then interval '62 days'
        else interval '7 days'
      end
    returning delivery.event_row_id
  )
  select array_agg(expired.event_row_id) into settled from expired;
  if settled is not null then
    perform fb_ads.finish_events(settled);
  end if;

  -- A dead letter that is too old to be sent again is final too.
  update fb_ads.conversion_events as event
  set final_at = now(), browser_data = null
  from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = event.id and delivery.state = 'dead' and event.final_at is null
    and event.event_time < now() - case event.action_source
      when 'physical_store' then interval '62 days'
      else interval '7 days'
    end;
  return coalesce(cardinality(settled), 0);
end;
$$;

comment on function fb_ads.expire_deliveries() is
  'Ends waiting deliveries that are too old for Meta (7 days, 62 in a shop), also '
  'where nothing is sent at the moment. Returns how many.';

create function fb_ads.delete_old_events(most integer default 5000)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  touched bigint := 0;
  step bigint;
  old_ids bigint[];
begin
  touched := fb_ads.expire_deliveries();

  old_ids := array(
    select old.id
    from fb_ads.conversion_events as old
    cross join fb_ads.settings as settings
    where old.final_at is not null and old.event_name <> 'Purchase'
      and old.final_at < now() - least(settings.page_view_retention, settings.sent_event_retention)
      and (old.event_name = 'PageView' or old.final_at < now() - settings.sent_event_retention)
    limit most
  );
  -- Deliveries are locked before events, as everywhere: the cascade would lock them last.
  perform from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = any (old_ids)
  order by delivery.event_row_id, delivery.pixel_id
  for update;
  with deleted as (
    delete from fb_ads.conversion_events as event
    where event.id = any (old_ids)
    returning (event.event_time at time zone 'UTC')::date as date, event.event_name, event.state
  ),
  counted as (
    insert into fb_ads.deleted_events as known (date, event_name, events, suppressed)
    select deleted.date, deleted.event_name, count(*), count(*) filter (where deleted.state = 'suppressed')
    from deleted
    group by deleted.date, deleted.event_name
    on conflict (date, event_name) do update
    set events = known.events + excluded.events, suppressed = known.suppressed + excluded.suppressed
  )
  select count(*) into step from deleted;
  touched := touched + step;

  -- A Purchase keeps its key, and so can never be made again.
  update fb_ads.conversion_events as event
  set content = null, user_data = null, browser_data = null, order_id = null, checkout_event_id = null,
    user_digest = null, browser_digest = null, person_digests = null
  where event.id in (
    select old.id
    from fb_ads.conversion_events as old
    cross join fb_ads.settings as settings
    where old.final_at is not null and old.content is not null and old.event_name = 'Purchase'
      and old.final_at < now() - settings.sent_event_retention
    limit most
  );
  get diagnostics step = row_count;
  touched := touched + step;

  -- At most 8 days in clear: this runs once a day.
  update fb_ads.conversion_events as event
  set browser_data = null
  where event.id in (
    select old.id
    from fb_ads.conversion_events as old
    where old.browser_data is not null and old.received_at < now() - interval '7 days'
    limit most
  );
  get diagnostics step = row_count;
  touched := touched + step;
  return touched;
end;
$$;

comment on function fb_ads.delete_old_events(integer) is
  'Deletes and strips what settings say is old: events, a Purchase''s content, clear browser data after 7 '
  'days. At most so many rows of each kind; returns how many, 0 when there is nothing left.';

-- schemas/attribution/attributions.sql

-- Which ad each sale is credited to: one active row a transaction, written by attribute-purchase.
-- Why the references to the host have no foreign key here: its tables are its own. fb_ads.attach_transactions makes the
-- keys (on delete set null) where the host's key is a uuid named id.
-- Why the days are stored: a day depends on the account's time zone too, so an index on the time cannot find it.

create table public.ad_attributions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  transaction_id uuid unique,
  campaign_id uuid references public.ad_campaigns (id) on delete set null,
  adset_id uuid references public.ad_adsets (id) on delete set null,
  ad_id uuid references public.ad_ads (id) on delete set null,
  conversion_event text not null,
  event_time timestamptz not null,
  conversion_value numeric,
  currency text,
  source_platform text default 'facebook',
  fb_click_id text,
  transaction_ref text not null unique,
  user_ref text,
  state text not null default 'active',
  matched_by text,
  confidence text,
  attribution_model text,
  attribution_window interval,
  clicked_at timestamptz,
  checkout_at timestamptz,
  clicked_on date,
  paid_on date,
  current_value numeric,
  reversed_value numeric not null default 0,
  net_value numeric,
  reversal_reason text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint reversed_value_is_not_negative check (reversed_value >= 0),
  constraint state_is_known check (state in ('active', 'reversed', 'superseded')),
  constraint click_comes_before_event check (clicked_at <= event_time)
);

comment on table public.ad_attributions is
  'Sales credited to an ad (or, where no more is known, to an ad set or campaign). One row a transaction.';
comment on column public.ad_attributions.id is 'Our key.';
comment on column public.ad_attributions.user_id is
  'The buyer, where the host''s key is a uuid; null for a guest, another kind of key, or a deleted user.';
comment on column public.ad_attributions.transaction_id is
  'The sale, where the host''s key is a uuid named id of the first attached '
  'table; null otherwise or once it is deleted.';
comment on column public.ad_attributions.campaign_id is 'The campaign that is credited.';
comment on column public.ad_attributions.adset_id is
  'The ad set that is credited; null when only the campaign is known.';
comment on column public.ad_attributions.ad_id is
  'The ad that is credited; null when only its ad set or campaign is known.';
comment on column public.ad_attributions.conversion_event is 'Meta''s event_name of what was credited: Purchase.';
comment on column public.ad_attributions.event_time is 'When the sale was paid.';
comment on column public.ad_attributions.conversion_value is
  'What the sale was worth when it was paid, in major units of currency.';
comment on column public.ad_attributions.currency is 'ISO 4217 code of conversion_value.';
comment on column public.ad_attributions.source_platform is
  'Where the click came from. Always facebook, which stands for every surface of Meta.';
comment on column public.ad_attributions.fb_click_id is
  'fbclid of the click, as the URL carried it; null when it carried none, and after settings.click_id_retention.';
comment on column public.ad_attributions.transaction_ref is
  'The sale''s reference in fb_ads.purchases: the host''s key of any type, as text.';
comment on column public.ad_attributions.user_ref is 'The buyer''s key of any type, as text; null for a guest.';
comment on column public.ad_attributions.state is
  'active; reversed once it no longer counts as a sale, see reversal_reason; '
  'superseded while a better answer is being looked for.';
comment on column public.ad_attributions.matched_by is
  'What linked the click to the sale: user_id, em, ph, fbc or fbp.';
comment on column public.ad_attributions.confidence is 'How sure the link is: high, medium or low.';
comment on column public.ad_attributions.attribution_model is
  'The rule that chose among the clicks, such as last_ad_click.';
comment on column public.ad_attributions.attribution_window is 'How long before the sale a click could lie.';
comment on column public.ad_attributions.clicked_at is 'When the credited touchpoint was clicked.';
comment on column public.ad_attributions.checkout_at is
  'When the checkout began; the window ends here when payment came later.';
comment on column public.ad_attributions.clicked_on is
  'Day of the click in the ad account''s time zone: the day to which Meta counts a sale.';
comment on column public.ad_attributions.paid_on is 'Day of the payment in the ad account''s time zone.';
comment on column public.ad_attributions.current_value is
  'What the sale is worth now, before refunds, in the same currency: the host may change it after the payment.';
comment on column public.ad_attributions.reversed_value is
  'How much of current_value was refunded or charged back, in the same currency.';
comment on column public.ad_attributions.net_value is
  'current_value less reversed_value; 0 where the sale no longer counts.';
comment on column public.ad_attributions.reversal_reason is
  'Why state is reversed: refunded, charged_back, unpaid, negative_value or deleted; null while the sale counts.';
comment on column public.ad_attributions.created_at is 'When the sale was first credited.';
comment on column public.ad_attributions.updated_at is 'When a column of this row last changed.';

create index ad_attributions_user_id_idx on public.ad_attributions (user_id);
create index ad_attributions_campaign_id_idx on public.ad_attributions (campaign_id);
create index ad_attributions_adset_id_idx on public.ad_attributions (adset_id);
create index ad_attributions_ad_id_idx on public.ad_attributions (ad_id);
create index ad_attributions_event_time_idx on public.ad_attributions (event_time);
-- By hash: a click id may have any length, and a query asks for the whole of it.
create index ad_attributions_fb_click_id_idx on public.ad_attributions using hash (fb_click_id);
create index ad_attributions_click_id_age_idx on public.ad_attributions (event_time) where fb_click_id is not null;
create index ad_attributions_clicked_on_idx on public.ad_attributions (clicked_on);
create index ad_attributions_paid_on_idx on public.ad_attributions (paid_on);

alter table public.ad_attributions enable row level security;
create policy reader_reads_ad_attributions on public.ad_attributions for select to fb_ads_reader using (true);

create function fb_ads.set_attribution_days()
returns trigger language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  zone text;
begin
  select coalesce(account.timezone_name, 'UTC')
  into zone
  from public.ad_campaigns as campaign
  join public.ad_accounts as account on account.id = campaign.account_id
  where campaign.id = new.campaign_id;
  new.clicked_on := (coalesce(new.clicked_at, new.event_time) at time zone coalesce(zone, 'UTC'))::date;
  new.paid_on := (new.event_time at time zone coalesce(zone, 'UTC'))::date;
  return new;
end;
$$;

comment on function fb_ads.set_attribution_days() is
  'Sets clicked_on and paid_on of a sale by the time zone of the account that is credited.';

create trigger ad_attributions_set_days
  before insert or update of campaign_id, clicked_at, event_time on public.ad_attributions
  for each row execute function fb_ads.set_attribution_days();

-- schemas/attribution/results.sql

-- What became of each sale: one row a transaction, credited or not, with the reason and what it was before.
-- Why beside ad_attributions: a sale without an ad is a result too, and a result that changes must not lose the one
-- before.

create table fb_ads.attribution_results (
  transaction_ref text primary key,
  outcome text not null,
  reason text,
  level text,
  account_id uuid references public.ad_accounts (id) on delete set null,
  ad_id uuid references public.ad_ads (id) on delete set null,
  adset_id uuid references public.ad_adsets (id) on delete set null,
  campaign_id uuid references public.ad_campaigns (id) on delete set null,
  matched_by text,
  confidence text,
  click_id bigint,
  clicked_at timestamptz,
  catalogue_differs boolean,
  assist_click_ids bigint[],
  conflicting_click_ids bigint[],
  missing_ids text[],
  source text,
  completed_at timestamptz not null,
  checkout_at timestamptz not null,
  conversion_value numeric,
  currency text,
  current_value numeric,
  reversed_value numeric not null default 0,
  net_value numeric,
  reversal_reason text,
  match_keys text[],
  due_at timestamptz,
  history jsonb not null default '[]',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint outcome_is_known check (outcome in ('attributed', 'unattributed', 'waiting')),
  constraint reason_is_known check (
    reason in ('no_touch', 'outside_window', 'click_after_purchase', 'ambiguous', 'ad_unknown', 'no_consent')
  ),
  constraint only_the_attributed_have_no_reason check ((outcome = 'attributed') = (reason is null)),
  constraint only_the_attributed_have_a_level check ((outcome = 'attributed') = (level is not null)),
  constraint level_is_known check (level in ('ad', 'adset', 'campaign')),
  constraint matched_by_is_known check (matched_by in ('user_id', 'em', 'ph', 'fbc', 'fbp')),
  constraint confidence_is_known check (confidence in ('high', 'medium', 'low')),
  constraint history_is_a_list check (jsonb_typeof(history) = 'array'),
  constraint reversed_value_is_not_negative check (reversed_value >= 0),
  constraint reversal_reason_is_known check (
    reversal_reason in ('refunded', 'charged_back', 'unpaid', 'negative_value', 'deleted')
  )
);

comment on table fb_ads.attribution_results is
  'Every sale that was looked at: credited to an ad, not credited and why, or waiting for an ad to become known. Kept '
  'for good; match_keys go when nothing can change any more.';
comment on column fb_ads.attribution_results.transaction_ref is 'The sale''s reference in fb_ads.purchases.';
comment on column fb_ads.attribution_results.outcome is
  'attributed: there is a row in ad_attributions; unattributed; waiting: an ad '
  'that a touchpoint names is being read by its id.';
comment on column fb_ads.attribution_results.reason is
  'Why it is not attributed: no_touch; outside_window: the touchpoint is older than settings.attribution_window; '
  'click_after_purchase: it came after the checkout; ambiguous: two ads in the same second, or a browser with two '
  'users; ad_unknown: a touchpoint from Meta whose ad is not known; no_consent.';
comment on column fb_ads.attribution_results.level is 'How exactly it is credited: ad, adset or campaign.';
comment on column fb_ads.attribution_results.account_id is 'The ad account that is credited.';
comment on column fb_ads.attribution_results.ad_id is 'The ad that is credited.';
comment on column fb_ads.attribution_results.adset_id is 'The ad set that is credited.';
comment on column fb_ads.attribution_results.campaign_id is 'The campaign that is credited.';
comment on column fb_ads.attribution_results.matched_by is
  'The strongest link between the touchpoint and the sale: user_id, em, ph, fbc or fbp.';
comment on column fb_ads.attribution_results.confidence is
  'high: the same user, or the same click id; medium: an e-mail address, a phone '
  'number or a browser; low: a browser whose user is not known, or an '
  'address that an anonymous browser claimed.';
comment on column fb_ads.attribution_results.click_id is
  'The touchpoint that is credited (fb_ads.touchpoints.id); no foreign key, for touchpoints go with their retention.';
comment on column fb_ads.attribution_results.clicked_at is 'When that touchpoint was clicked.';
comment on column fb_ads.attribution_results.catalogue_differs is
  'True where the address named another ad set or campaign than the catalogue has for the ad. The catalogue counts.';
comment on column fb_ads.attribution_results.assist_click_ids is
  'Touchpoints within the window that came later than the credited one and '
  'name no ad: a click id alone may be organic.';
comment on column fb_ads.attribution_results.conflicting_click_ids is
  'Of an ambiguous sale: the touchpoints in conflict, between which the rule cannot choose.';
comment on column fb_ads.attribution_results.missing_ids is
  'Ids that touchpoints of this sale name and the catalogue does not know (yet).';
comment on column fb_ads.attribution_results.source is 'What was sold, as the host says: p2p, canva, ...';
comment on column fb_ads.attribution_results.completed_at is 'When the sale was paid.';
comment on column fb_ads.attribution_results.checkout_at is
  'When its checkout began: where the window ends. The time of payment where the host knows no other.';
comment on column fb_ads.attribution_results.conversion_value is
  'What the sale was worth when it was paid, in major units of currency.';
comment on column fb_ads.attribution_results.currency is 'ISO 4217 code of the values.';
comment on column fb_ads.attribution_results.current_value is
  'What the sale is worth now, before refunds: the host may change it after the payment.';
comment on column fb_ads.attribution_results.reversed_value is
  'How much of current_value was refunded or charged back.';
comment on column fb_ads.attribution_results.net_value is
  'current_value less reversed_value, of one reading; 0 where the sale no longer counts.';
comment on column fb_ads.attribution_results.reversal_reason is
  'Why it no longer counts as a sale: refunded, charged_back, unpaid, negative_value or deleted; null while it counts.';
comment on column fb_ads.attribution_results.match_keys is
  'Digests by which touchpoints may still be linked to the sale. Null once settings.attribution_revision_window is '
  'over, or when the person was erased.';
comment on column fb_ads.attribution_results.due_at is 'When it is to be worked out anew; null: nothing new is known.';
comment on column fb_ads.attribution_results.history is
  'Earlier results, oldest first: [{until, outcome, reason, level, ad_id, '
  'adset_id, campaign_id, matched_by, clicked_at}].';
comment on column fb_ads.attribution_results.created_at is 'When the sale was first looked at.';
comment on column fb_ads.attribution_results.updated_at is 'When the result last changed.';

create index attribution_results_due_at_idx on fb_ads.attribution_results (due_at) where due_at is not null;
create index attribution_results_completed_at_idx on fb_ads.attribution_results (completed_at, transaction_ref);
create index attribution_results_match_keys_idx on fb_ads.attribution_results
  using gin (match_keys) with (fastupdate = off)
  where match_keys is not null;
create index attribution_results_missing_ids_idx on fb_ads.attribution_results
  using gin (missing_ids) with (fastupdate = off)
  where missing_ids is not null;
create index attribution_results_account_id_idx on fb_ads.attribution_results (account_id);
create index attribution_results_ad_id_idx on fb_ads.attribution_results (ad_id);
create index attribution_results_adset_id_idx on fb_ads.attribution_results (adset_id);
create index attribution_results_campaign_id_idx on fb_ads.attribution_results (campaign_id);
create index attribution_results_completed_on_idx on fb_ads.attribution_results (
  ((completed_at at time zone 'UTC')::date)
);

alter table fb_ads.attribution_results enable row level security;
create policy reader_reads_attribution_results on fb_ads.attribution_results for select to fb_ads_reader using (true);

create function fb_ads.lock_results(refs text[], keys text[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform from fb_ads.attribution_results as result
  where result.transaction_ref = any (refs) or result.match_keys && keys
  order by result.transaction_ref
  for update;
end;
$$;

comment on function fb_ads.lock_results(text[], text[]) is
  'Locks the results of these sales, and of sales that share one of these digests, in one order, so that a stored '
  'event and a run of attribution never deadlock.';

create function fb_ads.revise_sales(keys text[], clicked_at timestamptz)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.attribution_results as result
  set due_at = now()
  from fb_ads.settings as settings
  where result.match_keys && keys
    and result.due_at is distinct from now()
    and result.completed_at >= now() - settings.attribution_revision_window
    and (
      revise_sales.clicked_at is null
      or date_trunc('second', revise_sales.clicked_at) <= result.checkout_at
      or (
        result.outcome <> 'attributed'
        and revise_sales.clicked_at <= result.completed_at + settings.attribution_window
      )
    );
$$;

comment on function fb_ads.revise_sales(text[], timestamptz) is
  'Marks sales of the last settings.attribution_revision_window that share one of these digests: a touchpoint, or who '
  'uses a browser, became known. A touchpoint after the checkout concerns only sales that are not credited (their '
  'reason may change).';

-- schemas/attribution/result_storing.sql

-- Storing what became of sales: one call a batch. An unchanged result is not written; one that differs keeps the
-- earlier one in its history.

create function fb_ads.history_entry(result fb_ads.attribution_results)
returns jsonb language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'until', now(), 'outcome', result.outcome, 'reason', result.reason, 'level', result.level, 'ad_id', result.ad_id,
    'adset_id', result.adset_id, 'campaign_id', result.campaign_id, 'matched_by', result.matched_by,
    'clicked_at', result.clicked_at
  );
$$;

comment on function fb_ads.history_entry(fb_ads.attribution_results) is
  'What the history keeps of a superseded result.';

create function fb_ads.new_results(sales jsonb, matches jsonb)
returns setof fb_ads.attribution_results
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with sale as materialized (
    select given.value ->> 'transaction_ref' as transaction_ref, given.value from jsonb_array_elements(sales) as given
  ),
  decision as materialized (
    select given.value ->> 'transaction_ref' as transaction_ref, given.value
    from jsonb_array_elements(matches) as given
  )
  select fresh.*
  from sale
  join decision on decision.transaction_ref = sale.transaction_ref
  cross join fb_ads.settings as settings
  cross join lateral jsonb_populate_record(
    null::fb_ads.attribution_results,
    sale.value || decision.value || jsonb_build_object(
      'missing_ids', nullif(
        (
          select coalesce(jsonb_agg(missing -> 'fb_id' order by missing ->> 'fb_id'), '[]')
          from jsonb_array_elements(decision.value -> 'missing') as missing
        ),
        '[]'
      ),
      -- No digests of a person who denied consent, and none once the result can no longer change.
      'match_keys', case
        when not (sale.value ->> 'is_denied')::boolean
          and (sale.value ->> 'completed_at')::timestamptz >= now() - settings.attribution_revision_window
          then nullif(
            jsonb_path_query_array(
              jsonb_build_array(sale.value -> 'user_digest', sale.value -> 'browser_digest', sale.value -> 'fbc_digest')
                || (sale.value -> 'email_digests') || (sale.value -> 'phone_digests'),
              '$[*] ? (@ != null)'
            ),
            '[]'
          )
      end,
      'history', '[]'::jsonb, 'created_at', now(), 'updated_at', now()
    )
  ) as worked
  left join fb_ads.attribution_results as known on known.transaction_ref = worked.transaction_ref
  -- An event that is stored at this moment does not see this result or its new digests, so the sale is matched once
  -- more after it.
  cross join lateral jsonb_populate_record(worked, jsonb_build_object(
    -- What it was worth when it was paid stays, unless it was noted in another currency.
    'conversion_value',
    case
      when known.currency is not distinct from worked.currency
        then coalesce(known.conversion_value, worked.conversion_value)
      else worked.conversion_value
    end,
    'due_at',
    case
      when worked.match_keys is not null and (known.match_keys @> worked.match_keys) is not true
        then now() + interval '30 seconds'
    end
  )) as fresh;
$$;

comment on function fb_ads.new_results(jsonb, jsonb) is
  'Rows for attribution_results from sales (read_sales) and what match_sales says of them.';

create function fb_ads.store_results(sales jsonb, matches jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  results fb_ads.attribution_results[] := array(select fresh from fb_ads.new_results(sales, matches) as fresh);
begin
  insert into fb_ads.attribution_results as known
  select fresh.* from unnest(results) as fresh order by fresh.transaction_ref
  on conflict (transaction_ref) do nothing;

  -- A credited sale stays credited while a later touchpoint's ad is being read.
  update fb_ads.attribution_results as known
  set missing_ids = fresh.missing_ids, match_keys = fresh.match_keys, due_at = fresh.due_at,
    current_value = fresh.current_value, reversed_value = fresh.reversed_value, net_value = fresh.net_value,
    reversal_reason = fresh.reversal_reason
  from unnest(results) as fresh
  where known.transaction_ref = fresh.transaction_ref and known.outcome = 'attributed' and fresh.outcome = 'waiting'
    and (
      known.missing_ids, known.match_keys, known.due_at, known.current_value, known.reversed_value, known.net_value,
      known.reversal_reason
    ) is distinct from (
      fresh.missing_ids, fresh.match_keys, fresh.due_at, fresh.current_value, fresh.reversed_value, fresh.net_value,
      fresh.reversal_reason
    );

  update fb_ads.attribution_results as known
  set outcome = fresh.outcome, reason = fresh.reason, level = fresh.level, account_id = fresh.account_id,
    ad_id = fresh.ad_id, adset_id = fresh.adset_id, campaign_id = fresh.campaign_id, matched_by = fresh.matched_by,
    confidence = fresh.confidence, click_id = fresh.click_id, clicked_at = fresh.clicked_at,
    catalogue_differs = fresh.catalogue_differs, history = (known.history || fb_ads.history_entry(known)),
    updated_at = now()
  from unnest(results) as fresh
  where known.transaction_ref = fresh.transaction_ref
    and not (known.outcome = 'attributed' and fresh.outcome = 'waiting')
    and (
      known.outcome, known.reason, known.level, known.ad_id, known.adset_id, known.campaign_id, known.matched_by,
      known.confidence, known.click_id, known.catalogue_differs
    ) is distinct from (
      fresh.outcome, fresh.reason, fresh.level, fresh.ad_id, fresh.adset_id, fresh.campaign_id, fresh.matched_by,
      fresh.confidence, fresh.click_id, fresh.catalogue_differs
    );

  update fb_ads.attribution_results as known
  set clicked_at = fresh.clicked_at, assist_click_ids = fresh.assist_click_ids,
    conflicting_click_ids = fresh.conflicting_click_ids,
    missing_ids = fresh.missing_ids, source = fresh.source, completed_at = fresh.completed_at,
    checkout_at = fresh.checkout_at, conversion_value = fresh.conversion_value, currency = fresh.currency,
    current_value = fresh.current_value, reversed_value = fresh.reversed_value, net_value = fresh.net_value,
    reversal_reason = fresh.reversal_reason, match_keys = fresh.match_keys, due_at = fresh.due_at
  from unnest(results) as fresh
  where known.transaction_ref = fresh.transaction_ref
    and not (known.outcome = 'attributed' and fresh.outcome = 'waiting')
    and (
      known.clicked_at, known.assist_click_ids, known.conflicting_click_ids, known.missing_ids, known.source,
      known.completed_at, known.checkout_at, known.conversion_value, known.currency, known.current_value,
      known.reversed_value, known.net_value, known.reversal_reason, known.match_keys, known.due_at
    ) is distinct from (
      fresh.clicked_at, fresh.assist_click_ids, fresh.conflicting_click_ids, fresh.missing_ids, fresh.source,
      fresh.completed_at, fresh.checkout_at, fresh.conversion_value, fresh.currency, fresh.current_value,
      fresh.reversed_value, fresh.net_value, fresh.reversal_reason, fresh.match_keys, fresh.due_at
    );
end;
$$;

comment on function fb_ads.store_results(jsonb, jsonb) is
  'Keeps results. An unchanged one is not written; one that differs supersedes '
  'the earlier result, which goes to the history.';

-- schemas/attribution/browsers.sql

-- Whose browser it was.
-- Why plpgsql where SQL would do: it keeps its plans, and this runs with every event.

create table fb_ads.browser_people (
  browser_digest text not null,
  person_kind text not null,
  person_digest text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  is_verified boolean not null,
  received_at timestamptz not null,
  created_at timestamptz not null default now(),
  primary key (browser_digest, person_kind, person_digest, is_verified),
  constraint person_kind_is_known check (person_kind in ('user', 'email', 'phone'))
);

comment on table fb_ads.browser_people is
  'Who a browser is known to belong to: links an anonymous touchpoint to the person who logs in or leaves an address '
  'there, and shows that a browser is shared.';
comment on column fb_ads.browser_people.browser_digest is
  'SHA-256 of fbp; of the click id in fbc where the event had no fbp.';
comment on column fb_ads.browser_people.person_kind is
  'user: a verified user id; email, phone: what an event said of the visitor.';
comment on column fb_ads.browser_people.person_digest is
  'SHA-256 of the user id, the normalised e-mail address or the phone number.';
comment on column fb_ads.browser_people.first_seen_at is 'When the person was first seen in that browser.';
comment on column fb_ads.browser_people.last_seen_at is 'When the person was last seen there, to the day.';
comment on column fb_ads.browser_people.is_verified is
  'Whether a server or a verified user said so. What an anonymous browser says is a claim.';
comment on column fb_ads.browser_people.received_at is 'When this was first received.';
comment on column fb_ads.browser_people.created_at is 'When the row was written.';

create index browser_people_person_digest_idx on fb_ads.browser_people (person_digest, browser_digest);
create index browser_people_last_seen_at_idx on fb_ads.browser_people (last_seen_at);

alter table fb_ads.browser_people enable row level security;

create function fb_ads.is_shared_browser(browser_digest text, user_digest text, seen_until timestamptz)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select count(*) > case when is_shared_browser.user_digest is null then 1 else 0 end
  from (
    select
    from fb_ads.browser_people as known
    where known.browser_digest = is_shared_browser.browser_digest and known.person_kind = 'user'
      and known.person_digest is distinct from is_shared_browser.user_digest
      and known.first_seen_at <= seen_until
    limit 2
  ) as others;
$$;

comment on function fb_ads.is_shared_browser(text, text, timestamptz) is
  'Whether, up to a moment, a browser had another user than this one, or (for a guest) more than one. False for a '
  'browser that nobody logged in at.';

create function fb_ads.store_browser_people(touchpoints jsonb)
returns text[] language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  met text[];
begin
  with given as (
    select
      touchpoint ->> 'browser_digest' as fbp_digest, touchpoint ->> 'fbc_digest' as fbc_digest,
      touchpoint ->> 'user_digest' as user_digest, touchpoint -> 'email_digests' as email_digests,
      touchpoint -> 'phone_digests' as phone_digests, (touchpoint ->> 'seen_at')::timestamptz as seen_at,
      touchpoint ->> 'reported_by' <> 'browser' as is_verified,
      least(now(), (touchpoint ->> 'received_at')::timestamptz) as received_at
    from jsonb_array_elements(touchpoints) as touchpoint
  ),
  seen_people as (
    select
      browser.digest as browser_digest, person.kind, person.digest as person_digest, given.is_verified,
      min(given.seen_at) as first_at, max(given.seen_at) as last_at, min(given.received_at) as received_at
    from given
    cross join lateral (select coalesce(given.fbp_digest, given.fbc_digest)) as browser (digest)
    cross join lateral (
      select 'user' as kind, given.user_digest as digest
      union all
      select 'email', jsonb_array_elements_text(coalesce(given.email_digests, '[]'))
      union all
      select 'phone', jsonb_array_elements_text(coalesce(given.phone_digests, '[]'))
    ) as person
    where browser.digest is not null and person.digest is not null
    group by browser.digest, person.kind, person.digest, given.is_verified
  ),
  written as (
    insert into fb_ads.browser_people as known (
      browser_digest, person_kind, person_digest, is_verified, first_seen_at, last_seen_at, received_at
    )
    select
      seen_people.browser_digest, seen_people.kind, seen_people.person_digest, seen_people.is_verified,
      seen_people.first_at, seen_people.last_at, seen_people.received_at
    from seen_people
    order by seen_people.browser_digest, seen_people.kind, seen_people.person_digest, seen_people.is_verified
    on conflict (browser_digest, person_kind, person_digest, is_verified) do update
    set first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
      last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at),
      received_at = least(known.received_at, excluded.received_at)
    -- Seen every minute, written once a day.
    where excluded.first_seen_at < known.first_seen_at or excluded.last_seen_at > known.last_seen_at + interval '1 day'
    -- New, or seen there earlier than was known: it decides whether a browser was shared at a sale.
    returning known.browser_digest, known.person_kind, known.person_digest, known.is_verified, known.first_seen_at
  )
  select array_agg(distinct digest.value)
  into met
  from written
  join seen_people on seen_people.browser_digest = written.browser_digest and seen_people.kind = written.person_kind
    and seen_people.person_digest = written.person_digest and seen_people.is_verified = written.is_verified
  cross join lateral (
    select written.browser_digest
    union all
    select written.person_digest
    union all
    -- Everybody else who was seen there, for the browser is shared now.
    (
      select other.person_digest
      from fb_ads.browser_people as other
      where other.browser_digest = written.browser_digest and other.is_verified
      limit 50
    )
  ) as digest (value)
  -- A claim re-opens no sale.
  where written.first_seen_at = seen_people.first_at and written.is_verified;
  return met;
end;
$$;

comment on function fb_ads.store_browser_people(jsonb) is
  'Keeps whose browser it was, as touchpoints say; returns the digests of verified pairs that were not known '
  'before, or are known from an earlier time, and of everybody else who was seen there; null when there are none.';

-- schemas/attribution/touchpoints.sql

-- Touchpoints: visits that an ad may have caused.
-- Why digests: a touchpoint is looked up by what it shares with a sale, and never listed by person. The click id alone
-- is in clear, because the sale that is credited names it.
-- Why rows are only appended: many events describe one touchpoint, in any order, and whoever stores them need not look
-- for the others. A sale collapses the few rows that are its own (fb_ads.collapse_touchpoints).

create table fb_ads.touchpoints (
  id bigint generated always as identity primary key,
  clicked_at timestamptz not null,
  received_at timestamptz not null,
  reported_by text not null,
  touchpoint_key bytea not null unique,
  fb_ad_id text,
  fb_adset_id text,
  fb_campaign_id text,
  utm_content_id text,
  utm_term_id text,
  utm_campaign_id text,
  fbclid text,
  fbc_digest text,
  browser_digest text,
  user_digest text,
  email_digests text[],
  phone_digests text[],
  page_url text,
  consent text,
  event_name text,
  event_id text,
  created_at timestamptz not null default now(),
  constraint touchpoint_says_something check (
    coalesce(fb_ad_id, fb_adset_id, fb_campaign_id, utm_content_id, utm_term_id, utm_campaign_id, fbclid) is not null
  ),
  constraint touchpoint_can_be_matched check (
    coalesce(fbc_digest, browser_digest, user_digest, email_digests[1], phone_digests[1]) is not null
  ),
  constraint reported_by_is_known check (reported_by in ('server', 'user', 'browser')),
  constraint consent_is_granted_or_not_needed check (consent = 'granted')
);

comment on table fb_ads.touchpoints is
  'Touchpoints: visits from an ad, as events describe them; what an event repeats within a minute is one row. Kept '
  'for settings.touchpoint_retention.';
comment on column fb_ads.touchpoints.id is 'Our key, in the order of arrival.';
comment on column fb_ads.touchpoints.clicked_at is
  'When it was clicked: of a click id, when it was first seen; else when the event happened. What an anonymous '
  'browser says of the past counts from its receipt, less settings.page_delay, unless it was seen then.';
comment on column fb_ads.touchpoints.received_at is 'When it was first received.';
comment on column fb_ads.touchpoints.reported_by is
  'Who reported it: server (the secret key), user (a browser with a verified user), browser (an anonymous one: what it '
  'says of a person is a claim).';
comment on column fb_ads.touchpoints.touchpoint_key is
  'First 16 bytes of a SHA-256 over who reported it, the visitor, the click, the ids and the minute: what a repetition '
  'has in common.';
comment on column fb_ads.touchpoints.fb_ad_id is
  'Ad id that the address named (ad_id), as it came; fb_ads.resolve_touchpoint says what the catalogue makes of it.';
comment on column fb_ads.touchpoints.fb_adset_id is 'Ad set id that the address named (adset_id).';
comment on column fb_ads.touchpoints.fb_campaign_id is 'Campaign id that the address named (campaign_id).';
comment on column fb_ads.touchpoints.utm_content_id is
  'Number in utm_content: an ad''s id by convention, of whichever level the catalogue says.';
comment on column fb_ads.touchpoints.utm_term_id is 'Number in utm_term: an ad set''s id by convention.';
comment on column fb_ads.touchpoints.utm_campaign_id is 'Number in utm_campaign: a campaign''s id by convention.';
comment on column fb_ads.touchpoints.fbclid is
  'Meta''s click id, from the address or, where only the cookie was new, out of fbc. It names no ad.';
comment on column fb_ads.touchpoints.fbc_digest is
  'SHA-256 of the click id in the browser''s fbc: what fbc is compared by, because '
  'the time in it may differ between browser and server.';
comment on column fb_ads.touchpoints.browser_digest is 'SHA-256 of fbp.';
comment on column fb_ads.touchpoints.user_digest is 'SHA-256 of the user id, if the visitor was logged in.';
comment on column fb_ads.touchpoints.email_digests is
  'SHA-256 of normalised e-mail addresses in the event (Meta''s em).';
comment on column fb_ads.touchpoints.phone_digests is 'SHA-256 of normalised phone numbers in the event (Meta''s ph).';
comment on column fb_ads.touchpoints.page_url is 'The page: origin, path and the parameters that name a campaign.';
comment on column fb_ads.touchpoints.consent is
  'granted; null where consent is not asked for. Without consent nothing is stored.';
comment on column fb_ads.touchpoints.event_name is 'event_name of the first event that described it.';
comment on column fb_ads.touchpoints.event_id is 'event_id of that event.';
comment on column fb_ads.touchpoints.created_at is 'When the row was written.';

create index touchpoints_fbc_digest_idx on fb_ads.touchpoints (fbc_digest, clicked_at) where fbc_digest is not null;
create index touchpoints_browser_digest_idx on fb_ads.touchpoints (browser_digest, clicked_at)
  where browser_digest is not null;
create index touchpoints_browser_received_idx on fb_ads.touchpoints (browser_digest, received_at)
  where browser_digest is not null;
create index touchpoints_user_digest_idx on fb_ads.touchpoints (user_digest, clicked_at) where user_digest is not null;
create index touchpoints_email_digests_idx on fb_ads.touchpoints using gin (email_digests) with (fastupdate = off)
  where email_digests is not null;
create index touchpoints_phone_digests_idx on fb_ads.touchpoints using gin (phone_digests) with (fastupdate = off)
  where phone_digests is not null;
create index touchpoints_clicked_at_idx on fb_ads.touchpoints (clicked_at);

alter table fb_ads.touchpoints enable row level security;

create function fb_ads.is_payment_host(host text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from fb_ads.settings as settings
    cross join unnest(settings.payment_hosts) as known (host)
    where lower(is_payment_host.host) = known.host or lower(is_payment_host.host) like '%.' || known.host
  );
$$;

comment on function fb_ads.is_payment_host(text) is
  'Whether settings.payment_hosts names this host or a domain above it. The built-in list is applied before.';

create function fb_ads.ids_of_touchpoint(touchpoint fb_ads.touchpoints)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array[
    touchpoint.fb_ad_id, touchpoint.fb_adset_id, touchpoint.fb_campaign_id, touchpoint.utm_content_id,
    touchpoint.utm_term_id, touchpoint.utm_campaign_id
  ];
$$;

comment on function fb_ads.ids_of_touchpoint(fb_ads.touchpoints) is
  'The ids that a touchpoint carries, each in its place.';

create function fb_ads.with_first_click_time(browser_data jsonb, browser_digest text)
returns jsonb language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when known.seen_at_ms < split_part(browser_data ->> 'fbc', '.', 3)::bigint then
      jsonb_set(
        browser_data, '{fbc}',
        to_jsonb(format('fb.1.%s.%s', known.seen_at_ms, split_part(browser_data ->> 'fbc', '.', 4)))
      )
    else browser_data
  end
  from (
    select floor(extract(epoch from min(click.clicked_at)) * 1000)::bigint as seen_at_ms
    from (
      -- The first few: a link may be passed on to any number of browsers.
      select known.clicked_at, known.browser_digest
      from fb_ads.touchpoints as known
      where known.fbc_digest = encode(
        sha256(convert_to(split_part(with_first_click_time.browser_data ->> 'fbc', '.', 4), 'UTF8')), 'hex'
      )
      order by known.clicked_at
      limit 50
    ) as click
    -- As for touchpoints: a link that is passed on is new in the next browser.
    where coalesce(click.browser_digest = with_first_click_time.browser_digest, true)
  ) as known;
$$;

comment on function fb_ads.with_first_click_time(jsonb, text) is
  'browser_data whose fbc was built here from a click id: with the millisecond when this browser was first seen with '
  'that click, if an earlier event said so. Never with a later one.';

-- schemas/attribution/touchpoint_storing.sql

-- Storing touchpoints: one insert a batch, which asks for one end of an index with each question about the visitor.
-- Why so: anybody may fill a browser with touchpoints, and an event must cost the same however many there are. Where a
-- condition names a range, PostgreSQL guesses how many rows it finds, and reads them all where it guesses wrong.

create function fb_ads.was_visitor_seen(touchpoint fb_ads.touchpoints, clicked_at timestamptz, page_delay interval)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce((
      select min(known.received_at) from fb_ads.touchpoints as known
      where known.browser_digest = touchpoint.browser_digest
    ) <= was_visitor_seen.clicked_at + page_delay, false)
    or coalesce((
      select min(known.clicked_at) from fb_ads.touchpoints as known where known.fbc_digest = touchpoint.fbc_digest
    ) <= was_visitor_seen.clicked_at, false)
    or coalesce((
      select min(event.received_at) from fb_ads.conversion_events as event
      where event.browser_digest = touchpoint.browser_digest
    ) <= was_visitor_seen.clicked_at + page_delay, false);
$$;

comment on function fb_ads.was_visitor_seen(fb_ads.touchpoints, timestamptz, interval) is
  'Whether the browser of a touchpoint was heard of by the time when a page of then may be late, or its click id is '
  'known from then.';

create function fb_ads.date_touchpoint(touchpoint fb_ads.touchpoints, seen_at timestamptz)
returns timestamptz language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when touchpoint.reported_by = 'browser' and reported.clicked_at < touchpoint.received_at - settings.page_delay
      and not fb_ads.was_visitor_seen(touchpoint, reported.clicked_at, settings.page_delay)
      then touchpoint.received_at - settings.page_delay
    else least(reported.clicked_at, touchpoint.received_at)
  end
  from fb_ads.settings as settings
  cross join lateral (
    -- Some hosts send one fbc for ever: the cookie of a touchpoint that names its ad dates it back as far as the
    -- window.
    select case
      when touchpoint.clicked_at < seen_at - settings.attribution_window
        and num_nonnulls(variadic fb_ads.ids_of_touchpoint(touchpoint)) > 0
        then seen_at
      else touchpoint.clicked_at
    end
  ) as reported (clicked_at);
$$;

comment on function fb_ads.date_touchpoint(fb_ads.touchpoints, timestamptz) is
  'When a touchpoint was clicked, as far as its reporter may say; seen_at is when its event happened.';

create function fb_ads.key_touchpoint(touchpoint fb_ads.touchpoints)
returns bytea language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select substring(
    sha256(convert_to(
      jsonb_build_array(
        touchpoint.reported_by, touchpoint.browser_digest, touchpoint.user_digest, touchpoint.email_digests,
        touchpoint.phone_digests, touchpoint.fbc_digest, touchpoint.fbclid, fb_ads.ids_of_touchpoint(touchpoint),
        floor(extract(epoch from touchpoint.clicked_at) / 60)::bigint
      )::text,
      'UTF8'
    ))
    for 16
  );
$$;

comment on function fb_ads.key_touchpoint(fb_ads.touchpoints) is 'touchpoint_key of a touchpoint that is dated.';

create function fb_ads.has_room_for_touchpoint(touchpoint fb_ads.touchpoints, place bigint)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when touchpoint.reported_by <> 'browser' or touchpoint.browser_digest is null then true
    when place > settings.browser_touchpoints_per_hour then false
    -- The last that this one would still leave room for.
    else coalesce((
      select known.received_at
      from fb_ads.touchpoints as known
      where known.browser_digest = touchpoint.browser_digest and known.reported_by = 'browser'
      order by known.received_at desc
      offset settings.browser_touchpoints_per_hour - place
      limit 1
    ) <= touchpoint.received_at - interval '1 hour', true)
  end
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.has_room_for_touchpoint(fb_ads.touchpoints, bigint) is
  'Whether an anonymous browser may store one more touchpoint in this hour, this being its so manieth in the batch.';

create function fb_ads.insert_touchpoints(rows jsonb)
returns setof fb_ads.touchpoints language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  return query
  with given as (
    select received as touchpoint, (row.value ->> 'seen_at')::timestamptz as seen_at
    from jsonb_array_elements(rows) as row
    cross join lateral jsonb_populate_record(null::fb_ads.touchpoints, row.value || jsonb_build_object(
      'received_at', least(now(), (row.value ->> 'received_at')::timestamptz),
      'email_digests', nullif(row.value -> 'email_digests', '[]'),
      'phone_digests', nullif(row.value -> 'phone_digests', '[]')
    )) as received
    where row.value ->> 'kind' = 'touchpoint' and not fb_ads.is_payment_host(row.value ->> 'referrer_host')
  ),
  dated as (
    select moved as touchpoint
    from given
    cross join lateral jsonb_populate_record(given.touchpoint, jsonb_build_object(
      'clicked_at', fb_ads.date_touchpoint(given.touchpoint, given.seen_at)
    )) as moved
  ),
  keyed as (
    select distinct on (key.value) dated.touchpoint, key.value as touchpoint_key
    from dated
    cross join lateral fb_ads.key_touchpoint(dated.touchpoint) as key (value)
    order by key.value, (dated.touchpoint).clicked_at
  ),
  placed as (
    select keyed.*, row_number() over (
      partition by (keyed.touchpoint).browser_digest order by (keyed.touchpoint).clicked_at, keyed.touchpoint_key
    ) as place
    from keyed
  )
  insert into fb_ads.touchpoints as known (
    clicked_at, received_at, reported_by, touchpoint_key, fb_ad_id, fb_adset_id, fb_campaign_id, utm_content_id,
    utm_term_id, utm_campaign_id, fbclid, fbc_digest, browser_digest, user_digest, email_digests, phone_digests,
    page_url, consent, event_name, event_id
  )
  select
    fresh.clicked_at, fresh.received_at, fresh.reported_by, placed.touchpoint_key, fresh.fb_ad_id, fresh.fb_adset_id,
    fresh.fb_campaign_id, fresh.utm_content_id, fresh.utm_term_id, fresh.utm_campaign_id, fresh.fbclid,
    fresh.fbc_digest, fresh.browser_digest, fresh.user_digest, fresh.email_digests, fresh.phone_digests,
    fresh.page_url, fresh.consent, fresh.event_name, fresh.event_id
  from placed
  cross join lateral (select (placed.touchpoint).*) as fresh
  where fb_ads.has_room_for_touchpoint(placed.touchpoint, placed.place)
  order by placed.touchpoint_key
  on conflict (touchpoint_key) do update
  set clicked_at = least(known.clicked_at, excluded.clicked_at),
    received_at = least(known.received_at, excluded.received_at)
  where excluded.clicked_at < known.clicked_at or excluded.received_at < known.received_at
  returning known.*;
end;
$$;

comment on function fb_ads.insert_touchpoints(jsonb) is
  'Stores the touchpoints among what the function builds; returns those that are new, or older than was known.';

-- schemas/attribution/event_touchpoints.sql

-- What events say of clicks and browsers, kept in the transaction that stores the events.
-- Why at once: a sale is matched again as soon as a touchpoint or the owner of a browser becomes known.
-- Why plpgsql where SQL would do: it keeps its plans, and these run with every event.

create table fb_ads.checkout_clicks (
  event_id text primary key,
  fbc_digest text not null,
  created_at timestamptz not null default now()
);

comment on table fb_ads.checkout_clicks is
  'With which fbc a checkout was begun; the event itself loses it as soon as its sale is at Meta.';
comment on column fb_ads.checkout_clicks.event_id is 'event_id of the InitiateCheckout event.';
comment on column fb_ads.checkout_clicks.fbc_digest is 'SHA-256 of the click id in its fbc.';
comment on column fb_ads.checkout_clicks.created_at is 'When the row was written.';

create index checkout_clicks_fbc_digest_idx on fb_ads.checkout_clicks (fbc_digest);
create index checkout_clicks_created_at_idx on fb_ads.checkout_clicks (created_at);

alter table fb_ads.checkout_clicks enable row level security;

create function fb_ads.sale_keys_of_touchpoint(touchpoint fb_ads.touchpoints)
returns text[] language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  browser text := coalesce(touchpoint.browser_digest, touchpoint.fbc_digest);
begin
  return array_remove(
    array[browser]
      || case
        when touchpoint.reported_by <> 'browser'
          then array[touchpoint.user_digest, touchpoint.fbc_digest] || touchpoint.email_digests
            || touchpoint.phone_digests
        else '{}'
      end
      || array(
        select known.person_digest
        from fb_ads.browser_people as known
        where known.browser_digest = browser and known.is_verified
        limit 50
      ),
    null
  );
end;
$$;

comment on function fb_ads.sale_keys_of_touchpoint(fb_ads.touchpoints) is
  'The digests of sales that this touchpoint re-opens: its browser''s and those of the verified persons who were seen '
  'there; its own person''s where a server or a verified user reported it. Never a person whom an anonymous browser '
  'claims.';

create function fb_ads.store_touchpoints(rows jsonb)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  fresh fb_ads.touchpoints[];
  news jsonb[];
  piece jsonb;
  met text[];
begin
  if coalesce(jsonb_array_length(rows), 0) = 0 then
    return 0;
  end if;
  insert into fb_ads.checkout_clicks (event_id, fbc_digest)
  select distinct on (given.event_id) given.event_id, given.fbc_digest
  from jsonb_to_recordset(rows) as given (event_name text, event_id text, fbc_digest text)
  where given.event_name = 'InitiateCheckout' and given.event_id is not null and given.fbc_digest is not null
  order by given.event_id
  on conflict (event_id) do nothing;

  fresh := array(select kept from fb_ads.insert_touchpoints(rows) as kept);
  met := coalesce(fb_ads.store_browser_people(rows), '{}');

  -- Worked out once: what is marked is what was locked.
  news := array(
    select jsonb_build_object('keys', fb_ads.sale_keys_of_touchpoint(kept), 'clicked_at', kept.clicked_at)
    from unnest(fresh) as kept
  );
  perform fb_ads.lock_results(
    '{}',
    met || array(select distinct jsonb_array_elements_text(known.news -> 'keys') from unnest(news) as known (news))
  );
  foreach piece in array news loop
    perform fb_ads.revise_sales(
      array(select jsonb_array_elements_text(piece -> 'keys')), (piece ->> 'clicked_at')::timestamptz
    );
  end loop;
  if cardinality(met) > 0 then
    perform fb_ads.revise_sales(met, null);
  end if;
  return cardinality(fresh);
end;
$$;

comment on function fb_ads.store_touchpoints(jsonb) is
  'Called by fb_store_events with touchpoints as the function builds them, of events that may be kept: stores '
  'touchpoints, whose browser it was and with which click a checkout began; marks the sales that this may change. '
  'Returns how many touchpoints are new, or older than was known.';

create function fb_ads.store_event_touchpoints(request jsonb, statuses jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform fb_ads.store_touchpoints((
    select jsonb_agg((given.event -> 'touchpoint') || jsonb_build_object('consent', event.consent))
    from jsonb_array_elements(request -> 'events') with ordinality as given (event, place)
    join fb_ads.conversion_events as event
      on event.event_name = given.event ->> 'event_name' and event.event_id = given.event ->> 'event_id'
    where statuses ->> (given.place - 1)::integer = 'stored' and jsonb_typeof(given.event -> 'touchpoint') = 'object'
  ));
end;
$$;

comment on function fb_ads.store_event_touchpoints(jsonb, jsonb) is
  'Called by fb_store_events with its request and the statuses of the events: keeps the touchpoints of those that were '
  'stored, so consent counts for both alike.';

-- schemas/outbox/event_storing.sql

-- Taking events in: one call stores a batch.

create function public.fb_store_events(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  statuses jsonb;
  denied_digests text[];
begin
  perform fb_ads.note_consents(request);

  with decided as (
    select
      given.*,
      decision.consent as effective_consent,
      decision.since as effective_since,
      coalesce(
        decision.consent = 'granted'
          or (decision.consent is null and not (request ->> 'require_consent')::boolean),
        false
      )
        as is_agreed
    from fb_ads.given_events(request) as given
    cross join lateral fb_ads.newest_consent(given.user_digest, given.browser_digest) as known
    cross join lateral (
      select
        case
          when given.consent = 'denied' or known.state is null then given.consent
          when given.consent is null then known.state
          when known.state = 'denied' and known.since >= given.consent_at then 'denied'
          else 'granted'
        end,
        coalesce(greatest(given.consent_at, known.since), given.consent_at)
    ) as decision (consent, since)
  ),
  -- The key decides: twenty copies at once make one row. Inserted in one order, so that two batches never deadlock.
  stored as (
    insert into fb_ads.conversion_events as event (
      event_name, event_id, event_time, action_source, content, user_data, browser_data, origin, state, order_id,
      user_digest, browser_digest, person_digests, consent, consent_at, test_event_code, final_at
    )
    select
      decided.event_name, decided.event_id, decided.event_time, decided.action_source,
      case when decided.is_agreed then decided.content end,
      case when decided.is_agreed then decided.user_data end,
      case
        when not decided.is_agreed then null
        when decided.fbc_is_built then fb_ads.with_first_click_time(decided.browser_data, decided.browser_digest)
        else nullif(decided.browser_data, '{}')
      end,
      request ->> 'origin',
      case when decided.is_agreed then 'stored' else 'suppressed' end,
      decided.order_id,
      case when decided.is_agreed then decided.user_digest end,
      case when decided.is_agreed then decided.browser_digest end,
      case when decided.is_agreed then nullif(decided.person_digests, '{}') end,
      decided.effective_consent, decided.effective_since, decided.test_event_code,
      case when not decided.is_agreed then now() end
    from decided
    where decided.may_be_sent
      -- Without consent only what a sale looks for is kept: a Purchase's key, and a checkout's order.
      and (decided.is_agreed or decided.event_name = 'Purchase' or decided.order_id is not null)
    order by decided.event_id, decided.event_name, decided.place
    on conflict (event_id, event_name) do nothing
    returning event.id, event.event_name, event.event_id, event.state
  ),
  delivered as (
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state)
    select stored.id, pixel.id, case stored.state when 'stored' then 'pending' else 'suppressed' end
    from stored
    cross join jsonb_array_elements_text(request -> 'pixel_ids') as pixel (id)
  )
  select jsonb_agg(
    case
      when not decided.may_be_sent then 'refused'
      when stored.id is not null and decided.copy = 1 then stored.state
      when stored.id is null and not decided.is_agreed and not exists (
        select from fb_ads.conversion_events as known
        where known.event_name = decided.event_name and known.event_id = decided.event_id
      ) then 'suppressed'
      else 'duplicate'
    end
    order by decided.place
  )
  into statuses
  from (
    select every.*, row_number() over (partition by every.event_name, every.event_id order by every.place) as copy
    from decided as every
  ) as decided
  left join stored
    on stored.event_name = decided.event_name and stored.event_id = decided.event_id and decided.may_be_sent;

  -- In this very transaction: a stored event has its touchpoint stored too.
  perform fb_ads.store_event_touchpoints(request, statuses);

  select array_agg(subject.digest) into denied_digests
  from fb_ads.given_events(request) as given
  cross join lateral (values (given.user_digest), (given.browser_digest)) as subject (digest)
  where given.consent = 'denied' and given.may_be_sent and subject.digest is not null;
  if denied_digests is not null then
    perform fb_ads.suppress_subjects(denied_digests);
  end if;
  return jsonb_build_object('statuses', coalesce(statuses, '[]'::jsonb));
end;
$$;

comment on function public.fb_store_events(jsonb) is
  'Called by capi-event: stores {origin, pixel_ids, require_consent, remembers_denials?, events} and returns '
  '{statuses} in their order: stored, suppressed (no consent; kept only where it is a Purchase or names an order), '
  'duplicate (known already) or refused (not a browser''s event). Where remembers_denials is false, no denial is kept '
  'of a browser that nothing is known of.';

-- schemas/outbox/attachment.sql

-- Putting the purchase triggers on a host table, and taking them off.
-- Why functions that an operator calls and no migration: the host's tables are its own, and creating a trigger locks
-- them for a moment.
-- Operator: select fb_ads.attach_transactions('public.transactions'); with other names: key_column => 'order_no', ...

create function fb_ads.make_host_foreign_key(column_name text, host_table regclass)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  constraint_name text := format('ad_attributions_%s_fkey', column_name);
begin
  if host_table is null or not fb_ads.is_uuid_key(host_table, 'id') or exists (
    select from pg_catalog.pg_constraint as existing
    where existing.conrelid = 'public.ad_attributions'::regclass and existing.conname = constraint_name
  ) then
    return;
  end if;
  execute format(
    'alter table public.ad_attributions add constraint %I foreign key (%I) references %s (id) on update cascade on '
    'delete set null not valid', constraint_name, column_name, host_table
  );
  begin
    execute format('alter table public.ad_attributions validate constraint %I', constraint_name);
  exception when foreign_key_violation then
    raise warning 'ad_attributions.% names rows that the host no longer has; the key holds for new rows', column_name;
  end;
end;
$$;

comment on function fb_ads.make_host_foreign_key(text, regclass) is
  'Makes ad_attributions.<column> refer to the host (on update cascade, on delete set null) where the host''s key is '
  'a uuid named id and no such key exists yet.';

create function fb_ads.check_attachment(host_table regclass, attached fb_ads.attached_tables)
returns void language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  missing text;
begin
  if attached.key_column is null then
    raise exception '% has no primary key of one column: name the key with key_column =>', host_table
      using errcode = '22023';
  end if;
  select string_agg(wanted.name, ', ')
  into missing
  from unnest(array[
    attached.key_column, attached.status_column, attached.completed_at_column, attached.created_at_column,
    attached.user_column
  ]) as wanted (name)
  where wanted.name is not null and not fb_ads.has_column(host_table, wanted.name);
  if missing is not null then
    raise exception '% has no column %', host_table, missing using errcode = '42703';
  end if;
  if cardinality(attached.completed_statuses) = 0 then
    raise exception 'completed_statuses must name at least one status' using errcode = '22023';
  end if;
  if exists (
    select from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = host_table
      and attribute.attname in (attached.completed_at_column, attached.created_at_column)
      and attribute.atttypid not in ('timestamptz'::regtype, 'timestamp'::regtype)
      -- A date cannot tell what was paid before the table was attached.
      and (attribute.atttypid <> 'date'::regtype or attribute.attname = attached.completed_at_column)
  ) then
    raise exception 'completed_at_column of % must be a timestamp, created_at_column a timestamp or a date', host_table
      using errcode = '42804', hint = 'completed_at_column => '''' does without.';
  end if;
  if coalesce(attached.completed_at_column, attached.created_at_column) is null then
    raise warning '% has no time column: what its triggers cannot note, the sweep cannot find', host_table;
  end if;
  -- A sample, for a table of any size.
  execute format(
    'select string_agg(distinct lower(btrim(recent.status)), '', '') '
    'from (select sale.%I::text as status from %s as sale limit 10000) as recent '
    'where not lower(btrim(recent.status)) = any ($1)',
    attached.status_column, host_table
  )
  into missing
  using attached.completed_statuses || (
    select settings.refunded_statuses || settings.unpaid_statuses || settings.charged_back_statuses
    from fb_ads.settings as settings
  );
  if missing is not null then
    raise warning '% has statuses that no list names (%): a paid sale counts as paid under them', host_table, missing
      using hint = 'Add what means paid to completed_statuses, and the others to the lists of fb_ads.settings.';
  end if;
  -- With two counting keys two sales would share one reference, and the second would never be reported.
  if exists (
    select
    from pg_catalog.pg_attribute as attribute
    join fb_ads.attached_tables as other
      on other.host_table <> check_attachment.host_table::text
        and other.ref_prefix = attached.ref_prefix
        and to_regclass(other.host_table) is not null
    join pg_catalog.pg_attribute as other_key
      on other_key.attrelid = to_regclass(other.host_table) and other_key.attname = other.key_column
    where attribute.attrelid = check_attachment.host_table and attribute.attname = attached.key_column
      and (attribute.atttypid <> 'uuid'::regtype and other_key.atttypid <> 'uuid'::regtype)
  ) then
    raise exception 'another attached table has keys like those of %', host_table
      using errcode = '22023',
      hint = 'Give it a ref_prefix => ''orders:'', and put the same before transaction_ref in fb_ads.purchases.';
  end if;
end;
$$;

comment on function fb_ads.check_attachment(regclass, fb_ads.attached_tables) is
  'Raises, saying what to change, when a table cannot be attached as asked. Called by fb_ads.attach_transactions.';

create function fb_ads.attach_transactions(
  host_table regclass,
  key_column text default null,
  status_column text default 'status',
  completed_statuses text[] default null,
  completed_at_column text default null,
  created_at_column text default null,
  user_column text default null,
  ref_prefix text default '',
  source text default null
)
returns timestamptz language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  attached fb_ads.attached_tables;
begin
  attached.host_table := host_table::text;
  attached.key_column := coalesce(key_column, (
    select min(attribute.attname)
    from pg_catalog.pg_index as primary_index
    join pg_catalog.pg_attribute as attribute
      on attribute.attrelid = primary_index.indrelid and attribute.attnum = any (primary_index.indkey)
    where primary_index.indrelid = host_table and primary_index.indisprimary
    having count(*) = 1
  ));
  attached.status_column := status_column;
  attached.completed_statuses := coalesce(
    (select array_agg(lower(named.status)) from unnest(completed_statuses) as named (status)),
    (select settings.completed_statuses from fb_ads.settings as settings)
  );
  attached.completed_at_column := coalesce(
    nullif(completed_at_column, ''),
    case when completed_at_column is null then fb_ads.first_column(host_table, array['completed_at', 'paid_at']) end
  );
  attached.created_at_column := coalesce(
    nullif(created_at_column, ''),
    case when created_at_column is null then fb_ads.first_column(host_table, array['created_at', 'inserted_at']) end
  );
  attached.user_column := coalesce(
    nullif(user_column, ''),
    case when user_column is null then fb_ads.first_column(host_table, array['user_id', 'buyer_id', 'customer_id']) end
  );
  attached.ref_prefix := coalesce(ref_prefix, '');
  attached.source := source;
  perform fb_ads.check_attachment(host_table, attached);

  -- For a table that is attached already, the columns may change and attached_at may not.
  insert into fb_ads.attached_tables as known (
    host_table, key_column, status_column, completed_statuses, completed_at_column, created_at_column, user_column,
    ref_prefix, source, capture_function
  )
  values (
    attached.host_table, attached.key_column, attached.status_column, attached.completed_statuses,
    attached.completed_at_column, attached.created_at_column, attached.user_column, attached.ref_prefix,
    attached.source, 'capture_purchases_' || left(md5(attached.host_table), 12)
  )
  on conflict on constraint attached_tables_host_table_key do update
  set key_column = excluded.key_column, status_column = excluded.status_column,
    completed_statuses = excluded.completed_statuses, completed_at_column = excluded.completed_at_column,
    created_at_column = excluded.created_at_column, user_column = excluded.user_column,
    ref_prefix = excluded.ref_prefix, source = excluded.source
  returning known.* into attached;

  -- "or replace": dropping them would wait for everybody who reads the table, and hold up everybody who comes after.
  execute format(
    'create or replace trigger fb_ads_note_inserted_purchases after insert on %s referencing new table as new_rows for '
    'each statement execute function fb_ads.%I()', host_table, attached.capture_function
  );
  execute format(
    'create or replace trigger fb_ads_note_updated_purchases after update on %s referencing old table as old_rows new '
    'table as new_rows for each statement execute function fb_ads.%I()', host_table, attached.capture_function
  );

  if attached.key_column = 'id' then
    perform fb_ads.make_host_foreign_key('transaction_id', host_table);
  end if;
  perform fb_ads.make_host_foreign_key('user_id', to_regclass('public.unified_profiles'));
  perform fb_ads.make_purchases_view();
  return attached.attached_at;
end;
$$;

comment on function fb_ads.attach_transactions(regclass, text, text, text[], text, text, text, text, text) is
  'Puts the purchase triggers on a host table; several tables are possible. Column names that are left out are looked '
  'for (the primary key; status; completed_at or paid_at; created_at; user_id, buyer_id or customer_id); an empty '
  'text means that there is none. Returns since when its sales are reported. Called again, it takes over changed '
  'names and keeps that moment.';

create function fb_ads.detach_transactions(host_table regclass)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  capture_function text;
begin
  execute format('drop trigger if exists fb_ads_note_inserted_purchases on %s', host_table);
  execute format('drop trigger if exists fb_ads_note_updated_purchases on %s', host_table);
  delete from fb_ads.attached_tables as attached
  where attached.host_table = detach_transactions.host_table::text
  returning attached.capture_function into capture_function;
  if capture_function is null then
    return false;
  end if;
  execute format('drop function if exists fb_ads.%I()', capture_function);
  if exists (
    select from pg_catalog.pg_constraint as existing
    where existing.conrelid = 'public.ad_attributions'::regclass
      and existing.conname = 'ad_attributions_transaction_id_fkey' and existing.confrelid = host_table
  ) then
    alter table public.ad_attributions drop constraint ad_attributions_transaction_id_fkey;
  end if;
  if not exists (select from fb_ads.attached_tables) then
    alter table public.ad_attributions drop constraint if exists ad_attributions_user_id_fkey;
  end if;
  return true;
end;
$$;

comment on function fb_ads.detach_transactions(regclass) is
  'Takes triggers, trigger function and our foreign keys off a host table. False when '
  'it was not attached. What was noted before is still sent.';

-- schemas/attribution/ad_lookups.sql

-- Ids that touchpoints name and the catalogue lacks: they are read by id, and watched.
-- Why a lookup of its own beside the job: the sales that wait must learn how it ended, also when the job is long gone.

create table fb_ads.ad_lookups (
  fb_id text primary key,
  level text not null,
  job_id bigint references fb_ads.sync_jobs (id) on delete set null,
  state text not null default 'open',
  requested_at timestamptz not null default now(),
  ended_at timestamptz,
  constraint fb_id_is_digits check (fb_id ~ '^[0-9]{1,30}$'),
  constraint level_is_known check (level in ('ad', 'adset', 'campaign')),
  constraint state_is_known check (state in ('open', 'known', 'unknown')),
  constraint ended_has_an_end check ((state = 'open') = (ended_at is null))
);

comment on table fb_ads.ad_lookups is
  'Ids that a sale''s touchpoints name and the catalogue did not know: each is read by id once, and watched for '
  'settings.attribution_revision_window.';
comment on column fb_ads.ad_lookups.fb_id is 'Meta''s id, as the address named it.';
comment on column fb_ads.ad_lookups.level is 'What it is read as: ad, adset or campaign.';
comment on column fb_ads.ad_lookups.job_id is
  'The job of the metadata sync that reads it; null where no account is enabled, or the job is gone.';
comment on column fb_ads.ad_lookups.state is
  'open: being read; known: the catalogue has it; unknown: Meta did not give it out, or nobody could ask.';
comment on column fb_ads.ad_lookups.requested_at is 'When a sale first needed it.';
comment on column fb_ads.ad_lookups.ended_at is 'When it became known or was given up.';

create index ad_lookups_job_id_idx on fb_ads.ad_lookups (job_id);
create index ad_lookups_state_idx on fb_ads.ad_lookups (state, requested_at) where state <> 'known';

alter table fb_ads.ad_lookups enable row level security;

create function fb_ads.plan_lookups(missing jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  wanted record;
  job bigint;
  asked_account uuid;
begin
  for wanted in
    select distinct on (given.fb_id) given.*
    from jsonb_to_recordset(missing) as given (fb_id text, level text, account_id uuid, is_awaited boolean)
    where given.fb_id is not null
    order by given.fb_id, given.is_awaited desc, given.account_id nulls last
  loop
    insert into fb_ads.ad_lookups (fb_id, level, state, ended_at)
    values (
      wanted.fb_id, wanted.level,
      case when wanted.is_awaited then 'open' else 'unknown' end,
      case when not wanted.is_awaited then now() end
    )
    on conflict (fb_id) do nothing;
    if not found then
      -- A sale names an id again that was given up: the watch starts anew.
      update fb_ads.ad_lookups as lookup
      set requested_at = now()
      where lookup.fb_id = wanted.fb_id and lookup.state = 'unknown' and lookup.requested_at < now() - interval '1 day';
      continue;
    end if;
    continue when not wanted.is_awaited;
    -- Meta needs only the token to read an id. The job's account is where the call is counted; the ad is stored under
    -- its own account.
    select account.id
    into asked_account
    from public.ad_accounts as account
    where account.enabled
    order by account.id is not distinct from wanted.account_id desc, account.fb_account_id
    limit 1;
    insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, params, not_before)
    values (
      asked_account, 'objects', 40, wanted.level, array[wanted.fb_id], '{"find_owner": true}',
      fb_ads.throttled_until(asked_account, 'objects')
    )
    returning id into job;
    update fb_ads.ad_lookups as lookup set job_id = job where lookup.fb_id = wanted.fb_id;
  end loop;
end;
$$;

comment on function fb_ads.plan_lookups(jsonb) is
  'Makes the metadata sync read ids that sales wait for, each by a job of its own (an invalid id must not fail the '
  'others), and remembers those that are only watched: [{fb_id, level, account_id, is_awaited}].';

create function fb_ads.is_known_object(fb_id text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (select from public.ad_ads as ad where ad.fb_ad_id = fb_id)
    or exists (select from public.ad_adsets as adset where adset.fb_adset_id = fb_id)
    or exists (select from public.ad_campaigns as campaign where campaign.fb_campaign_id = fb_id);
$$;

comment on function fb_ads.is_known_object(text) is 'Whether the catalogue has an ad, ad set or campaign of this id.';

create function fb_ads.is_lookup_over(lookup fb_ads.ad_lookups)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case lookup.state
    when 'open' then
      lookup.requested_at <= now() - settings.attribution_lookup_patience
      or not exists (
        select from fb_ads.sync_jobs as job where job.id = lookup.job_id and job.state in ('pending', 'running')
      )
      or fb_ads.is_known_object(lookup.fb_id)
    -- A lookup that was given up is over once the nightly sync brings the object.
    when 'unknown' then
      lookup.requested_at >= now() - settings.attribution_revision_window - settings.attribution_lookup_patience
      and fb_ads.is_known_object(lookup.fb_id)
    else false
  end
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.is_lookup_over(fb_ads.ad_lookups) is
  'Whether a lookup is over: the id is known by now, or its job has ended or takes too long.';

create function fb_ads.settle_lookups()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ended text[];
begin
  with decided as (
    select lookup.fb_id, fb_ads.is_known_object(lookup.fb_id) as is_known
    from fb_ads.ad_lookups as lookup
    where fb_ads.is_lookup_over(lookup)
    order by lookup.fb_id
    for update of lookup skip locked
  ),
  written as (
    update fb_ads.ad_lookups as lookup
    set state = case when decided.is_known then 'known' else 'unknown' end, ended_at = now()
    from decided
    where lookup.fb_id = decided.fb_id
    returning lookup.fb_id
  )
  select array_agg(written.fb_id) into ended from written;
  if ended is null then
    return 0;
  end if;
  perform from fb_ads.attribution_results as result
  where result.missing_ids && ended
  order by result.transaction_ref
  for update;
  update fb_ads.attribution_results as result
  set due_at = now()
  from fb_ads.settings as settings
  where result.missing_ids && ended
    and (result.outcome = 'waiting' or result.completed_at >= now() - settings.attribution_revision_window);
  return cardinality(ended);
end;
$$;

comment on function fb_ads.settle_lookups() is
  'Ends the lookups that are over, and marks the sales that wait for them; returns how many.';

-- schemas/attribution/sale_worth.sql

-- What a sale is worth now, as one reading of the host says.
-- Why a sale is taken as paid under any status that is not listed: hosts go on from paid to shipped, delivered or
-- partially refunded, and the noted completion proves the payment.

create type fb_ads.sale_worth as (
  current_value numeric,
  reversed_value numeric,
  net_value numeric,
  reversal_reason text
);

comment on type fb_ads.sale_worth is
  'What a sale is worth now. reversal_reason is null while it counts as a sale; then: refunded, charged_back, unpaid, '
  'negative_value or deleted.';

create function fb_ads.worth_of_sale(sale jsonb)
returns fb_ads.sale_worth language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with reading as (
    select
      (sale ->> 'value')::numeric as value,
      greatest(coalesce((sale ->> 'refunded_amount')::numeric, 0), 0) as refunded,
      coalesce((sale ->> 'is_completed')::boolean, false) as is_completed,
      lower(btrim(sale ->> 'status')) as status
  ),
  read as (
    select
      reading.value,
      reading.refunded,
      case
        when reading.value < 0 then 'negative_value'
        when reading.status = any (settings.charged_back_statuses) then 'charged_back'
        when not reading.is_completed and reading.status = any (settings.unpaid_statuses) then 'unpaid'
        when reading.refunded >= nullif(reading.value, 0) then 'refunded'
        when reading.refunded = 0 and reading.status = any (settings.refunded_statuses) then 'refunded'
      end as reason
    from reading
    cross join fb_ads.settings as settings
  ),
  taken_back as (
    select
      read.value,
      read.reason,
      case
        when read.reason is not null then greatest(coalesce(read.value, 0), 0)
        else least(read.refunded, coalesce(read.value, 0))
      end as reversed
    from read
  )
  select taken_back.value, taken_back.reversed,
    case when taken_back.reason is null then taken_back.value - taken_back.reversed else 0 end, taken_back.reason
  from taken_back;
$$;

comment on function fb_ads.worth_of_sale(jsonb) is
  'What a row of fb_ads.purchases says that a sale is worth: all of it is taken back when it was charged back, is not '
  'paid any more, has a negative value, or was refunded and no amount says how much; else the refunded amount is.';

create function fb_ads.is_sale(sale jsonb)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce((sale ->> 'is_completed')::boolean, false)
    or not lower(btrim(sale ->> 'status')) = any (settings.unpaid_statuses)
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.is_sale(jsonb) is
  'Whether a row of fb_ads.purchases whose completion was once noted is a sale: its status does not say unpaid.';

-- schemas/attribution/sales.sql

-- The sale as attribution sees it: when, how much, how much of it was taken back, and every digest by which a
-- touchpoint may belong to it.
-- Why through find_purchases: it is the one way to the host's tables, by their own key index.

create function fb_ads.digests_in(value jsonb)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case jsonb_typeof(value)
    when 'string' then array[lower(left(value #>> '{}', 64))]
    when 'array' then array(select distinct lower(left(digest, 64)) from jsonb_array_elements_text(value) as digest)
    else '{}'
  end;
$$;

comment on function fb_ads.digests_in(jsonb) is
  'Digests in a field of user_data, which is one text or a list of them; without '
  'the suffix that Meta''s parameter builder appends.';

create type fb_ads.sale as (
  transaction_ref text,
  user_ref text,
  user_id uuid,
  transaction_id uuid,
  source text,
  completed_at timestamptz,
  checkout_at timestamptz,
  conversion_value numeric,
  currency text,
  current_value numeric,
  reversed_value numeric,
  net_value numeric,
  reversal_reason text,
  is_denied boolean,
  is_unconsented boolean,
  user_digest text,
  browser_digest text,
  fbc_digest text,
  email_digests text[],
  phone_digests text[]
);

comment on type fb_ads.sale is
  'A paid sale with the digests that identify its buyer, browser and click. One attribution works on a list of them.';

create function fb_ads.read_sales(refs text[], digests jsonb)
returns setof fb_ads.sale language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  select distinct on (listed.sale ->> 'transaction_ref')
    listed.sale ->> 'transaction_ref',
    listed.sale ->> 'user_ref',
    (listed.sale ->> 'user_id')::uuid,
    (listed.sale ->> 'transaction_id')::uuid,
    listed.sale ->> 'source',
    paid.at,
    -- The checkout of this very order may begin after the host made the transaction; never after it was paid.
    least(paid.at, coalesce(
      greatest(
        (listed.sale ->> 'checkout_at')::timestamptz,
        case when checkout.order_id = any (paid.order_ids) then checkout.event_time end
      ),
      checkout.event_time, paid.at
    )),
    coalesce((event.content #>> '{custom_data,value}')::numeric, worth.current_value),
    upper(btrim(listed.sale ->> 'currency')),
    worth.current_value,
    worth.reversed_value,
    worth.net_value,
    worth.reversal_reason,
    coalesce(event.state = 'erased', false)
      or coalesce(event.consent, agreed.consent) is not distinct from 'denied',
    coalesce(event.state = 'suppressed' and checkout.state = 'suppressed', false),
    buyer.digest,
    coalesce(event.browser_digest, checkout.browser_digest),
    begun.fbc_digest,
    fb_ads.digests_in(event.user_data -> 'em') || fb_ads.digests_in(given.email_digests)
      || case
        when coalesce(listed.sale ->> 'email', '') like '%@%' then array[fb_ads.digest_of(listed.sale ->> 'email')]
        else '{}'
      end,
    fb_ads.digests_in(event.user_data -> 'ph') || fb_ads.digests_in(given.phone_digests)
  from fb_ads.find_purchases(refs) as listed (sale)
  left join fb_ads.conversion_events as event
    on event.event_name = 'Purchase' and event.event_id = listed.sale ->> 'transaction_ref'
  left join jsonb_to_recordset(digests) as given (transaction_ref text, email_digests jsonb, phone_digests jsonb)
    on given.transaction_ref = listed.sale ->> 'transaction_ref'
  cross join lateral fb_ads.worth_of_sale(listed.sale) as worth
  cross join lateral (
    select
      coalesce(
        (listed.sale ->> 'completed_at')::timestamptz, event.event_time, (listed.sale ->> 'checkout_at')::timestamptz
      ),
      fb_ads.order_ids_of_sale(listed.sale),
      fb_ads.digest_of(nullif(btrim(listed.sale ->> 'user_ref'), ''))
  ) as paid (at, order_ids, by_digest)
  cross join lateral fb_ads.choose_checkout(
    event.id, paid.by_digest, fb_ads.person_digests_of_sale(listed.sale), paid.order_ids,
    (listed.sale ->> 'checkout_at')::timestamptz, paid.at
  ) as choice
  left join fb_ads.conversion_events as checkout on checkout.id = choice.checkout_id
  cross join lateral (select coalesce(paid.by_digest, event.user_digest, checkout.user_digest)) as buyer (digest)
  cross join lateral fb_ads.consent_of_sale(buyer.digest, choice) as agreed
  left join fb_ads.checkout_clicks as begun on begun.event_id = checkout.event_id
  where paid.at is not null
    -- A sale whose status has moved on before its first match is one too: its noted completion proves it.
    and (
      coalesce((listed.sale ->> 'is_completed')::boolean, false)
      or (event.id is not null and fb_ads.is_sale(listed.sale))
    )
  order by listed.sale ->> 'transaction_ref';
$$;

comment on function fb_ads.read_sales(text[], jsonb) is
  'Paid sales by reference, with the digests that identify buyer, browser and click. digests: [{transaction_ref, '
  'email_digests, phone_digests}], worked out by the function where no sent event holds them.';

-- schemas/attribution/match_candidates.sql

-- From sales to the touchpoints that may be theirs, and from a touchpoint to what the catalogue makes of it.
-- Why every lookup is a lateral with a limit: it is then one descent into an index, whatever the planner thinks of the
-- sizes, and nobody can make a sale expensive by filling a browser with touchpoints.

create function fb_ads.links_of_sales(sales jsonb)
returns table (
  transaction_ref text, digest text, kind text, rank integer, matched_by text, linked_at timestamptz,
  received_at timestamptz
)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with sale as (
    select * from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
    where not sale.is_denied
  ),
  person as (
    select
      sale.transaction_ref, sale.completed_at, 'user' as kind, 1 as rank, 'user_id' as matched_by,
      sale.user_digest as digest
    from sale where sale.user_digest is not null
    union
    select sale.transaction_ref, sale.completed_at, 'email', 2, 'em', email.digest
    from sale, unnest(sale.email_digests) as email (digest)
    union
    select sale.transaction_ref, sale.completed_at, 'phone', 3, 'ph', phone.digest
    from sale, unnest(sale.phone_digests) as phone (digest)
  )
  select
    person.transaction_ref, person.digest, person.kind, person.rank, person.matched_by, person.completed_at,
    null::timestamptz
  from person
  union all
  select sale.transaction_ref, sale.browser_digest, 'browser', 4, 'fbp', sale.completed_at, null
  from sale
  where sale.browser_digest is not null
  union all
  -- Browsers in which the buyer was seen, be it after the sale.
  select
    person.transaction_ref, browser.browser_digest, either.kind,
    case when browser.is_verified then 4 + person.rank else 8 + person.rank end, person.matched_by,
    greatest(person.completed_at, browser.first_seen_at), browser.received_at
  from person
  cross join (values (true), (false)) as wanted (is_verified)
  cross join lateral (
    select known.browser_digest, known.first_seen_at, known.received_at, known.is_verified
    from fb_ads.browser_people as known
    where known.person_digest = person.digest and known.person_kind = person.kind
      and known.is_verified = wanted.is_verified
    order by known.received_at
    limit 50
  ) as browser
  cross join (values ('browser'), ('fbc')) as either (kind)
  union all
  select sale.transaction_ref, sale.fbc_digest, 'fbc', 8, 'fbc', sale.completed_at, null
  from sale
  where sale.fbc_digest is not null;
$$;

comment on function fb_ads.links_of_sales(jsonb) is
  'Everything that links touchpoints to these sales (as read_sales gives them), strongest first by rank: 1 user id, 2 '
  'e-mail, 3 phone, 4 the checkout''s browser, 5 to 7 a browser in which that person was verified, 8 fbc, from 9 on a '
  'browser that claimed the person, when it was received. Nothing of a sale whose buyer denied consent.';

create function fb_ads.touchpoints_by_digest(digest text, kind text, since timestamptz, until timestamptz)
returns setof fb_ads.touchpoints language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if kind = 'user' then
    return query select click.* from fb_ads.touchpoints as click
      where click.user_digest = touchpoints_by_digest.digest and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  elsif kind = 'browser' then
    return query select click.* from fb_ads.touchpoints as click
      where click.browser_digest = touchpoints_by_digest.digest and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  elsif kind = 'fbc' then
    return query select click.* from fb_ads.touchpoints as click
      where click.fbc_digest = touchpoints_by_digest.digest and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  elsif kind = 'email' then
    return query select click.* from fb_ads.touchpoints as click
      where click.email_digests @> array[touchpoints_by_digest.digest] and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  elsif kind = 'phone' then
    return query select click.* from fb_ads.touchpoints as click
      where click.phone_digests @> array[touchpoints_by_digest.digest] and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  end if;
end;
$$;

comment on function fb_ads.touchpoints_by_digest(text, text, timestamptz, timestamptz) is
  'The latest 100 touchpoints with this digest in a range of time, by the index '
  'of its kind: user, email, phone, fbc or browser.';

create function fb_ads.resolve_touchpoint(click fb_ads.touchpoints)
returns table (
  level text, account_id uuid, ad_id uuid, adset_id uuid, campaign_id uuid, catalogue_differs boolean,
  missing_level text, missing_id text
) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  with named as (
    select
      array[click.fb_ad_id, click.utm_content_id, click.utm_term_id, click.utm_campaign_id] as ads,
      array[click.fb_adset_id, click.utm_term_id, click.utm_content_id, click.utm_campaign_id] as adsets,
      array[click.fb_campaign_id, click.utm_campaign_id, click.utm_content_id, click.utm_term_id] as campaigns,
      array[click.utm_content_id, click.utm_term_id, click.utm_campaign_id] as utm
  ),
  found as (
    select
      (
        select ad
        from public.ad_ads as ad
        where ad.fb_ad_id = any (named.ads)
        order by array_position(named.ads, ad.fb_ad_id)
        limit 1
      ) as ad,
      (select adset from public.ad_adsets as adset where adset.fb_adset_id = any (named.adsets)
        order by array_position(named.adsets, adset.fb_adset_id) limit 1) as adset,
      (select campaign from public.ad_campaigns as campaign where campaign.fb_campaign_id = any (named.campaigns)
        order by array_position(named.campaigns, campaign.fb_campaign_id) limit 1) as campaign,
      named.utm
    from named
  ),
  placed as (
    -- What stands above is the catalogue's word: an ad's ad set, an ad set's campaign.
    select found.*, own_adset, coalesce(own_adset.campaign_id, (found.campaign).id) as campaign_id
    from found
    left join public.ad_adsets as own_adset on own_adset.id = coalesce((found.ad).adset_id, (found.adset).id)
  )
  select
    case
      when (placed.ad).id is not null then 'ad'
      when (placed.own_adset).id is not null then 'adset'
      when placed.campaign_id is not null then 'campaign'
    end,
    coalesce((placed.ad).account_id, (placed.own_adset).account_id, (placed.campaign).account_id),
    (placed.ad).id,
    (placed.own_adset).id,
    placed.campaign_id,
    coalesce(
      (placed.own_adset).fb_adset_id <> coalesce(click.fb_adset_id, (placed.adset).fb_adset_id)
      or own_campaign.fb_campaign_id <> coalesce(click.fb_campaign_id, (placed.campaign).fb_campaign_id),
      false
    ),
    case
      when missing.ad is not null then 'ad'
      when missing.adset is not null then 'adset'
      when missing.campaign is not null then 'campaign'
    end,
    coalesce(missing.ad, missing.adset, missing.campaign)
  from placed
  left join public.ad_campaigns as own_campaign on own_campaign.id = placed.campaign_id
  cross join lateral (
    select
      case
        when click.fb_ad_id is not null then nullif(click.fb_ad_id, (placed.ad).fb_ad_id)
        when (placed.ad).id is null then (
          -- A number as long as Meta's ids that is nothing yet: by convention the ad's.
          select utm.id from unnest(placed.utm) with ordinality as utm (id, position)
          where utm.id ~ '^[0-9]{15,20}$'
            and utm.id is distinct from (placed.adset).fb_adset_id
            and utm.id is distinct from (placed.campaign).fb_campaign_id
          order by utm.position limit 1
        )
      end,
      case when (placed.ad).id is null and (placed.own_adset).id is null then click.fb_adset_id end,
      case when placed.campaign_id is null then click.fb_campaign_id end
  ) as missing (ad, adset, campaign);
$$;

comment on function fb_ads.resolve_touchpoint(fb_ads.touchpoints) is
  'What the catalogue makes of a touchpoint: explicit ids first, then any number in a UTM parameter by its type; '
  'whether the address disagrees with the catalogue; and the id that it names and the catalogue lacks.';

create function fb_ads.collapse_touchpoints(touchpoints fb_ads.touchpoints[])
returns table (id bigint, touchpoint_id bigint, clicked_at timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with given as (
    select
      touchpoint.*, fb_ads.ids_of_touchpoint(touchpoint) as ids,
      num_nonnulls(variadic fb_ads.ids_of_touchpoint(touchpoint)) > 0 as has_ids,
      -- What came without a browser is that of the only browser with this click id.
      coalesce(
        touchpoint.browser_digest,
        case
          when touchpoint.fbclid is not null
            and min(touchpoint.browser_digest) over click_id = max(touchpoint.browser_digest) over click_id
            then min(touchpoint.browser_digest) over click_id
        end,
        touchpoint.user_digest, touchpoint.email_digests[1], touchpoint.phone_digests[1], touchpoint.fbc_digest
      ) as visitor
    from unnest(collapse_touchpoints.touchpoints) as touchpoint
    window click_id as (partition by touchpoint.fbclid)
  ),
  clicked as (
    select given.*,
      case when given.fbclid is null then given.id else first_value(given.id) over same_click end as click_id,
      case when given.fbclid is null then given.clicked_at else first_value(given.clicked_at) over same_click end
        as named_at
    from given
    window same_click as (
      partition by given.visitor, given.fbclid order by given.has_ids desc, given.clicked_at, given.id
    )
  ),
  -- One click id in one browser is one dated. A cookie dates it back as far as the window goes.
  dated as (
    select clicked.*, first.clicked_at as first_at
    from clicked
    cross join fb_ads.settings as settings
    cross join lateral (
      select min(other.clicked_at) as clicked_at
      from clicked as other
      where other.click_id = clicked.click_id and other.clicked_at >= clicked.named_at - settings.attribution_window
    ) as first
    where clicked.id = clicked.click_id
  ),
  -- Without one, the next pages of a visit repeat its ids.
  page as (
    select dated.*,
      (
        dated.fbclid is null and lag(dated.ids) over visit = dated.ids
        and date_trunc('second', dated.first_at) - date_trunc('second', lag(dated.first_at) over visit)
          <= settings.touchpoint_reload_window
        and coalesce(lag(dated.fbc_digest) over visit = dated.fbc_digest, true)
      ) is not true as is_new
    from dated
    cross join fb_ads.settings as settings
    window visit as (
      partition by dated.visitor
      order by date_trunc('second', dated.first_at), dated.fbclid nulls last, dated.id
    )
  ),
  visited as (
    select page.*, count(*) filter (where page.is_new) over (
      partition by page.visitor order by date_trunc('second', page.first_at), page.fbclid nulls last, page.id
    ) as visit
    from page
  ),
  named as (
    select visited.click_id,
      first_value(visited.id) over visit as touchpoint_id, min(visited.first_at) over visit as clicked_at
    from visited
    window visit as (
      partition by visited.visitor, visited.visit
      order by date_trunc('second', visited.first_at), visited.fbclid nulls last, visited.id
      rows between unbounded preceding and unbounded following
    )
  )
  select clicked.id, named.touchpoint_id, named.clicked_at from clicked join named on named.click_id = clicked.click_id;
$$;

comment on function fb_ads.collapse_touchpoints(fb_ads.touchpoints[]) is
  'Of the touchpoints of one sale: which one each repeats (the one that names it, by its ids or click id) and when '
  'that was clicked. The same whatever the order in which they were received.';

-- schemas/attribution/matches.sql

-- The rule: which touchpoint of a sale is credited, and what to say when none is.
-- The latest touchpoint at or before the checkout and within the window that names an ad wins. A click id alone erases
-- nothing: it may be organic, and counts as an assist. Two ads in the same second, or a browser with two users: nobody
-- is credited.

create function fb_ads.touchpoints_of_sales(sales jsonb)
returns table (
  transaction_ref text, click_id bigint, clicked_second timestamptz, clicked_at timestamptz, place text, is_own boolean,
  rank integer, matched_by text, confidence text, level text, account_id uuid, ad_id uuid, adset_id uuid,
  campaign_id uuid, catalogue_differs boolean, missing_level text, missing_id text, is_awaited boolean
) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  with sale as materialized (
    select sale.*, settings.attribution_window, settings.attribution_lookup_patience, settings.touchpoint_retention
    from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
    cross join fb_ads.settings as settings
  ),
  linked as (
    -- A link that only goes by the browser holds while that browser is not shared.
    select
      sale.transaction_ref, sale.user_digest, click, strength.rank, link.matched_by, decided.is_own
    from sale
    join fb_ads.links_of_sales(sales) as link on link.transaction_ref = sale.transaction_ref
    cross join lateral fb_ads.touchpoints_by_digest(
      link.digest, link.kind, sale.checkout_at - sale.touchpoint_retention, sale.completed_at + sale.attribution_window
    ) as click
    cross join lateral (
      select case
        when link.kind in ('email', 'phone') and click.reported_by = 'browser' then 8 + link.rank
        else link.rank
      end
    ) as strength (rank)
    cross join lateral (
      -- A touchpoint's own browser alone decides: its click id travels with the link.
      select link.rank <= 3 or not fb_ads.is_shared_browser(
        coalesce(click.browser_digest, click.fbc_digest), sale.user_digest, link.linked_at
      )
    ) as decided (is_own)
    where (
        link.kind <> 'fbc' or click.browser_digest is null or (link.rank = 8 and sale.browser_digest is null)
      )
      -- Who learns of a sale claims nothing of it.
      and (
        strength.rank <= 8
        or date_trunc('second', greatest(click.received_at, link.received_at)) <= date_trunc('second', sale.checkout_at)
      )
  ),
  collapsed as (
    select candidate.transaction_ref, touchpoint.*
    from (
      select linked.transaction_ref, array_agg(distinct linked.click) as clicks
      from linked
      group by linked.transaction_ref
    ) as candidate
    cross join lateral fb_ads.collapse_touchpoints(candidate.clicks) as touchpoint
  ),
  matched as (
    -- Each touchpoint once, by its strongest link.
    select distinct on (linked.transaction_ref, collapsed.touchpoint_id)
      sale.transaction_ref, sale.completed_at, sale.checkout_at, sale.attribution_window,
      sale.attribution_lookup_patience, named as click, collapsed.clicked_at, linked.rank, linked.matched_by,
      linked.is_own,
      case
        when linked.rank > 8 or (linked.rank = 4 and sale.user_digest is null) then 'low'
        when linked.rank in (1, 8) then 'high'
        else 'medium'
      end as confidence
    from linked
    join sale on sale.transaction_ref = linked.transaction_ref
    join collapsed on collapsed.transaction_ref = linked.transaction_ref and collapsed.id = (linked.click).id
    join fb_ads.touchpoints as named on named.id = collapsed.touchpoint_id
    order by linked.transaction_ref, collapsed.touchpoint_id, linked.rank > 8, linked.is_own desc, linked.rank
  )
  select
    matched.transaction_ref, (matched.click).id, second.of_click, matched.clicked_at,
    case
      when second.of_click > date_trunc('second', matched.checkout_at) then 'after'
      when second.of_click < date_trunc('second', matched.checkout_at) - matched.attribution_window then 'before'
      else 'within'
    end,
    matched.is_own, matched.rank, matched.matched_by, matched.confidence,
    resolved.level, resolved.account_id, resolved.ad_id, resolved.adset_id, resolved.campaign_id,
    resolved.catalogue_differs, resolved.missing_level, resolved.missing_id,
    resolved.missing_id ~ '^[0-9]{10,20}$' and coalesce(
      lookup.state = 'open' and lookup.requested_at > now() - matched.attribution_lookup_patience,
      exists (select from public.ad_accounts as account where account.enabled)
    )
  from matched
  cross join lateral (select date_trunc('second', matched.clicked_at)) as second (of_click)
  cross join lateral fb_ads.resolve_touchpoint(matched.click) as resolved
  left join fb_ads.ad_lookups as lookup on lookup.fb_id = resolved.missing_id
  -- A number in a UTM parameter that is no id of ours makes no touchpoint.
  where resolved.level is not null or (matched.click).fbclid is not null
    or coalesce((matched.click).fb_ad_id, (matched.click).fb_adset_id, (matched.click).fb_campaign_id) is not null
    or (resolved.missing_id is not null and coalesce(lookup.state, 'open') = 'open');
$$;

comment on function fb_ads.touchpoints_of_sales(jsonb) is
  'All touchpoints that may belong to these sales: whether each lies before, within or after the window (to the '
  'second, both ends included), whether the link is the buyer''s own, what the catalogue makes of it, and whether an '
  'id that it names is still being read.';

create function fb_ads.match_sales(sales jsonb)
returns table (
  transaction_ref text, outcome text, reason text, level text, account_id uuid, ad_id uuid, adset_id uuid,
  campaign_id uuid, matched_by text, confidence text, click_id bigint, clicked_at timestamptz,
  catalogue_differs boolean, assist_click_ids bigint[], conflicting_click_ids bigint[], missing jsonb
) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  with sale as (
    select * from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
  ),
  linked as materialized (select * from fb_ads.touchpoints_of_sales(sales)),
  -- A claim counts where nothing else is known: who makes it may be anybody.
  touchpoint as materialized (
    select linked.*
    from linked
    where linked.rank <= 8 or not exists (
      select from linked as other
      where other.transaction_ref = linked.transaction_ref and other.rank <= 8 and other.place = 'within'
    )
  ),
  candidate as (
    select touchpoint.*,
      -- An ad beats an ad set or a campaign, whenever they came; among those the later one, and the more exact in a
      -- tie.
      row_number() over (
        partition by touchpoint.transaction_ref
        order by
          touchpoint.level = 'ad' desc, touchpoint.clicked_second desc, touchpoint.level = 'adset' desc,
          touchpoint.rank, touchpoint.clicked_at desc, touchpoint.click_id desc
      ) as position
    from touchpoint
    where touchpoint.place = 'within' and touchpoint.is_own and touchpoint.level is not null
  ),
  winner as (select * from candidate where position = 1),
  conflicts as (
    select winner.transaction_ref, array_agg(candidate.click_id order by candidate.click_id) as click_ids
    from winner
    join candidate on candidate.transaction_ref = winner.transaction_ref
      and candidate.clicked_second = winner.clicked_second and candidate.level = winner.level
    group by winner.transaction_ref
    having count(distinct coalesce(candidate.ad_id, candidate.adset_id, candidate.campaign_id)) > 1
  ),
  summary as (
    select
      touchpoint.transaction_ref,
      bool_or(touchpoint.place = 'within' and not touchpoint.is_own) as has_shared,
      array_agg(touchpoint.click_id order by touchpoint.click_id) filter (
        where touchpoint.place = 'within' and not touchpoint.is_own
      ) as shared_click_ids,
      bool_or(touchpoint.place = 'within' and touchpoint.is_own) as has_own,
      bool_or(touchpoint.place = 'after') as has_after,
      bool_or(touchpoint.place = 'before') as has_before,
      bool_or(awaited.counts and touchpoint.is_awaited) as is_waiting,
      array_agg(touchpoint.click_id order by touchpoint.click_id) filter (
        where touchpoint.place = 'within'
          and touchpoint.is_own
          and touchpoint.level is null
          and (winner.click_id is null or touchpoint.clicked_second >= winner.clicked_second)
      ) as assist_click_ids,
      jsonb_agg(distinct jsonb_build_object(
        'fb_id', touchpoint.missing_id, 'level', touchpoint.missing_level, 'account_id', touchpoint.account_id,
        'is_awaited', touchpoint.is_awaited
      )) filter (where awaited.counts) as missing
    from touchpoint
    left join winner on winner.transaction_ref = touchpoint.transaction_ref
    cross join lateral (
      -- An id that is not known yet matters unless the winner is an ad that came later.
      select touchpoint.missing_id is not null and touchpoint.place = 'within' and touchpoint.is_own
        and (winner.level is distinct from 'ad' or touchpoint.clicked_second >= winner.clicked_second)
    ) as awaited (counts)
    group by touchpoint.transaction_ref
  ),
  decision as (
    select sale.transaction_ref, summary.assist_click_ids, summary.missing,
      coalesce(
        conflicts.click_ids, case when winner.click_id is null and summary.has_shared then summary.shared_click_ids end
      ) as conflicting_click_ids,
      case
        when sale.is_denied then 'no_consent'
        when summary.is_waiting then 'ad_unknown'
        when conflicts.click_ids is not null then 'ambiguous'
        when winner.click_id is not null then null
        when summary.has_shared then 'ambiguous'
        when summary.has_own then 'ad_unknown'
        when summary.has_after then 'click_after_purchase'
        when summary.has_before then 'outside_window'
        when sale.is_unconsented then 'no_consent'
        else 'no_touch'
      end as reason,
      coalesce(summary.is_waiting, false) and not sale.is_denied as is_waiting
    from sale
    left join summary on summary.transaction_ref = sale.transaction_ref
    left join winner on winner.transaction_ref = sale.transaction_ref
    left join conflicts on conflicts.transaction_ref = sale.transaction_ref
  )
  select
    decision.transaction_ref,
    case when decision.is_waiting then 'waiting' when decision.reason is null then 'attributed' else 'unattributed' end,
    decision.reason, credit.level, credit.account_id, credit.ad_id, credit.adset_id, credit.campaign_id,
    credit.matched_by, credit.confidence, credit.click_id, credit.clicked_at, credit.catalogue_differs,
    decision.assist_click_ids,
    case when decision.reason = 'ambiguous' then decision.conflicting_click_ids end, coalesce(decision.missing, '[]')
  from decision
  left join winner as credit on credit.transaction_ref = decision.transaction_ref and decision.reason is null;
$$;

comment on function fb_ads.match_sales(jsonb) is
  'The result of each of these sales (as read_sales gives them). Reads '
  'only; the same knowledge gives the same result.';

-- schemas/attribution/due_purchases.sql

-- Which sales a run of attribute-purchase takes up, and which it is done with.

create function fb_ads.is_purchase_due(event fb_ads.conversion_events)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(event.attribution_not_before <= now(), true)
    and (
      event.final_at is not null
      or event.event_time <= now() - interval '1 hour'
      or event.state in ('suppressed', 'refused', 'expired', 'erased')
      or (
        event.state = 'stored' and not exists (
          select from fb_ads.event_deliveries as delivery
          where delivery.event_row_id = event.id and delivery.state in ('pending', 'sending', 'blocked')
        )
      )
    );
$$;

comment on function fb_ads.is_purchase_due(fb_ads.conversion_events) is
  'Whether a purchase that was not looked at may be attributed: it is sent, suppressed, expired, refused or dead at '
  'every pixel, or one hour has passed.';

create function fb_ads.due_purchases(most integer)
returns setof text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  (
    select event.transaction_ref from fb_ads.conversion_events as event
    where not event.attribution_done and event.event_name = 'Purchase' and event.state <> 'waiting'
      and event.transaction_ref is not null and fb_ads.is_purchase_due(event)
    order by event.event_time
    limit most
  )
  union all
  (
    select event.transaction_ref from fb_ads.conversion_events as event
    where event.state = 'waiting' and not event.attribution_done and event.event_name = 'Purchase'
      and event.transaction_ref is not null
      and event.event_time <= now() - interval '1 hour'
      and fb_ads.is_purchase_due(event)
    limit most
  )
  limit most;
$$;

comment on function fb_ads.due_purchases(integer) is
  'References of sales that are due and were not looked at, at most so many.';

create function fb_ads.end_purchases(refs text[], sales jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update fb_ads.conversion_events as event
  set attribution_done = true
  where event.event_name = 'Purchase' and event.event_id = any (refs) and not event.attribution_done
    and exists (
      select from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale where sale.transaction_ref = event.event_id
    );

  -- Not in the view, or not paid: given up after a week.
  update fb_ads.conversion_events as event
  set
    attribution_done = event.received_at < now() - interval '7 days', attribution_not_before = now() + interval '1 hour'
  where event.event_name = 'Purchase' and event.event_id = any (refs) and not event.attribution_done
    and not exists (
      select from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale where sale.transaction_ref = event.event_id
    );

  update fb_ads.attribution_results as result
  set due_at = null
  where result.transaction_ref = any (refs) and result.due_at is not null
    and not exists (
      select
      from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
      where sale.transaction_ref = result.transaction_ref
    );
end;
$$;

comment on function fb_ads.end_purchases(text[], jsonb) is
  'Marks purchases as done. One that the host does not show as paid is tried again every hour for a week.';

create function fb_ads.has_attribution_work()
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (select from fb_ads.attribution_results as result where result.due_at <= now())
    or exists (select from fb_ads.due_purchases(1))
    or exists (select from fb_ads.ad_lookups as lookup where lookup.state <> 'known' and fb_ads.is_lookup_over(lookup));
$$;

comment on function fb_ads.has_attribution_work() is
  'Whether attribute-purchase would find something to do: a sale to look at for the first time or anew, or news of an '
  'ad that sales wait for. Called by fb_ads.tick.';

create function public.fb_list_sales_to_attribute(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  most integer := coalesce((request ->> 'limit')::integer, 500);
  refs text[];
  people jsonb;
begin
  if jsonb_typeof(request -> 'transaction_refs') = 'array' then
    refs := array(select distinct jsonb_array_elements_text(request -> 'transaction_refs') order by 1 limit most);
  else
    perform fb_ads.settle_lookups();
    refs := array(
      select due.transaction_ref
      from (
        (
          select result.transaction_ref
          from fb_ads.attribution_results as result
          where result.due_at <= now()
          order by result.due_at
          limit most
        )
        union
        select listed.transaction_ref from fb_ads.due_purchases(most) as listed (transaction_ref)
      ) as due
      order by due.transaction_ref
      limit most
    );
  end if;

  -- Buyers whose e-mail address or phone number is in no sent event: the function hashes them by the rules for Meta.
  select jsonb_agg(jsonb_build_object(
    'transaction_ref', listed.sale ->> 'transaction_ref', 'email', listed.sale ->> 'email',
    'phone', listed.sale ->> 'phone', 'country', listed.sale ->> 'country'
  ))
  into people
  from fb_ads.find_purchases(refs) as listed (sale)
  left join fb_ads.conversion_events as event
    on event.event_name = 'Purchase' and event.event_id = listed.sale ->> 'transaction_ref'
  where event.user_data is null and event.state is distinct from 'erased' and event.consent is distinct from 'denied'
    and coalesce(listed.sale ->> 'email', listed.sale ->> 'phone') is not null;
  return jsonb_build_object('transaction_refs', to_jsonb(refs), 'people', coalesce(people, '[]'::jsonb));
end;
$$;

comment on function public.fb_list_sales_to_attribute(jsonb) is
  'Called by attribute-purchase with {transaction_refs?, limit?}: the sales that wait (or those named) as '
  '{transaction_refs, people}; people are the buyers in clear whose digests are stored nowhere, to be hashed and '
  'forgotten.';

-- schemas/attribution/reversals.sql

-- What hosts change of sales after their payment: refunds, chargebacks, other amounts, deleted rows.
-- Why pages, the newest sales first: most changes come soon after the payment, and no statement may grow with the
-- history.

create function fb_ads.refresh_worth(refs text[])
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  changed text[];
begin
  -- Without the view nothing is known, and nothing is deleted.
  if to_regclass('fb_ads.purchases') is null then
    return 0;
  end if;
  with listed as materialized (
    select found_sale from fb_ads.find_purchases(refs) as found_sale
  ),
  reading as (
    select listed.found_sale ->> 'transaction_ref' as transaction_ref, listed.found_sale as sale
    from listed
    where not listed.found_sale ? 'is_unreadable'
    union all
    select given.ref, null
    from unnest(refs) as given (ref)
    where not exists (select from listed where listed.found_sale ->> 'transaction_ref' = given.ref)
  ),
  differing as materialized (
    select result.transaction_ref, worth.current_value, worth.reversed_value, worth.net_value, worth.reversal_reason
    from reading
    join fb_ads.attribution_results as result on result.transaction_ref = reading.transaction_ref
    cross join lateral (
      select worth.current_value, worth.reversed_value, worth.net_value, worth.reversal_reason
      from fb_ads.worth_of_sale(reading.sale) as worth
      where reading.sale is not null
      union all
      select result.current_value, greatest(coalesce(result.current_value, 0), 0), 0, 'deleted'
      where reading.sale is null
    ) as worth
    where (result.current_value, result.reversed_value, result.net_value, result.reversal_reason)
      is distinct from (worth.current_value, worth.reversed_value, worth.net_value, worth.reversal_reason)
    order by result.transaction_ref
    for update of result
  ),
  written as (
    update fb_ads.attribution_results as result
    set current_value = differing.current_value, reversed_value = differing.reversed_value,
      net_value = differing.net_value, reversal_reason = differing.reversal_reason
    from differing
    where result.transaction_ref = differing.transaction_ref
    returning result.transaction_ref
  )
  select array_agg(written.transaction_ref) into changed from written;
  update public.ad_attributions as attribution
  set current_value = result.current_value, reversed_value = result.reversed_value, net_value = result.net_value,
    reversal_reason = result.reversal_reason, updated_at = now(),
    state = case when result.reversal_reason is null then 'active' else 'reversed' end
  from fb_ads.attribution_results as result
  where attribution.transaction_ref = any (changed) and result.transaction_ref = attribution.transaction_ref;
  return coalesce(cardinality(changed), 0);
end;
$$;

comment on function fb_ads.refresh_worth(text[]) is
  'Takes over what the host says now of the worth of these sales, from one reading; the rows stay, and nothing is sent '
  'to Meta. Returns how many sales changed. Called again, it changes nothing.';

create function fb_ads.refresh_reversals(since timestamptz, after jsonb default null, pages integer default 10)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  page_size constant integer := 1000;
  refs text[];
  changed bigint := 0;
begin
  -- One at a time with attribution, which writes the same values: so few pages are short.
  perform pg_advisory_xact_lock(hashtext('fb_ads.attribution_results'));
  for page in 1..pages loop
    refs := array(
      select result.transaction_ref
      from fb_ads.attribution_results as result
      where result.completed_at >= since
        and (result.completed_at, result.transaction_ref)
          < (coalesce((after ->> 'completed_at')::timestamptz, 'infinity'), coalesce(after ->> 'transaction_ref', ''))
      order by result.completed_at desc, result.transaction_ref desc
      limit page_size
    );
    changed := changed + fb_ads.refresh_worth(refs);
    select to_jsonb(last_sale)
    into after
    from (
      select result.completed_at, result.transaction_ref
      from fb_ads.attribution_results as result
      where cardinality(refs) = page_size and result.transaction_ref = refs[page_size]
    ) as last_sale;
    exit when after is null;
  end loop;
  return jsonb_build_object('changed', changed, 'cursor', after);
end;
$$;

comment on function fb_ads.refresh_reversals(timestamptz, jsonb, integer) is
  'Takes over refunds, chargebacks and whatever else the host changed of the sales since then: some pages of 1,000, '
  'the newest first, from a cursor on. Returns {changed, cursor}; no cursor: all were looked at.';

create function public.fb_refresh_reversals(request jsonb)
returns jsonb language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select fb_ads.refresh_reversals(now() - coalesce((request ->> 'days')::integer, 7) * interval '1 day') - 'cursor';
$$;

comment on function public.fb_refresh_reversals(jsonb) is
  'Called by attribute-purchase with {days?}: takes over what the host changed of the newest 10,000 sales of the last '
  'days (7). Returns {changed}.';

-- schemas/attribution/credit.sql

-- Matching sales and keeping the results: one call a batch. A call may be repeated.
-- Why one run at a time writes: the result follows from what is stored, so the second of two would only find nothing to
-- change.

-- Definer: the host need not grant its tables to service_role. Gives out only which of these ids exist.
create function fb_ads.existing_host_ids(column_name text, ids uuid[])
returns uuid[] language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  host_table regclass;
  existing uuid[];
begin
  select constraint_row.confrelid::regclass
  into host_table
  from pg_catalog.pg_constraint as constraint_row
  where constraint_row.conrelid = 'public.ad_attributions'::regclass
    and constraint_row.conname = format('ad_attributions_%s_fkey', column_name);
  if host_table is null or ids is null then
    return ids;
  end if;
  execute format(
    'select array_agg(host.id) from %s as host where host.id = any ($1)', host_table
  ) into existing using ids;
  return coalesce(existing, '{}');
end;
$$;

comment on function fb_ads.existing_host_ids(text, uuid[]) is
  'Which of these ids ad_attributions.<column> may refer to: those that the host''s '
  'table has; all of them where there is no foreign key.';

create function fb_ads.store_attributions(sales jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  delete from public.ad_attributions as attribution
  using jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
  join fb_ads.attribution_results as result
    on result.transaction_ref = sale.transaction_ref and result.outcome <> 'attributed'
  where attribution.transaction_ref = sale.transaction_ref;

  with given as (
    select *
    from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
  ),
  hosts as materialized (
    select
      fb_ads.existing_host_ids(
        'user_id', array(select given.user_id from given where given.user_id is not null)
      ) as user_ids,
      fb_ads.existing_host_ids(
        'transaction_id', array(select given.transaction_id from given where given.transaction_id is not null)
      ) as transaction_ids
  )
  insert into public.ad_attributions as known (
    transaction_ref, transaction_id, user_ref, user_id, campaign_id, adset_id, ad_id, conversion_event, event_time,
    conversion_value, currency, fb_click_id, state, matched_by, confidence, attribution_model, attribution_window,
    clicked_at, checkout_at, current_value, reversed_value, net_value, reversal_reason
  )
  select
    result.transaction_ref,
    case when given.transaction_id = any (hosts.transaction_ids) then given.transaction_id end, given.user_ref,
    case when given.user_id = any (hosts.user_ids) then given.user_id end,
    result.campaign_id, result.adset_id, result.ad_id, 'Purchase', result.completed_at, result.conversion_value,
    result.currency,
    click.fbclid, case when result.reversal_reason is null then 'active' else 'reversed' end,
    result.matched_by, result.confidence, 'last_ad_click', settings.attribution_window,
    least(result.clicked_at, result.completed_at), result.checkout_at, result.current_value, result.reversed_value,
    result.net_value, result.reversal_reason
  from given
  join fb_ads.attribution_results as result
    on result.transaction_ref = given.transaction_ref and result.outcome = 'attributed'
  cross join hosts
  cross join fb_ads.settings as settings
  left join fb_ads.touchpoints as click on click.id = result.click_id
  order by result.transaction_ref
  on conflict (transaction_ref) do update
  set transaction_id = excluded.transaction_id, user_ref = excluded.user_ref, user_id = excluded.user_id,
    campaign_id = excluded.campaign_id, adset_id = excluded.adset_id, ad_id = excluded.ad_id,
    event_time = excluded.event_time, conversion_value = excluded.conversion_value, currency = excluded.currency,
    fb_click_id = excluded.fb_click_id, state = excluded.state, matched_by = excluded.matched_by,
    confidence = excluded.confidence, clicked_at = excluded.clicked_at, checkout_at = excluded.checkout_at,
    attribution_window = excluded.attribution_window, current_value = excluded.current_value,
    reversed_value = excluded.reversed_value, net_value = excluded.net_value,
    reversal_reason = excluded.reversal_reason, updated_at = now()
  where (
    known.transaction_id, known.user_ref, known.user_id, known.campaign_id, known.adset_id, known.ad_id,
    known.event_time, known.conversion_value, known.currency, known.fb_click_id, known.state, known.matched_by,
    known.confidence, known.clicked_at, known.checkout_at, known.current_value, known.reversed_value, known.net_value,
    known.reversal_reason
  ) is distinct from (
    excluded.transaction_id, excluded.user_ref, excluded.user_id, excluded.campaign_id, excluded.adset_id,
    excluded.ad_id, excluded.event_time, excluded.conversion_value, excluded.currency, excluded.fb_click_id,
    excluded.state, excluded.matched_by, excluded.confidence, excluded.clicked_at, excluded.checkout_at,
    excluded.current_value, excluded.reversed_value, excluded.net_value, excluded.reversal_reason
  );
end;
$$;

comment on function fb_ads.store_attributions(jsonb) is
  'Brings public.ad_attributions in step with the results of these sales: one '
  'row where a sale is credited, none otherwise.';

create function fb_ads.store_buyers(sales jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  met text[];
begin
  -- A person who pays in a browser is one of its users, logged in or not.
  met := coalesce(fb_ads.store_browser_people((
    select coalesce(jsonb_agg(jsonb_build_object(
      'browser_digest', sale.browser_digest, 'fbc_digest', sale.fbc_digest, 'user_digest', sale.user_digest,
      'seen_at', sale.checkout_at, 'reported_by', 'server', 'received_at', now()
    )), '[]')
    from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
    where not sale.is_denied and sale.user_digest is not null
  )), '{}');
  perform fb_ads.lock_results(
    array(select sale.transaction_ref from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale), met
  );
  if cardinality(met) > 0 then
    perform fb_ads.revise_sales(met, null);
  end if;
end;
$$;

comment on function fb_ads.store_buyers(jsonb) is
  'Before these sales (as read_sales gives them) are matched: keeps who began them in which browser, locks their '
  'results, and marks other sales that this may change.';

create function public.fb_attribute_purchases(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  refs text[] := array(select jsonb_array_elements_text(coalesce(request -> 'transaction_refs', '[]')));
  sales jsonb;
  matches jsonb;
begin
  perform pg_advisory_xact_lock(hashtext('fb_ads.attribution_results'));
  select jsonb_agg(to_jsonb(sale)) into sales
  from fb_ads.read_sales(refs, coalesce(request -> 'digests', '[]')) as sale;
  sales := coalesce(sales, '[]');
  perform fb_ads.store_buyers(sales);
  select coalesce(jsonb_agg(to_jsonb(decision)), '[]') into matches from fb_ads.match_sales(sales) as decision;
  perform fb_ads.plan_lookups((
    select jsonb_agg(missing order by missing ->> 'fb_id')
    from jsonb_array_elements(matches) as decision
    cross join jsonb_array_elements(decision -> 'missing') as missing
  ));
  perform fb_ads.store_results(sales, matches);
  perform fb_ads.store_attributions(sales);
  -- What was read above is stored; the others may be unpaid or deleted by now.
  perform fb_ads.refresh_worth(array(
    select given.ref
    from unnest(refs) as given (ref)
    where not exists (
      select from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale where sale.transaction_ref = given.ref
    )
  ));
  perform fb_ads.end_purchases(refs, sales);
  return (
    select jsonb_build_object(
      'attributed', count(*) filter (where result.outcome = 'attributed'),
      'unattributed', count(*) filter (where result.outcome = 'unattributed'),
      'waiting', count(*) filter (where result.outcome = 'waiting')
    )
    from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
    join fb_ads.attribution_results as result on result.transaction_ref = sale.transaction_ref
  );
end;
$$;

comment on function public.fb_attribute_purchases(jsonb) is
  'Called by attribute-purchase with {transaction_refs, digests?: [{transaction_ref, email_digests, phone_digests}]}: '
  'matches these sales, keeps the results and returns {attributed, unattributed, waiting}. Called again, or twice at '
  'once, it changes nothing. It leaves out references that are no paid sale.';

-- schemas/attribution/touchpoint_retention.sql

-- How long touchpoints and what is known of browsers are kept.

create function fb_ads.delete_old_touchpoints(most integer default 5000)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  touched bigint := 0;
  step bigint;
  kept_since timestamptz := now() - (select settings.touchpoint_retention from fb_ads.settings as settings);
begin
  delete from fb_ads.touchpoints as click
  where click.id in (select old.id from fb_ads.touchpoints as old where old.clicked_at < kept_since limit most);
  get diagnostics touched = row_count;
  delete from fb_ads.browser_people as known
  where (known.browser_digest, known.person_kind, known.person_digest, known.is_verified) in (
    select old.browser_digest, old.person_kind, old.person_digest, old.is_verified
    from fb_ads.browser_people as old where old.last_seen_at < kept_since limit most
  )
    -- Checked on the row itself: a person who is seen again at this moment stays.
    and known.last_seen_at < kept_since;
  get diagnostics step = row_count;
  touched := touched + step;
  delete from fb_ads.checkout_clicks as checkout
  where checkout.event_id in (
    select old.event_id from fb_ads.checkout_clicks as old where old.created_at < kept_since limit most
  );
  get diagnostics step = row_count;
  touched := touched + step;
  update fb_ads.attribution_results as result
  set match_keys = null
  where result.transaction_ref in (
    select old.transaction_ref
    from fb_ads.attribution_results as old
    cross join fb_ads.settings as settings
    where old.match_keys is not null and old.completed_at < now() - settings.attribution_revision_window
    limit most
  );
  get diagnostics step = row_count;
  touched := touched + step;
  update public.ad_attributions as attribution
  set fb_click_id = null, updated_at = now()
  where attribution.id in (
    select old.id
    from public.ad_attributions as old
    cross join fb_ads.settings as settings
    where old.fb_click_id is not null and old.event_time < now() - settings.click_id_retention
    limit most
  );
  get diagnostics step = row_count;
  return touched + step;
end;
$$;

comment on function fb_ads.delete_old_touchpoints(integer) is
  'For the nightly job: deletes touchpoints and what is known of browsers after settings.touchpoint_retention, the '
  'digests of sales that can no longer change, and click ids of credited sales after settings.click_id_retention; at '
  'most so many rows of each kind; returns how many, 0 when there is nothing left.';

-- schemas/consent/erasure.sql

-- Removing a person on request.
-- Why a stripped key stays: without it the sweep, or a repeated request, would make the same event anew.
-- Why a shared browser keeps what is not this person's: the touchpoints of another user stay.
-- Why a denial stays: whoever objects and asks to be forgotten is not to be found in the next event again.
-- Operator: select public.fb_erase_person('<user id>'), or the SHA-256 of the e-mail address or phone number as Meta
-- takes it.

create function fb_ads.digests_of_phone(phone text, digests text[])
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array(
    select fb_ads.digest_of(given.digits)
    union
    -- A host that keeps 0812… may mean either country: the digest that is asked for tells.
    select national.digest
    from unnest(array['62', '63']) as market (calling_code)
    cross join lateral (select fb_ads.digest_of(market.calling_code || substr(given.digits, 2))) as national (digest)
    where given.digits ~ '^0[1-9]' and national.digest = any (digests)
  )
  from (select nullif(regexp_replace(phone, '[^0-9]', '', 'g'), '')) as given (digits)
  where given.digits is not null;
$$;

comment on function fb_ads.digests_of_phone(text, text[]) is
  'Under which digests a phone number that the host keeps is known: of its digits, and of a national number of '
  'Indonesia or the Philippines the international form where it is among those asked for. Null for no number.';

-- Definer: the host need not grant its tables to service_role. Gives out references alone.
create function fb_ads.find_purchases_of(digests text[])
returns table (
  transaction_ref text, user_ref text, user_digest text, person_digests text[], completed_at timestamptz,
  is_completed boolean
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regclass('fb_ads.purchases') is null then
    return;
  end if;
  return query
    select
      sale.transaction_ref, sale.user_ref, known.user_digest,
      array_remove(array[known.email_digest] || known.phone_digests, null), sale.completed_at,
      coalesce(sale.is_completed, fb_ads.means_paid(sale.status))
    from fb_ads.purchases as sale
    cross join lateral (
      select fb_ads.digest_of(sale.user_ref), fb_ads.digest_of(sale.email), fb_ads.digests_of_phone(sale.phone, digests)
    ) as known (user_digest, email_digest, phone_digests)
    where known.user_digest = any (digests)
      or known.email_digest = any (digests)
      or known.phone_digests && digests;
end;
$$;

comment on function fb_ads.find_purchases_of(text[]) is
  'A person''s transactions of any age, by digests of user id, e-mail address or phone number; reads all that the host '
  'has.';

create function fb_ads.digests_of_person(person text)
returns text[] language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  digests text[];
  users text[];
begin
  digests := case
    when person ~ '^[0-9a-f]{64}$' then array[person]
    when person ~ '^\+?[0-9][0-9 ().-]{6,}$'
      then array[fb_ads.digest_of(person), fb_ads.digest_of(regexp_replace(person, '[^0-9]', '', 'g'))]
    else array[fb_ads.digest_of(person)]
  end;
  select array_agg(distinct known.user_digest)
  into users
  from (
    select event.user_digest
    from fb_ads.conversion_events as event
    where event.person_digests && digests or event.user_digest = any (digests)
    union all
    select click.user_digest
    from fb_ads.touchpoints as click
    where (click.email_digests && digests or click.phone_digests && digests) and click.reported_by <> 'browser'
    union all
    select sale.user_digest from fb_ads.find_purchases_of(digests) as sale
  ) as known
  where known.user_digest is not null;
  -- A guest's browser is the guest's own, unless somebody else was seen in it.
  if users is null then
    digests := digests || array(
      select distinct mine.browser_digest
      from fb_ads.conversion_events as mine
      where mine.person_digests && digests and mine.browser_digest is not null
        and not exists (
          select from fb_ads.conversion_events as other
          where other.browser_digest = mine.browser_digest
            and (other.user_digest is not null or not other.person_digests && digests)
        )
    );
  end if;
  -- Two users behind one phone number are two persons: only what carries the number itself goes then.
  if cardinality(users) = 1 then
    select array_agg(distinct known.digest)
    into digests
    from (
      select unnest(digests || users) as digest
      union
      select unnest(array_append(event.person_digests, event.browser_digest))
      from fb_ads.conversion_events as event
      where event.user_digest = users[1]
      union
      select unnest(sale.person_digests) from fb_ads.find_purchases_of(users) as sale
    ) as known
    where known.digest is not null;
  end if;
  return digests;
end;
$$;

comment on function fb_ads.digests_of_person(text) is
  'All digests under which a person given by user id, e-mail address, phone number or digest is known: those of the '
  'user''s own events and sales beside the one given, and a guest''s browsers.';

create function fb_ads.erase_events(event_row_ids bigint[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- Deliveries before events and in one order, as everywhere: then nobody waits for one another in a circle.
  perform from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = any (event_row_ids)
  order by delivery.event_row_id, delivery.pixel_id
  for no key update;
  update fb_ads.event_deliveries as delivery
  set state = 'suppressed', reason = 'erased', lease_id = null, lease_until = null
  where delivery.event_row_id = any (event_row_ids) and delivery.state not in ('sent', 'suppressed', 'expired');
  update fb_ads.conversion_events as event
  set
    state = 'erased', content = null, user_data = null, browser_data = null, order_id = null, checkout_event_id = null,
    user_digest = null, browser_digest = null, person_digests = null, consent = null, consent_at = null,
    lease_id = null, final_at = coalesce(event.final_at, now())
  where event.id = any (event_row_ids);
end;
$$;

comment on function fb_ads.erase_events(bigint[]) is 'Strips events to their keys and takes back what waits of them.';

create function fb_ads.erase_touchpoints(digests text[])
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  clicks text[];
  erased bigint;
begin
  select array_agg(distinct known.browser_digest)
  into clicks
  from fb_ads.browser_people as known
  where known.person_digest = any (digests)
    -- Somebody else's browser too: what is the other's stays.
    and not exists (
      select from fb_ads.browser_people as other
      where other.browser_digest = known.browser_digest
        and other.person_kind = 'user'
        and other.person_digest <> all (digests)
    );
  clicks := coalesce(clicks, '{}') || digests;

  -- As events that come in take them: touchpoints, then whose browser it was, then results.
  with gone as (
    select click.id
    from fb_ads.touchpoints as click
    where click.user_digest = any (digests) or click.email_digests && digests or click.phone_digests && digests
      or (click.user_digest is null and (click.browser_digest = any (clicks) or click.fbc_digest = any (clicks)))
    order by click.touchpoint_key
    for update
  )
  delete from fb_ads.touchpoints as click using gone where click.id = gone.id;
  get diagnostics erased = row_count;
  perform from fb_ads.browser_people as known
  where known.person_digest = any (digests) or known.browser_digest = any (clicks)
  order by known.browser_digest, known.person_kind, known.person_digest, known.is_verified
  for update;
  perform fb_ads.lock_results('{}', clicks);

  delete from fb_ads.checkout_clicks as checkout where checkout.fbc_digest = any (clicks);
  delete from fb_ads.browser_people as known
  where known.person_digest = any (digests) or known.browser_digest = any (clicks);
  update fb_ads.attribution_results as result
  set match_keys = null, due_at = null
  where result.match_keys && clicks;
  return erased;
end;
$$;

comment on function fb_ads.erase_touchpoints(text[]) is
  'Called by fb_erase_person: deletes the touchpoints of a person given by digests, and of the browsers that were '
  'nobody else''s; returns how many.';

create function public.fb_erase_person(person text)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  given text := lower(btrim(fb_erase_person.person));
  digests text[];
  sales text[];
  event_row_ids bigint[];
  erased_consents bigint;
begin
  if coalesce(given, '') = '' then
    raise exception 'name a person: a user id, or the SHA-256 of an e-mail address or phone number'
      using errcode = '22023';
  end if;
  digests := fb_ads.digests_of_person(given);
  with found as materialized (
    select sale.* from fb_ads.find_purchases_of(digests) as sale
  ),
  -- Sales that nobody noted yet: the key comes first, so that the sweep finds it taken.
  noted as (
    insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref, state, final_at)
    select distinct on (found.transaction_ref)
      'Purchase', found.transaction_ref, coalesce(found.completed_at, now()), found.transaction_ref, 'erased', now()
    from found
    where found.is_completed
    on conflict (event_id, event_name) do nothing
  )
  select coalesce(array_agg(found.transaction_ref), '{}') into sales from found;

  -- No run of attribution writes meanwhile what it read before.
  perform pg_advisory_xact_lock(hashtext('fb_ads.attribution_results'));
  select array_agg(event.id)
  into event_row_ids
  from fb_ads.conversion_events as event
  where event.person_digests && digests
    or event.user_digest = any (digests)
    or (event.browser_digest = any (digests) and event.user_digest is null)
    or (event.event_name = 'Purchase' and event.event_id = any (sales));
  -- Touchpoints before events, as where events come in.
  perform fb_ads.erase_touchpoints(digests);
  perform fb_ads.erase_events(event_row_ids);

  delete from fb_ads.consents as consent
  where consent.subject = any (digests)
    and (
      consent.state = 'granted'
      or exists (
        select
        from fb_ads.consents as newer
        where newer.subject_kind = consent.subject_kind and newer.subject = consent.subject
          and newer.since > consent.since
      )
    );
  get diagnostics erased_consents = row_count;

  update public.ad_attributions as attribution
  set user_id = null, user_ref = null, fb_click_id = null, updated_at = now()
  where attribution.transaction_ref = any (sales)
    -- Sales that the host has deleted.
    or fb_ads.digest_of(attribution.user_id::text) = any (digests)
    or fb_ads.digest_of(attribution.user_ref) = any (digests)
    or attribution.transaction_ref in (
      select event.transaction_ref from fb_ads.conversion_events as event where event.id = any (event_row_ids)
    );

  return jsonb_build_object('events', coalesce(cardinality(event_row_ids), 0), 'consents', erased_consents);
end;
$$;

comment on function public.fb_erase_person(text) is
  'For the operator: removes a person everywhere and at any age, given by user id, e-mail address, phone number, or '
  'the SHA-256 of the latter as Meta takes them. Reads all sales of the host, so it may take minutes. Events keep '
  'their bare key, so that nothing is made anew; of consent only an objection stays, by digest. Returns {events, '
  'consents}. What Meta has already must be asked of Meta. Erase before the host deletes its own rows.';

-- schemas/attribution/exchange_rates.sql

-- Exchange rates, and sales in the currency of their ad account.

create table fb_ads.exchange_rates (
  date date not null,
  from_currency text not null,
  to_currency text not null,
  rate numeric not null,
  created_at timestamptz not null default now(),
  primary key (from_currency, to_currency, date),
  constraint currencies_are_iso_4217 check (from_currency ~ '^[A-Z]{3}$' and to_currency ~ '^[A-Z]{3}$'),
  constraint rate_is_positive check (rate > 0)
);

comment on table fb_ads.exchange_rates is
  'Rates with which the reports convert sales into the ad account''s currency. Filled by you; where one is missing '
  'the reports say null and count the sale as unpriced.';
comment on column fb_ads.exchange_rates.date is
  'The day for which the rate holds. A sale takes its day''s rate, or else the newest of the 7 days before.';
comment on column fb_ads.exchange_rates.from_currency is 'ISO 4217 code of the sale.';
comment on column fb_ads.exchange_rates.to_currency is 'ISO 4217 code of the ad account.';
comment on column fb_ads.exchange_rates.rate is 'How many units of to_currency one unit of from_currency is worth.';
comment on column fb_ads.exchange_rates.created_at is 'When the row was written.';

alter table fb_ads.exchange_rates enable row level security;
create policy reader_reads_exchange_rates on fb_ads.exchange_rates for select to fb_ads_reader using (true);

create view fb_ads.priced_sales with (security_invoker = true) as
select
  attribution.ad_id,
  attribution.campaign_id,
  attribution.clicked_on,
  attribution.paid_on,
  case when attribution.state = 'reversed' then 0 else 1 end as sales,
  case when attribution.state = 'reversed' then 1 else 0 end as reversed,
  case
    when attribution.state = 'reversed' or attribution.net_value = 0 then 0
    when attribution.currency = account.currency then attribution.net_value
    else round(attribution.net_value * exchange.rate, 2)
  end as revenue,
  case
    when attribution.state = 'reversed' or attribution.net_value = 0 then 0
    when attribution.net_value is not null and (attribution.currency = account.currency or exchange.rate is not null)
      then 0
    else 1
  end as unpriced
from public.ad_attributions as attribution
join public.ad_campaigns as campaign on campaign.id = attribution.campaign_id
join public.ad_accounts as account on account.id = campaign.account_id
left join lateral (
  select known.rate
  from fb_ads.exchange_rates as known
  where known.from_currency = attribution.currency and known.to_currency = account.currency
    -- The account's day may be behind or ahead of the day for which the rate was noted.
    and known.date between attribution.paid_on - 7 and greatest(
      attribution.paid_on, (attribution.event_time at time zone 'UTC')::date
    )
  order by known.date desc
  limit 1
) as exchange on attribution.currency is distinct from account.currency
where attribution.state in ('active', 'reversed');

comment on view fb_ads.priced_sales is
  'Credited sales with their value after refunds in the ad account''s currency. The performance views read it.';
comment on column fb_ads.priced_sales.ad_id is 'The ad that is credited; null where only an ad set or a campaign is.';
comment on column fb_ads.priced_sales.campaign_id is 'The campaign that is credited.';
comment on column fb_ads.priced_sales.clicked_on is 'Day of the click in the account''s time zone.';
comment on column fb_ads.priced_sales.paid_on is 'Day of the payment in the account''s time zone.';
comment on column fb_ads.priced_sales.sales is '1; 0 when all of it was refunded or charged back.';
comment on column fb_ads.priced_sales.reversed is '1 when all of it was refunded or charged back, else 0.';
comment on column fb_ads.priced_sales.revenue is
  'Net value in the account''s currency; null where no rate or no value is known.';
comment on column fb_ads.priced_sales.unpriced is '1 where no rate or no value is known, else 0.';

-- schemas/operations/claimed_spend.sql

-- Daily spend beside the purchases that Meta claims for it.

create function fb_ads.claimed_value(actions jsonb)
returns numeric language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  -- omni_purchase contains the others: adding them up would count every sale twice or more.
  select case
    when jsonb_typeof(actions) is distinct from 'array' then null
    else coalesce(
      sum((claimed.action ->> 'value')::numeric) filter (where claimed.action ->> 'action_type' = 'omni_purchase'),
      sum((claimed.action ->> 'value')::numeric) filter (where claimed.action ->> 'action_type' = 'purchase'),
      0
    )
  end
  from jsonb_array_elements(case jsonb_typeof(actions) when 'array' then actions else '[]' end) as claimed (action);
$$;

comment on function fb_ads.claimed_value(jsonb) is
  'What Meta''s actions (or action_values) claim as purchases: omni_purchase where there is one, else purchase, never '
  'their sum; 0 where neither is listed, null where Meta gave no actions.';

create view fb_ads.claimed_spend with (security_invoker = true) as
select
  spent.date, spent.campaign_id, spent.adset_id, spent.ad_id, spent.spend, spent.impressions, spent.clicks, spent.reach,
  spent.inline_link_clicks,
  claimed.purchases as meta_purchases,
  claimed.purchase_value as meta_purchase_value,
  case when claimed.purchases is null then 1 else 0 end as unknown_purchases,
  case when claimed.purchase_value is null then 1 else 0 end as unknown_purchase_value
from public.ad_spend as spent
cross join lateral (
  -- Meta leaves out actions that did not occur, which counts as 0. A refused field is unknown.
  select
    case when array_position(spent.missing_fields, 'actions') is null
      then coalesce(fb_ads.claimed_value(spent.actions), 0) end as purchases,
    case when array_position(spent.missing_fields, 'action_values') is null
      then coalesce(fb_ads.claimed_value(spent.action_values), 0) end as purchase_value
) as claimed;

comment on view fb_ads.claimed_spend is
  'Daily spend with the purchases that Meta claims. The performance views read it.';
comment on column fb_ads.claimed_spend.date is 'Calendar day in the ad account''s time zone.';
comment on column fb_ads.claimed_spend.campaign_id is 'The campaign.';
comment on column fb_ads.claimed_spend.adset_id is 'The ad set.';
comment on column fb_ads.claimed_spend.ad_id is 'The ad.';
comment on column fb_ads.claimed_spend.spend is 'Money spent on that day.';
comment on column fb_ads.claimed_spend.impressions is 'How often the ad was on screen.';
comment on column fb_ads.claimed_spend.clicks is 'All clicks (Meta''s clicks).';
comment on column fb_ads.claimed_spend.reach is 'People who saw the ad on that day.';
comment on column fb_ads.claimed_spend.inline_link_clicks is 'Clicks on links to the advertiser''s pages.';
comment on column fb_ads.claimed_spend.meta_purchases is
  'Purchases that Meta claims (omni_purchase, else purchase); null where Meta refused the field.';
comment on column fb_ads.claimed_spend.meta_purchase_value is 'Their value as Meta has it.';
comment on column fb_ads.claimed_spend.unknown_purchases is '1 where meta_purchases is not known, else 0.';
comment on column fb_ads.claimed_spend.unknown_purchase_value is
  '1 where meta_purchase_value is not known, else 0.';

-- schemas/operations/performance_views.sql

-- What each ad and each campaign cost and sold, by day: by the day of the click, as Meta counts, and by the day of the
-- payment.
-- What Meta did not say of a day is null, and never 0.
-- Why figures are added up here and never stored: a sale may be refunded, and a rate become known, long after the day.

create view public.fb_ad_performance with (security_invoker = true) as
with figures as (
  select spent.date, spent.ad_id, spent.spend, spent.impressions, spent.clicks, spent.reach,
    spent.inline_link_clicks, spent.meta_purchases, spent.meta_purchase_value, spent.unknown_purchases,
    spent.unknown_purchase_value,
    0 as click_sales, null::numeric as click_revenue, 0 as click_unpriced, 0 as click_reversed,
    0 as paid_sales, null::numeric as paid_revenue, 0 as paid_unpriced, 0 as paid_reversed
  from fb_ads.claimed_spend as spent
  union all
  select sale.clicked_on, sale.ad_id, null, null, null, null, null, null, null, 0, 0,
    sale.sales, sale.revenue, sale.unpriced, sale.reversed, 0, null, 0, 0
  from fb_ads.priced_sales as sale
    where sale.ad_id is not null
  union all
  select sale.paid_on, sale.ad_id, null, null, null, null, null, null, null, 0, 0, 0, null, 0, 0,
    sale.sales, sale.revenue, sale.unpriced, sale.reversed
  from fb_ads.priced_sales as sale
    where sale.ad_id is not null
),
days as (
  select figures.date, figures.ad_id,
    coalesce(sum(figures.spend), 0) as spend,
    coalesce(sum(figures.impressions), 0) as impressions,
    coalesce(sum(figures.clicks), 0) as clicks,
    sum(figures.reach) as reach,
    sum(figures.inline_link_clicks) as link_clicks,
    case when sum(figures.unknown_purchases) = 0 then sum(figures.meta_purchases) end as meta_purchases,
    case when sum(figures.unknown_purchase_value) = 0 then sum(figures.meta_purchase_value) end as meta_purchase_value,
    sum(figures.click_sales) as click_sales,
    case when sum(figures.click_unpriced) = 0 then coalesce(sum(figures.click_revenue), 0) end as click_revenue,
    sum(figures.click_unpriced) as click_unpriced,
    sum(figures.click_reversed) as click_reversed,
    sum(figures.paid_sales) as paid_sales,
    case when sum(figures.paid_unpriced) = 0 then coalesce(sum(figures.paid_revenue), 0) end as paid_revenue,
    sum(figures.paid_unpriced) as paid_unpriced,
    sum(figures.paid_reversed) as paid_reversed
  from figures
  group by figures.date, figures.ad_id
)
select
  days.date,
  account.id as account_id,
  account.fb_account_id,
  account.name as account_name,
  account.currency,
  campaign.id as campaign_id,
  campaign.fb_campaign_id,
  campaign.name as campaign_name,
  adset.id as adset_id,
  adset.fb_adset_id,
  adset.name as adset_name,
  ad.id as ad_id,
  ad.fb_ad_id,
  ad.name as ad_name,
  days.spend,
  days.impressions,
  days.clicks,
  days.click_sales as sales_by_click_day,
  days.click_revenue as revenue_by_click_day,
  days.click_unpriced as unpriced_by_click_day,
  days.click_reversed as reversed_by_click_day,
  round(days.spend / nullif(days.click_sales, 0), 2) as cost_per_sale_by_click_day,
  round(days.click_revenue / nullif(days.spend, 0), 4) as roas_by_click_day,
  days.paid_sales as sales_by_payment_day,
  days.paid_revenue as revenue_by_payment_day,
  days.paid_unpriced as unpriced_by_payment_day,
  days.paid_reversed as reversed_by_payment_day,
  round(days.spend / nullif(days.paid_sales, 0), 2) as cost_per_sale_by_payment_day,
  round(days.paid_revenue / nullif(days.spend, 0), 4) as roas_by_payment_day,
  ad.effective_status,
  days.reach,
  days.link_clicks,
  round(days.link_clicks::numeric / nullif(days.impressions, 0), 6) as link_ctr,
  round(days.spend / nullif(days.link_clicks, 0), 4) as cost_per_link_click,
  round(1000 * days.spend / nullif(days.impressions, 0), 4) as cpm,
  days.meta_purchases,
  days.meta_purchase_value,
  round(days.meta_purchase_value / nullif(days.spend, 0), 4) as meta_roas
from days
join public.ad_ads as ad on ad.id = days.ad_id
join public.ad_adsets as adset on adset.id = ad.adset_id
join public.ad_campaigns as campaign on campaign.id = adset.campaign_id
join public.ad_accounts as account on account.id = ad.account_id;

comment on view public.fb_ad_performance is
  'What each ad cost and sold on each day on which it did either. Sales that are credited to an ad set or campaign '
  'alone are in fb_campaign_performance. Give it a range of dates.';
comment on column public.fb_ad_performance.date is 'Calendar day in the ad account''s time zone.';
comment on column public.fb_ad_performance.account_id is 'The ad account.';
comment on column public.fb_ad_performance.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.fb_ad_performance.account_name is 'Name of the ad account.';
comment on column public.fb_ad_performance.currency is 'ISO 4217 code of the account: all amounts here are in it.';
comment on column public.fb_ad_performance.campaign_id is 'The campaign.';
comment on column public.fb_ad_performance.fb_campaign_id is 'Meta''s id of the campaign.';
comment on column public.fb_ad_performance.campaign_name is 'Name of the campaign.';
comment on column public.fb_ad_performance.adset_id is 'The ad set.';
comment on column public.fb_ad_performance.fb_adset_id is 'Meta''s id of the ad set.';
comment on column public.fb_ad_performance.adset_name is 'Name of the ad set.';
comment on column public.fb_ad_performance.ad_id is 'The ad.';
comment on column public.fb_ad_performance.fb_ad_id is 'Meta''s id of the ad.';
comment on column public.fb_ad_performance.ad_name is 'Name of the ad.';
comment on column public.fb_ad_performance.spend is 'Money spent on that day, in currency.';
comment on column public.fb_ad_performance.impressions is 'How often it was on screen.';
comment on column public.fb_ad_performance.clicks is 'All clicks (Meta''s clicks).';
comment on column public.fb_ad_performance.sales_by_click_day is
  'Sales credited to it whose click was on that day, refunded ones not counted: Meta''s basis.';
comment on column public.fb_ad_performance.revenue_by_click_day is
  'What those sales are worth after refunds, in currency. Null when unpriced_by_click_day is not 0.';
comment on column public.fb_ad_performance.unpriced_by_click_day is
  'How many of those sales have no value or no exchange rate into currency.';
comment on column public.fb_ad_performance.reversed_by_click_day is
  'How many sales of that click day were refunded or charged back as a whole.';
comment on column public.fb_ad_performance.cost_per_sale_by_click_day is
  'spend / sales_by_click_day; null without sales.';
comment on column public.fb_ad_performance.roas_by_click_day is
  'revenue_by_click_day / spend; null without spend or where the revenue is not known.';
comment on column public.fb_ad_performance.sales_by_payment_day is
  'Sales credited to it that were paid on that day, refunded ones not counted.';
comment on column public.fb_ad_performance.revenue_by_payment_day is
  'What those sales are worth after refunds, in currency. Null when unpriced_by_payment_day is not 0.';
comment on column public.fb_ad_performance.unpriced_by_payment_day is
  'How many of those sales have no value or no exchange rate into currency.';
comment on column public.fb_ad_performance.reversed_by_payment_day is
  'How many sales paid on that day were refunded or charged back as a whole.';
comment on column public.fb_ad_performance.cost_per_sale_by_payment_day is
  'spend / sales_by_payment_day; null without sales.';
comment on column public.fb_ad_performance.roas_by_payment_day is
  'revenue_by_payment_day / spend; null without spend or where the revenue is not known.';
comment on column public.fb_ad_performance.effective_status is
  'Whether it runs, as Meta says now: ACTIVE, or why not (PAUSED, CAMPAIGN_PAUSED, ARCHIVED, ...). Not of that day.';
comment on column public.fb_ad_performance.reach is
  'People who saw it on that day, ads added up; null where Meta gave none. Not additive over days.';
comment on column public.fb_ad_performance.link_clicks is
  'Clicks on links to your pages (Meta''s inline_link_clicks); null where Meta gave none.';
comment on column public.fb_ad_performance.link_ctr is
  'link_clicks / impressions, from 0 to 1; null without impressions.';
comment on column public.fb_ad_performance.cost_per_link_click is
  'spend / link_clicks, in currency; null without link clicks. Marketers call it CPC.';
comment on column public.fb_ad_performance.cpm is
  'What 1,000 impressions cost, in currency; null without impressions.';
comment on column public.fb_ad_performance.meta_purchases is
  'Purchases that Meta claims for the day; null where Meta refused the field, or has no row of that day.';
comment on column public.fb_ad_performance.meta_purchase_value is
  'What they are worth, as Meta has it, in currency.';
comment on column public.fb_ad_performance.meta_roas is 'meta_purchase_value / spend: ROAS as Meta has it.';

create view public.fb_campaign_performance with (security_invoker = true) as
with figures as (
  select spent.date, spent.campaign_id, spent.spend, spent.impressions, spent.clicks, spent.reach,
    spent.inline_link_clicks, spent.meta_purchases, spent.meta_purchase_value, spent.unknown_purchases,
    spent.unknown_purchase_value,
    0 as click_sales, null::numeric as click_revenue, 0 as click_unpriced, 0 as click_reversed,
    0 as paid_sales, null::numeric as paid_revenue, 0 as paid_unpriced, 0 as paid_reversed
  from fb_ads.claimed_spend as spent
  union all
  select sale.clicked_on, sale.campaign_id, null, null, null, null, null, null, null, 0, 0,
    sale.sales, sale.revenue, sale.unpriced, sale.reversed, 0, null, 0, 0
  from fb_ads.priced_sales as sale
  union all
  select sale.paid_on, sale.campaign_id, null, null, null, null, null, null, null, 0, 0, 0, null, 0, 0,
    sale.sales, sale.revenue, sale.unpriced, sale.reversed
  from fb_ads.priced_sales as sale
),
days as (
  select figures.date, figures.campaign_id,
    coalesce(sum(figures.spend), 0) as spend,
    coalesce(sum(figures.impressions), 0) as impressions,
    coalesce(sum(figures.clicks), 0) as clicks,
    sum(figures.reach) as reach,
    sum(figures.inline_link_clicks) as link_clicks,
    case when sum(figures.unknown_purchases) = 0 then sum(figures.meta_purchases) end as meta_purchases,
    case when sum(figures.unknown_purchase_value) = 0 then sum(figures.meta_purchase_value) end as meta_purchase_value,
    sum(figures.click_sales) as click_sales,
    case when sum(figures.click_unpriced) = 0 then coalesce(sum(figures.click_revenue), 0) end as click_revenue,
    sum(figures.click_unpriced) as click_unpriced,
    sum(figures.click_reversed) as click_reversed,
    sum(figures.paid_sales) as paid_sales,
    case when sum(figures.paid_unpriced) = 0 then coalesce(sum(figures.paid_revenue), 0) end as paid_revenue,
    sum(figures.paid_unpriced) as paid_unpriced,
    sum(figures.paid_reversed) as paid_reversed
  from figures
  group by figures.date, figures.campaign_id
)
select
  days.date,
  account.id as account_id,
  account.fb_account_id,
  account.name as account_name,
  account.currency,
  campaign.id as campaign_id,
  campaign.fb_campaign_id,
  campaign.name as campaign_name,
  days.spend,
  days.impressions,
  days.clicks,
  days.click_sales as sales_by_click_day,
  days.click_revenue as revenue_by_click_day,
  days.click_unpriced as unpriced_by_click_day,
  days.click_reversed as reversed_by_click_day,
  round(days.spend / nullif(days.click_sales, 0), 2) as cost_per_sale_by_click_day,
  round(days.click_revenue / nullif(days.spend, 0), 4) as roas_by_click_day,
  days.paid_sales as sales_by_payment_day,
  days.paid_revenue as revenue_by_payment_day,
  days.paid_unpriced as unpriced_by_payment_day,
  days.paid_reversed as reversed_by_payment_day,
  round(days.spend / nullif(days.paid_sales, 0), 2) as cost_per_sale_by_payment_day,
  round(days.paid_revenue / nullif(days.spend, 0), 4) as roas_by_payment_day,
  campaign.effective_status,
  days.reach,
  days.link_clicks,
  round(days.link_clicks::numeric / nullif(days.impressions, 0), 6) as link_ctr,
  round(days.spend / nullif(days.link_clicks, 0), 4) as cost_per_link_click,
  round(1000 * days.spend / nullif(days.impressions, 0), 4) as cpm,
  days.meta_purchases,
  days.meta_purchase_value,
  round(days.meta_purchase_value / nullif(days.spend, 0), 4) as meta_roas
from days
join public.ad_campaigns as campaign on campaign.id = days.campaign_id
join public.ad_accounts as account on account.id = campaign.account_id;

comment on view public.fb_campaign_performance is
  'What each campaign cost and sold on each day on which it did either, sales credited to one of its ads, ad sets or '
  'to itself. Give it a range of dates.';
comment on column public.fb_campaign_performance.date is 'Calendar day in the ad account''s time zone.';
comment on column public.fb_campaign_performance.account_id is 'The ad account.';
comment on column public.fb_campaign_performance.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.fb_campaign_performance.account_name is 'Name of the ad account.';
comment on column public.fb_campaign_performance.currency is
  'ISO 4217 code of the account: all amounts here are in it.';
comment on column public.fb_campaign_performance.campaign_id is 'The campaign.';
comment on column public.fb_campaign_performance.fb_campaign_id is 'Meta''s id of the campaign.';
comment on column public.fb_campaign_performance.campaign_name is 'Name of the campaign.';
comment on column public.fb_campaign_performance.spend is 'Money spent on that day, in currency.';
comment on column public.fb_campaign_performance.impressions is 'How often it was on screen.';
comment on column public.fb_campaign_performance.clicks is 'All clicks (Meta''s clicks).';
comment on column public.fb_campaign_performance.sales_by_click_day is
  'Sales credited to it whose click was on that day, refunded ones not counted: Meta''s basis.';
comment on column public.fb_campaign_performance.revenue_by_click_day is
  'What those sales are worth after refunds, in currency. Null when unpriced_by_click_day is not 0.';
comment on column public.fb_campaign_performance.unpriced_by_click_day is
  'How many of those sales have no value or no exchange rate into currency.';
comment on column public.fb_campaign_performance.reversed_by_click_day is
  'How many sales of that click day were refunded or charged back as a whole.';
comment on column public.fb_campaign_performance.cost_per_sale_by_click_day is
  'spend / sales_by_click_day; null without sales.';
comment on column public.fb_campaign_performance.roas_by_click_day is
  'revenue_by_click_day / spend; null without spend or where the revenue is not known.';
comment on column public.fb_campaign_performance.sales_by_payment_day is
  'Sales credited to it that were paid on that day, refunded ones not counted.';
comment on column public.fb_campaign_performance.revenue_by_payment_day is
  'What those sales are worth after refunds, in currency. Null when unpriced_by_payment_day is not 0.';
comment on column public.fb_campaign_performance.unpriced_by_payment_day is
  'How many of those sales have no value or no exchange rate into currency.';
comment on column public.fb_campaign_performance.reversed_by_payment_day is
  'How many sales paid on that day were refunded or charged back as a whole.';
comment on column public.fb_campaign_performance.cost_per_sale_by_payment_day is
  'spend / sales_by_payment_day; null without sales.';
comment on column public.fb_campaign_performance.roas_by_payment_day is
  'revenue_by_payment_day / spend; null without spend or where the revenue is not known.';
comment on column public.fb_campaign_performance.effective_status is
  'Whether it runs, as Meta says now: ACTIVE, or why not (PAUSED, CAMPAIGN_PAUSED, ARCHIVED, ...). Not of that day.';
comment on column public.fb_campaign_performance.reach is
  'People who saw it on that day, ads added up; null where Meta gave none. Not additive over days.';
comment on column public.fb_campaign_performance.link_clicks is
  'Clicks on links to your pages (Meta''s inline_link_clicks); null where Meta gave none.';
comment on column public.fb_campaign_performance.link_ctr is
  'link_clicks / impressions, from 0 to 1; null without impressions.';
comment on column public.fb_campaign_performance.cost_per_link_click is
  'spend / link_clicks, in currency; null without link clicks. Marketers call it CPC.';
comment on column public.fb_campaign_performance.cpm is
  'What 1,000 impressions cost, in currency; null without impressions.';
comment on column public.fb_campaign_performance.meta_purchases is
  'Purchases that Meta claims for the day; null where Meta refused the field, or has no row of that day.';
comment on column public.fb_campaign_performance.meta_purchase_value is
  'What they are worth, as Meta has it, in currency.';
comment on column public.fb_campaign_performance.meta_roas is 'meta_purchase_value / spend: ROAS as Meta has it.';

-- schemas/operations/coverage_views.sql

-- How many sales find their ad, why the others do not, and what Meta says it sold.

create view public.fb_attribution_coverage with (security_invoker = true) as
select
  (result.completed_at at time zone 'UTC')::date as date,
  result.source,
  count(*) as sales,
  count(*) filter (where result.outcome = 'attributed') as attributed,
  count(*) filter (where result.outcome = 'unattributed') as unattributed,
  count(*) filter (where result.outcome = 'waiting') as waiting,
  round(count(*) filter (where result.outcome = 'attributed')::numeric / count(*), 4) as attributed_share,
  count(*) filter (where result.level = 'ad') as attributed_to_ads,
  count(*) filter (where result.level = 'adset') as attributed_to_adsets,
  count(*) filter (where result.level = 'campaign') as attributed_to_campaigns,
  count(*) filter (where result.reason = 'no_touch') as no_touch,
  count(*) filter (where result.reason = 'outside_window') as outside_window,
  count(*) filter (where result.reason = 'click_after_purchase') as click_after_purchase,
  count(*) filter (where result.reason = 'ambiguous') as ambiguous,
  count(*) filter (where result.reason = 'ad_unknown' and result.outcome = 'unattributed') as ad_unknown,
  count(*) filter (where result.reason = 'no_consent') as no_consent,
  count(*) filter (where result.catalogue_differs) as catalogue_differs
from fb_ads.attribution_results as result
group by (result.completed_at at time zone 'UTC')::date, result.source;

comment on view public.fb_attribution_coverage is
  'Sales by day and source: how many are credited, how many are not, and '
  'why. attributed + unattributed + waiting = sales.';
comment on column public.fb_attribution_coverage.date is
  'Day of the payment in UTC: a sale without an ad has no account whose day it could be.';
comment on column public.fb_attribution_coverage.source is 'What was sold, as the host says: p2p, canva, ...';
comment on column public.fb_attribution_coverage.sales is 'Paid sales that were looked at.';
comment on column public.fb_attribution_coverage.attributed is 'Credited to an ad, ad set or campaign.';
comment on column public.fb_attribution_coverage.unattributed is 'Credited to none; the reasons follow.';
comment on column public.fb_attribution_coverage.waiting is 'Waiting for an ad that is being read by its id.';
comment on column public.fb_attribution_coverage.attributed_share is 'attributed / sales, from 0 to 1.';
comment on column public.fb_attribution_coverage.attributed_to_ads is 'Credited to an ad.';
comment on column public.fb_attribution_coverage.attributed_to_adsets is 'Credited to an ad set whose ad is not known.';
comment on column public.fb_attribution_coverage.attributed_to_campaigns is
  'Credited to a campaign of which no more is known.';
comment on column public.fb_attribution_coverage.no_touch is 'No touchpoint of the buyer is known.';
comment on column public.fb_attribution_coverage.outside_window is
  'The touchpoint was longer before the checkout than settings.attribution_window.';
comment on column public.fb_attribution_coverage.click_after_purchase is 'The touchpoint came after the checkout.';
comment on column public.fb_attribution_coverage.ambiguous is
  'Two ads in the same second, or a browser with two users: nobody is credited.';
comment on column public.fb_attribution_coverage.ad_unknown is
  'From Meta, but nothing says which ad: tag the ads'' URLs with {{ad.id}}.';
comment on column public.fb_attribution_coverage.no_consent is 'The buyer did not agree.';
comment on column public.fb_attribution_coverage.catalogue_differs is
  'Credited, but the address named another ad set or campaign than the catalogue has.';

create view public.fb_meta_claims with (security_invoker = true) as
select
  performance.date,
  performance.account_id,
  performance.fb_account_id,
  performance.account_name,
  performance.currency,
  performance.campaign_name,
  performance.ad_id,
  performance.fb_ad_id,
  performance.ad_name,
  performance.sales_by_click_day as our_sales,
  performance.revenue_by_click_day as our_revenue,
  performance.meta_purchases,
  performance.meta_purchase_value,
  performance.sales_by_click_day - performance.meta_purchases as sales_difference,
  performance.revenue_by_click_day - performance.meta_purchase_value as revenue_difference,
  'Meta counts what it models: views without a click, people it recognises across devices, its own windows (by default '
  '7 days after a click, 1 day after a view), purchases it estimates where it may not look, and refunds never. '
  'We count paid sales with a landing that names the ad, after refunds, and only once each. '
  'So the two are never equal; watch how the difference changes, not that there is one.' as why_they_differ
from public.fb_ad_performance as performance
where performance.sales_by_click_day <> 0 or performance.meta_purchases <> 0;

comment on view public.fb_meta_claims is
  'Our sales of each ad and click day beside the purchases that Meta claims for it, with the difference and why there '
  'always is one. Give it a range of dates.';
comment on column public.fb_meta_claims.date is
  'Calendar day of the click in the ad account''s time zone: Meta counts a '
  'purchase to the day of its click (or view).';
comment on column public.fb_meta_claims.account_id is 'The ad account.';
comment on column public.fb_meta_claims.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.fb_meta_claims.account_name is 'Name of the ad account.';
comment on column public.fb_meta_claims.currency is 'ISO 4217 code of the account: all amounts here are in it.';
comment on column public.fb_meta_claims.campaign_name is 'Name of the campaign.';
comment on column public.fb_meta_claims.ad_id is 'The ad.';
comment on column public.fb_meta_claims.fb_ad_id is 'Meta''s id of the ad.';
comment on column public.fb_meta_claims.ad_name is 'Name of the ad.';
comment on column public.fb_meta_claims.our_sales is
  'Sales that we credit to the ad by the day of the click, refunded ones not counted.';
comment on column public.fb_meta_claims.our_revenue is
  'What they are worth after refunds; null where an exchange rate is missing.';
comment on column public.fb_meta_claims.meta_purchases is
  'Purchases that Meta claims (omni_purchase, else purchase); null where Meta '
  'refused the field, or there is no row of that day.';
comment on column public.fb_meta_claims.meta_purchase_value is 'Their value as Meta has it.';
comment on column public.fb_meta_claims.sales_difference is 'our_sales minus meta_purchases.';
comment on column public.fb_meta_claims.revenue_difference is 'our_revenue minus meta_purchase_value.';
comment on column public.fb_meta_claims.why_they_differ is 'Why the two can never be equal, in words.';

-- schemas/operations/validation.sql

-- Whether everything holds together: one function that returns its checks as rows.
-- Why a function and not a page of queries: a person who doubts a number asks one question, and sees what was asked.

-- Definer: the host need not grant its tables to service_role. Gives out a number alone.
create function fb_ads.count_unaccounted_sales(since timestamptz, until timestamptz)
returns bigint language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regclass('fb_ads.purchases') is null then
    return null;
  end if;
  return (
    select count(*)
    from fb_ads.purchases as sale
    where coalesce(sale.is_completed, fb_ads.means_paid(sale.status))
      and sale.completed_at >= count_unaccounted_sales.since
      and sale.completed_at < least(count_unaccounted_sales.until, now() - interval '90 minutes')
      and sale.completed_at >= (select min(attached.attached_at) from fb_ads.attached_tables as attached)
      and not exists (
        select from fb_ads.attribution_results as result where result.transaction_ref = sale.transaction_ref
      )
  );
end;
$$;

comment on function fb_ads.count_unaccounted_sales(timestamptz, timestamptz) is
  'Paid sales of attached tables in a range of time, older than 90 minutes, without a result of attribution; null '
  'where fb_ads.purchases is gone.';

create function fb_ads.count_unpaid_attributions(since timestamptz, until timestamptz)
returns bigint language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  last_ref text := '';
  refs text[];
  unpaid bigint := 0;
begin
  loop
    refs := array(
      select attribution.transaction_ref from public.ad_attributions as attribution
      where attribution.event_time >= since
        and attribution.event_time < until
        and attribution.transaction_ref > last_ref
      order by attribution.transaction_ref limit 1000
    );
    exit when cardinality(refs) = 0;
    last_ref := refs[cardinality(refs)];
    unpaid := unpaid + cardinality(refs) - (
      select count(distinct listed.sale ->> 'transaction_ref')
      from fb_ads.find_purchases(refs) as listed (sale)
      where fb_ads.is_sale(listed.sale)
    );
  end loop;
  return unpaid;
end;
$$;

comment on function fb_ads.count_unpaid_attributions(timestamptz, timestamptz) is
  'Rows of ad_attributions in a range of time whose transaction the host '
  'does not show as paid (or paid and taken back).';

create function fb_ads.count_broken_links(since date, until date)
returns bigint language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    (
      select count(*) from public.ad_spend as spent
      left join public.ad_ads as ad on ad.id = spent.ad_id
      left join public.ad_adsets as adset on adset.id = spent.adset_id
      left join public.ad_campaigns as campaign on campaign.id = spent.campaign_id
      where spent.date between since and until
        and (
          ad.id is null
          or adset.id is null
          or campaign.id is null
          or ad.adset_id <> adset.id
          or adset.campaign_id <> campaign.id
          or campaign.account_id <> spent.account_id
        )
    ) + (
      select count(*) from public.ad_attributions as attribution
      left join public.ad_ads as ad on ad.id = attribution.ad_id
      left join public.ad_adsets as adset on adset.id = attribution.adset_id
      where attribution.paid_on between since and until
        and (
          attribution.campaign_id is null
          or (attribution.ad_id is not null and ad.adset_id is distinct from attribution.adset_id)
          or (attribution.adset_id is not null and adset.campaign_id is distinct from attribution.campaign_id)
        )
    );
$$;

comment on function fb_ads.count_broken_links(date, date) is
  'Rows of ad_spend and ad_attributions in a range of days whose ad, ad set, campaign '
  'and account are missing or do not belong to each other.';

create function public.fb_validate(since date default current_date - 30, until date default current_date + 1)
returns table (check_name text, ok boolean, failures bigint, message text)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with range as (
    select
      fb_validate.since::timestamp at time zone 'UTC' as starts_at,
      (fb_validate.until + 1)::timestamp at time zone 'UTC' as ends_at
  ),
  checks (position, check_name, failures, message) as (
    select 1, 'host_attached',
      case
        when exists (select from fb_ads.attached_tables as attached where to_regclass(attached.host_table) is not null)
          then 0
        else 1
      end,
      'A table of transactions is attached: select fb_ads.attach_transactions(''public.transactions'');'
    union all
    select 2, 'purchases_view',
      case
        when to_regclass('fb_ads.purchases') is null
          or pg_get_viewdef(to_regclass('fb_ads.purchases')) ~* 'WHERE false;?\s*$'
          then 1
        else 0
      end,
      'fb_ads.purchases shows the host''s transactions; over other tables than the standard ones define it with create '
      'or replace view.'
    union all
    select 3, 'foreign_keys', fb_ads.count_broken_links(fb_validate.since, fb_validate.until),
      'Every row of ad_spend and ad_attributions has its ad, ad set, campaign and account, '
      'and they belong to each other.'
    union all
    select 4, 'attributions_are_paid', fb_ads.count_unpaid_attributions(range.starts_at, range.ends_at),
      'Every attribution is linked to a completed transaction (or one that was completed and then '
      'refunded or charged back).'
    from range
    union all
    select 5, 'sales_accounted_for', fb_ads.count_unaccounted_sales(range.starts_at, range.ends_at),
      'Every sale since the table was attached is credited, waits, or has a reason why it is not credited.'
    from range
    union all
    select 6, 'one_result_a_sale',
      (
        select count(*) from fb_ads.attribution_results as result
        full join public.ad_attributions as attribution on attribution.transaction_ref = result.transaction_ref
        where coalesce(result.completed_at, attribution.event_time) >= range.starts_at
          and coalesce(result.completed_at, attribution.event_time) < range.ends_at
          and (result.outcome = 'attributed') is distinct from (attribution.id is not null)
          and not (result.outcome is distinct from 'attributed' and attribution.id is null)
      ),
      'Every credited sale has exactly one row in ad_attributions, and no other sale has one.'
    from range
    union all
    select 7, 'reconciliation',
      (
        select count(*) from fb_ads.reconciliations as checked
        where checked.date between fb_validate.since and fb_validate.until and checked.state = 'off'
      ),
      'On every day the spend of the ads adds up to what Meta says of the whole account.'
  )
  select checks.check_name, coalesce(checks.failures = 0, false), checks.failures, checks.message
  from checks
  order by checks.position;
$$;

comment on function public.fb_validate(date, date) is
  'For the operator and the doctor: select * from fb_validate(''2026-11-01'', ''2026-11-30''). Each row is a check of '
  'the days from since to until (by default the last 30, and the next, which has begun where an account is ahead of '
  'UTC), whether it holds, and how many rows fail it (null: the check could not run). Sales of the last 90 minutes are '
  'not missed yet.';

-- schemas/operations/nightly_cleanup.sql

-- The nightly clean-up: it deletes what is past its time, in batches, so that no single delete holds a table for long.
-- Why a batch a minute for an hour: each is a transaction of its own, and a night that is cut short keeps what it has
-- done.

create function fb_ads.delete_old_rows(most integer default 20000)
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select fb_ads.delete_old_events(most) + fb_ads.delete_old_touchpoints(most) + fb_ads.delete_old_consents(most)
    + fb_ads.delete_old_traffic() + fb_ads.delete_old_runs(most);
$$;

comment on function fb_ads.delete_old_rows(integer) is
  'One batch of the nightly clean-up (cron job fb-ads-retention, each minute of an hour): events, clicks, '
  'consents of browsers, counts of limits, runs and cron details past their time, as fb_ads.settings says. Returns '
  'how many rows it touched.';

-- schemas/operations/scheduled_jobs.sql

-- The cron jobs that must exist.
-- Why remembered: a job that somebody switched off or dropped leaves no trace in cron.job, so nothing else could miss
-- it. A migration that schedules a job adds its row.

create table fb_ads.scheduled_jobs (
  jobname text primary key,
  schedule text not null,
  command text not null,
  cursor jsonb,
  created_at timestamptz not null default now()
);

comment on table fb_ads.scheduled_jobs is
  'The cron jobs of this suite as they were installed; alerts and the doctor compare cron.job with it. Delete the row '
  'of a job that you do not want.';
comment on column fb_ads.scheduled_jobs.jobname is 'Name in cron.job.';
comment on column fb_ads.scheduled_jobs.schedule is 'When it ran as installed, in UTC. Another time is no problem.';
comment on column fb_ads.scheduled_jobs.command is 'What it runs.';
comment on column fb_ads.scheduled_jobs.cursor is
  'How far a job has come that works in batches; fb_ads.tick goes on from there. Null: nothing is left.';
comment on column fb_ads.scheduled_jobs.created_at is 'When it was installed.';

alter table fb_ads.scheduled_jobs enable row level security;

-- schemas/operations/alert_states.sql

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

-- schemas/operations/access_alerts.sql

-- Alerts about access: secrets that Vault lacks, tokens and permissions that Meta refuses, versions that end. Each
-- function gives rows of one form: key, severity, problem, cost, remedy, since (null where nobody knows since when).

create function fb_ads.is_webhook_url(url text)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(url ~* '^https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][!-~]*)?$', false);
$$;

comment on function fb_ads.is_webhook_url(text) is
  'Whether alerts may be posted to this address: http or https with a host.';

create function fb_ads.secret_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with stored as materialized (
    select secret.name, fb_ads.read_vault_text(secret.name) as value
    from vault.secrets as secret
    where secret.name in ('fb_ads_project_url', 'fb_ads_function_key', 'fb_ads_alert_webhook')
      or secret.name ~ '^meta_(marketing_api_token|capi_access_token|(marketing|capi)_app_secret)'
  )
  select
    'secret_missing:' || wanted.name,
    -- A team that has attached no table may want to read spend alone.
    case
      when wanted.name = 'meta_capi_access_token' and not exists (select from fb_ads.attached_tables) then 'warning'
      else 'error'
    end,
    'The Vault secret ' || wanted.name || ' is missing.', wanted.cost, wanted.remedy, null::timestamptz
  from (
    values
      (
        'meta_marketing_api_token', 'No campaign, no ad and no spend is read.',
        'Run "meta-ads deploy", or add it in the dashboard (Integrations > Vault): '
        'the system user''s token with ads_read.'
      ),
      (
        'fb_ads_project_url', 'Nothing is called: no sync runs, and sales wait.',
        'select fb_ads.adopt_project(''https://<ref>.supabase.co'');'
      ),
      (
        'fb_ads_function_key', 'Nothing is called: no sync runs, and sales wait.',
        'select fb_ads.renew_function_key();'
      ),
      (
        'meta_capi_access_token', 'Meta learns of no sale. Events older than 7 days are lost to it.',
        'Run "meta-ads deploy", or add it in the dashboard (Integrations > Vault): '
        'the pixel''s Conversions API token.'
      )
  ) as wanted (name, cost, remedy)
  where not exists (
    select from stored
    where stored.value is not null
      and (
        stored.name = wanted.name
        or (wanted.name = 'meta_capi_access_token' and stored.name like 'meta\_capi\_access\_token%')
      )
  )
  union all
  select
    'secret_unusable:' || stored.name, 'error',
    'The Vault secret ' || stored.name
      || ' holds a space, a quote, a line break or another character that no token has.',
    'It counts as missing: what needs it is not done.', 'Store it again, without quotes and as it was given out.', null
  from stored
  where stored.name ~ '^meta_' and stored.value is not null and not fb_ads.is_token(stored.value)
  union all
  select
    'project_url', 'error', 'The Vault secret fb_ads_project_url is not an address of this project.',
    'Nothing is called: no sync runs, and sales wait.',
    'Store https://<ref>.supabase.co there, or name your own domain: '
    'update fb_ads.settings set project_host = ''<host>'' where id;',
    null
  from stored
  where stored.name = 'fb_ads_project_url' and stored.value is not null
    and not fb_ads.is_project_url(stored.value)
  union all
  select
    'function_key', 'error', 'The Vault secret fb_ads_function_key is not a key of the schedule.',
    'Nothing is called: no sync runs, and sales wait.', 'select fb_ads.renew_function_key();', null
  from stored
  where stored.name = 'fb_ads_function_key' and stored.value is not null and not fb_ads.is_function_key(stored.value)
  union all
  select
    'project_copy', 'error',
    'This is a copy of project ' || fb_ads.project_ref(stored.value) || ': its functions run in project '
      || own.project_ref || ', and the Vault secret fb_ads_project_url names the other.',
    'Nothing is synced and nothing is sent from here, so that no account is read and no sale is counted twice.',
    'If this project is to work by itself, give it tokens of its own and run: '
      || format('select fb_ads.adopt_project(''https://%s.supabase.co'');', own.project_ref),
    own.seen_at
  from stored
  join fb_ads.function_project as own on own.project_ref <> fb_ads.project_ref(stored.value)
  where stored.name = 'fb_ads_project_url'
  union all
  select
    'webhook_url', 'warning', 'The Vault secret fb_ads_alert_webhook is not an http or https address.',
    'Nobody is notified when a problem begins or ends; it is only in the view fb_alerts.',
    'Store the address of a Slack-compatible incoming webhook there.', null
  from stored
  where stored.name = 'fb_ads_alert_webhook' and stored.value is not null and not fb_ads.is_webhook_url(stored.value);
$$;

comment on function fb_ads.secret_alerts() is
  'Alerts about Vault secrets that are missing or of no use. Part of fb_ads.current_alerts.';

create function fb_ads.refusal_remedy(reason text, token text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when reason = 'no_token' then 'Store the pixel''s Conversions API token in Vault as ' || token || '.'
    when reason in ('app_secret_missing', 'app_secret_wrong') then
      'Store the secret of the token''s app (App dashboard > Settings > Basic) in Vault as '
        || case when token like 'meta\_marketing%' then 'meta_marketing_app_secret' else 'meta_capi_app_secret' end
        || ', or switch Require App Secret off (App dashboard > Settings > Advanced).'
    when reason = 'everywhere' then
      'Meta refuses every ad account alike. See in Business settings > System users that the system user still has its '
      'ad accounts and ads_read, and in the App dashboard that the app is live; then make a new token and store it in '
      'Vault as ' || token || '.'
    when reason = 'app_blocked' then
      'Open the app at https://developers.facebook.com/apps and do what Meta asks for there (Alerts, Required '
      'actions), or appeal. A new token of the same app does not help; one of another app does: store it in Vault as '
        || token || '.'
    when reason = 'app_invalid' then
      'Open the app at https://developers.facebook.com/apps: it was deleted, disabled or taken out of the business. '
      'Bring it back, or make a token with another app and store it in Vault as ' || token || '.'
    when reason in ('permission_missing', 'pixel_missing_or_forbidden') then
      'Give the token''s system user the pixel (Business settings > Data sources), or make a new token (Events Manager '
      '> Settings) and store it in Vault as ' || token || '.'
    when reason = 'configuration' then
      'See the function secrets META_API_VERSION and META_PIXEL_ID: version, pixel or method are not Meta''s.'
    when reason in ('parameter_invalid', 'unknown_code') then
      'Several events in a row were refused with the same words, and none was taken. See what they have in common: '
      'select * from fb_ads.undelivered_events; Meta''s support asks for code and fbtrace_id in fb_ads.pixels.'
    else 'Make a new token and store it in Vault as ' || token || '. It is taken up within a minute.'
  end;
$$;

comment on function fb_ads.refusal_remedy(text, text) is
  'What to do when Meta refuses a token, an app or a pixel: reason is ours (fb_ads.pixels.reason, '
  'fb_ads.quotas.stop_error), token the name of the token''s Vault secret. Alerts and the doctor say the same.';

create function fb_ads.stop_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'token_dead:' || quota.key, 'error',
    'Meta refuses the Marketing API token'
      || case when quota.stop_error ->> 'reason' like 'app%' then '''s app' else '' end
      || ': ' || coalesce(quota.stop_error ->> 'reason', quota.stop_error ->> 'code', 'no reason given') || '.',
    'No campaign, no ad and no spend is read until there is another.',
    fb_ads.refusal_remedy(
      case when quota.stop_error ? 'is_everywhere' then 'everywhere' else quota.stop_error ->> 'reason' end,
      'meta_marketing_api_token'
    ),
    quota.stopped_at
  from fb_ads.quotas as quota
  where quota.scope = 'token'
    and quota.stopped_at is not null
    -- Nobody has to act on a token that Vault no longer has.
    and quota.key = fb_ads.token_fingerprint(fb_ads.read_token('meta_marketing_api_token'))
  union all
  select
    'permission_lost:' || account.fb_account_id, 'error',
    'The token may no longer read ad account ' || account.fb_account_id
      || coalesce(' (' || account.name || ')', '') || ': '
      || coalesce(quota.stop_error ->> 'reason', quota.stop_error ->> 'code', 'no reason given') || '.',
    'Its spend is not read; figures stand still since then.',
    'Assign the ad account to the system user again (Business settings > Ad accounts), or take it out of '
    'FB_ADS_ACCOUNT_IDS. It is tried every night; at once with fb-sync-metadata {"account_ids": ["'
      || account.fb_account_id || '"]}.',
    quota.stopped_at
  from fb_ads.quotas as quota
  join public.ad_accounts as account on account.fb_account_id = quota.key and account.enabled
  where quota.scope = 'account' and quota.stopped_at is not null
    -- Where every account is refused alike, it is the token that a person has to look at.
    and not exists (
      select
      from fb_ads.quotas as token
      where token.scope = 'token'
        and token.stopped_at is not null
        and token.stop_error ? 'is_everywhere'
        and token.stop_error ->> 'reason' = quota.stop_error ->> 'reason'
    )
  union all
  select
    'pixel_blocked:' || pixel.pixel_id, 'error',
    'Meta takes no events for pixel ' || pixel.pixel_id || ': ' || coalesce(pixel.reason, 'no reason given')
      || coalesce(' (code ' || pixel.code || ')', '') || '.',
    'Its events wait and go out once it is mended; those older than 7 days by then are lost to Meta.',
    fb_ads.refusal_remedy(pixel.reason, 'meta_capi_access_token or meta_capi_access_token_' || pixel.pixel_id),
    pixel.blocked_at
  from fb_ads.pixels as pixel
  where pixel.state = 'blocked';
$$;

comment on function fb_ads.stop_alerts() is
  'Alerts about tokens and permissions that Meta refuses. Part of fb_ads.current_alerts.';

create function fb_ads.version_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'api_version_dead', 'error', 'The API version in META_API_VERSION is dead: Meta refuses it.',
    'Nothing is read from Meta, and events may be refused too.',
    'Set the function secret META_API_VERSION to a living version: supabase secrets set META_API_VERSION=v<n>.0',
    refused.finished_at
  from (
    select job.finished_at
    from fb_ads.sync_jobs as job
    where job.state = 'failed'
      and job.finished_at > now() - interval '3 days'
      and job.last_error ->> 'reason' = 'version_dead'
    order by job.finished_at desc
    limit 1
  ) as refused
  where not exists (
    select from fb_ads.sync_jobs as job
    where job.state = 'done'
      and job.finished_at > refused.finished_at
      and fb_ads.is_asked_with_marketing_token(job.kind)
  )
  union all
  select
    'api_version_warned', 'warning', 'Meta warns that the API version in META_API_VERSION ends.',
    'When it has ended nothing is read any more; Meta gives 90 days of notice at least.',
    'Set the function secret META_API_VERSION to a newer version: supabase secrets set META_API_VERSION=v<n>.0',
    run.finished_at
  from (
    select run.finished_at, run.warnings
    from fb_ads.sync_runs as run
    where run.started_at > now() - interval '3 days' and run.finished_at is not null and run.jobs_done > 0
    order by run.started_at desc
    limit 1
  ) as run
  where run.warnings @> '[{"code": "api_version"}]';
$$;

comment on function fb_ads.version_alerts() is
  'Alerts about an API version that ends or has ended. Part of fb_ads.current_alerts.';

-- schemas/operations/sync_alerts.sql

-- Alerts about the syncs: jobs that wait too long or were given up, sums that are not Meta's, a schedule that does not
-- run.

create function fb_ads.was_read_since(failed fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    -- The accounts' list: the list itself, or every account by itself.
    when failed.kind = 'accounts' then exists (
      select
      from fb_ads.sync_jobs as later
      where later.account_id is null
        and later.kind = 'accounts'
        and later.state = 'done'
        and later.created_at > failed.created_at
    ) or not exists (
      select
      from public.ad_accounts as account
      where account.enabled
        and not exists (
          select
          from fb_ads.sync_jobs as later
          where later.account_id = account.id
            and later.kind in ('account', 'campaigns')
            and later.state = 'done'
            and later.created_at > failed.created_at
        )
    )
    -- Days: each of them.
    when failed.kind = 'insights' then not exists (
      select
      from generate_series(failed.since::timestamp, failed.until, interval '1 day') as day
      where not exists (
        select
        from fb_ads.sync_jobs as later
        where later.account_id = failed.account_id
          and later.kind = 'insights'
          and later.state = 'done'
          and later.created_at > failed.created_at
          and day::date between later.since and later.until
      )
    )
    -- Lists are read one after the other, so a later one shows that those before it were read.
    else exists (
      select
      from fb_ads.sync_jobs as later
      where later.account_id = failed.account_id
        and later.state = 'done'
        and later.created_at > failed.created_at
        and (
          later.kind = failed.kind
          or (later.kind = 'ads' and failed.kind <> 'reconciliation')
          or (later.kind = 'adsets' and failed.kind in ('account', 'campaigns'))
          or (later.kind = 'campaigns' and failed.kind = 'account')
        )
    )
  end;
$$;

comment on function fb_ads.was_read_since(fb_ads.sync_jobs) is
  'Whether what a job that was given up was to read has been read by later jobs, of whatever kind.';

create function fb_ads.sync_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'sync_queue:' || queue.slug, 'error',
    waiting.jobs || ' job' || case waiting.jobs when 1 then '' else 's' end || ' of ' || queue.slug || ' wait since '
      || to_char(waiting.oldest at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
      || case
        when waiting.throttled_until > now()
          then ', throttled until ' || to_char(waiting.throttled_until at time zone 'utc', 'HH24:MI')
        else ''
      end || '.',
    'Figures are as old as that.',
    'Look at what the last runs say: select * from fb_ads.sync_runs order by started_at desc limit 5; and at '
    'last_error in fb_ads.sync_jobs. Throttled jobs wait for Meta''s quota.',
    waiting.oldest
  from (values ('fb-sync-metadata'), ('fb-sync-insights')) as queue (slug)
  cross join fb_ads.settings as settings
  cross join lateral (
    select count(*) as jobs, min(job.created_at) as oldest, min(job.not_before) as throttled_until
    from (
      -- Two halves, each by its own partial index, so that the history is not read.
      select pending.* from fb_ads.sync_jobs as pending where pending.state = 'pending'
      union all
      select running.* from fb_ads.sync_jobs as running where running.state = 'running'
    ) as job
    where job.kind = any (fb_ads.sync_kinds(queue.slug))
      and job.created_at < now() - case
        when job.purpose = 'backfill' then settings.alert_backfill_age
        else settings.alert_sync_age
      end
  ) as waiting
  where waiting.jobs > 0
  union all
  select
    'sync_failed:' || coalesce(account.fb_account_id, 'accounts'), 'warning',
    'Given up: ' || string_agg(distinct failed.kind, ', ') || ' of '
      || coalesce('ad account ' || account.fb_account_id, 'the token''s accounts') || ' ('
      || string_agg(distinct coalesce(failed.last_error ->> 'reason', 'no reason given'), ', ') || ').',
    'What these jobs were to read is missing or old.',
    'See last_error in fb_ads.sync_jobs (state = ''failed''). The next night tries again; at once by calling the '
    'function.',
    min(failed.finished_at)
  from fb_ads.sync_jobs as failed
  left join public.ad_accounts as account on account.id = failed.account_id
  left join fb_ads.quotas as quota
    on quota.scope = 'account'
      and quota.key = account.fb_account_id
      and quota.use_case = ''
      and quota.stopped_at is not null
  where failed.state = 'failed'
    and failed.finished_at > now() - interval '3 days'
    -- Nothing of the figures is missing for it, and the next night asks again.
    and failed.kind <> 'event_quality'
    -- A dead version has an alert of its own, and jobs of a disabled account need none.
    and coalesce(failed.last_error ->> 'reason', '') not in ('version_dead', 'account_disabled')
    and quota.key is null
    and (account.id is null or account.enabled)
    and not (failed.kind in ('insights', 'reconciliation') and not fb_ads.has_insights(failed.account_id))
    and not fb_ads.was_read_since(failed)
  group by account.fb_account_id
  union all
  select
    'fields_refused:' || account.fb_account_id, 'warning',
    'Meta refuses fields of ad account ' || account.fb_account_id || ': '
      || array_to_string(known.refused_fields, ', ') || '.',
    'These columns stand still or are empty; everything else is read, spend too.',
    'See whether the token still has ads_read and ads_management for the account, and whether the version in '
    'META_API_VERSION still knows the fields. They are tried again after a week, or with another token; at once: '
    'update fb_ads.account_reads set refused_fields = default, fields_refused_at = null '
    'where fields_refused_at is not null;',
    known.fields_refused_at
  from fb_ads.account_reads as known
  join public.ad_accounts as account on account.id = known.account_id and account.enabled
  where known.fields_refused_at is not null
  union all
  select
    'insights_refused:' || account.fb_account_id, 'error',
    'Meta refuses every insight of ad account ' || account.fb_account_id || ': '
      || coalesce(known.insights_refusal ->> 'reason', 'no reason given')
      || coalesce(' (' || (known.insights_refusal ->> 'meta_code') || ')', '') || '.',
    'Its spend is not read; figures stand still since then.',
    'Look at the account in Meta''s Ads Manager; Meta''s support asks for the fbtrace_id in '
    'fb_ads.account_reads.insights_refusal. It is tried again after a week, or with another token; at once with '
    'fb-sync-insights {"account_ids": ["' || account.fb_account_id || '"]}.',
    known.insights_refused_at
  from fb_ads.account_reads as known
  join public.ad_accounts as account on account.id = known.account_id and account.enabled
  where known.insights_refusal is not null
  union all
  select
    'reconciliation_off:' || account.fb_account_id, 'warning',
    'On ' || count(*) || ' day' || case count(*) when 1 then '' else 's' end
      || ' the spend of ad account ' || account.fb_account_id
      || ' is not what Meta says; together by ' || sum(off.difference) || ' ' || coalesce(off.currency, '') || '.',
    'Cost and return of these days are wrong by that much.',
    'Read the days again: npm run backfill -- --since ' || min(off.date) || ' --until ' || max(off.date)
      || ' --account ' || account.fb_account_id
      || '. They are in ad_spend_reconciliation with is_warning.',
    min(off.checked_at)
  from fb_ads.reconciliations as off
  join public.ad_accounts as account on account.id = off.account_id and account.enabled
  where off.state = 'off'
  group by account.fb_account_id, off.currency;
$$;

comment on function fb_ads.sync_alerts() is
  'Alerts about jobs that wait or were given up and sums that are not Meta''s. Part of fb_ads.current_alerts.';

create function fb_ads.schedule_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'cron_job:' || wanted.jobname, 'error',
    'The cron job ' || wanted.jobname
      || case when job.jobid is null then ' is not scheduled.' else ' is switched off.' end,
    case wanted.jobname
      when 'fb-ads-tick'
        then 'What was interrupted is not gone on with, waiting events are not sent again, '
          'and nobody is notified of problems.'
      when 'fb-ads-sweep' then 'A sale that its trigger could not note is never reported.'
      when 'fb-sync-metadata' then 'New campaigns and ads are not read.'
      when 'fb-sync-insights' then 'Spend is not read.'
      when 'fb-sync-insights-hourly' then 'Today''s spend is known only the day after.'
      else 'What it does is not done: ' || wanted.command
    end,
    case
      when job.jobid is null
        then format('select cron.schedule(%L, %L, %L);', wanted.jobname, wanted.schedule, wanted.command)
      else format('select cron.alter_job(%s, active => true);', job.jobid)
    end || format(' Where it is meant so: delete from fb_ads.scheduled_jobs where jobname = %L;', wanted.jobname),
    null::timestamptz
  from fb_ads.scheduled_jobs as wanted
  left join cron.job as job on job.jobname = wanted.jobname and job.username = current_user
  where job.jobid is null or not job.active
  union all
  select
    'sync_silent:' || wanted.slug, 'error',
    wanted.slug || ' has not run for more than ' || extract(epoch from settings.alert_run_silence)::integer / 3600
      || ' hours.',
    'Figures stand still since then.',
    'See whether the function is deployed and answers: select status_code, error_msg from net._http_response order by '
    'created desc limit 5; then run "npm run doctor".',
    greatest(
      settings.created_at,
      (select max(run.started_at) from fb_ads.sync_runs as run where run.function_slug = wanted.slug)
    )
  from fb_ads.settings as settings
  cross join (values ('fb-sync-metadata'), ('fb-sync-insights')) as wanted (slug)
  where settings.created_at < now() - settings.alert_run_silence
    and not exists (
      select from fb_ads.sync_runs as run
      where run.function_slug = wanted.slug and run.started_at > now() - settings.alert_run_silence
    )
    and (wanted.slug = 'fb-sync-metadata' or exists (select from public.ad_accounts as account where account.enabled))
  union all
  select
    'no_account', 'warning', 'No ad account is enabled.', 'No campaign and no spend is read.',
    'Set the function secret FB_ADS_ACCOUNT_IDS to the accounts to read (* for all that the token can read), or: '
    'update public.ad_accounts set enabled = true where fb_account_id = ''<digits>'';',
    null
  where not exists (select from public.ad_accounts as account where account.enabled)
    and exists (select from fb_ads.sync_runs as run where run.function_slug = 'fb-sync-metadata' and run.jobs_done > 0);
$$;

comment on function fb_ads.schedule_alerts() is
  'Alerts about a schedule that does not run. Part of fb_ads.current_alerts.';

-- schemas/operations/sales_alerts.sql

-- Alerts about sales and events: no host table attached, events that wait or that Meta refuses, silence where there
-- were sales.
-- Why backlogs are looked at by their first thousand rows: a backlog of a million must not make every minute slow.

create function fb_ads.host_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'host_not_attached', 'warning', 'No host table is attached.',
    'No completed transaction is reported to Meta, and no sale is credited to an ad.',
    'select fb_ads.attach_transactions(''public.transactions''); names of columns can be given, and fb_ads.purchases '
    'must show the table.',
    settings.created_at
  from fb_ads.settings as settings
  -- The alert comes after a day, for the installation takes time; fb_validate() says so from the first minute.
  where not exists (select from fb_ads.attached_tables) and settings.created_at < now() - interval '1 day'
  union all
  select
    'host_table_gone:' || attached.host_table, 'error',
    'The attached table ' || attached.host_table || ' is not there any more.', 'Its sales are not reported.',
    format(
      'Attach the table that took its place, then: delete from fb_ads.attached_tables where host_table = %L;',
      attached.host_table
    ),
    null
  from fb_ads.attached_tables as attached
  where to_regclass(attached.host_table) is null
  union all
  select
    'host_triggers:' || attached.host_table, 'error',
    'The purchase triggers of ' || attached.host_table || ' are missing or disabled.',
    'Its sales are only found by the sweep, up to 15 minutes late.',
    format('select fb_ads.attach_transactions(%L);', attached.host_table), null
  from fb_ads.attached_tables as attached
  where to_regclass(attached.host_table) is not null
    and (
      select count(*)
      from pg_catalog.pg_trigger as purchase_trigger
      where purchase_trigger.tgrelid = to_regclass(attached.host_table)
        and purchase_trigger.tgname in ('fb_ads_note_inserted_purchases', 'fb_ads_note_updated_purchases')
        and purchase_trigger.tgenabled <> 'D'
    ) < 2
  union all
  select
    'host_columns:' || attached.host_table, 'error',
    'The attached table ' || attached.host_table || ' has no column ' || string_agg(wanted.name, ', ') || ' any more.',
    'Its sales are neither noted nor found by the sweep, and are not reported.',
    format('Attach it again with the new names: select fb_ads.attach_transactions(%L, ...);', attached.host_table), null
  from fb_ads.attached_tables as attached
  cross join lateral unnest(array[
    attached.key_column, attached.status_column, attached.completed_at_column, attached.created_at_column
  ]) as wanted (name)
  where to_regclass(attached.host_table) is not null and wanted.name is not null
    and not fb_ads.has_column(to_regclass(attached.host_table), wanted.name)
  group by attached.host_table
  union all
  select
    'purchases_view', 'error', 'The view fb_ads.purchases is not there.',
    'No sale can be read, so none is reported or credited.',
    'Define it again with create view; the host''s guide in docs/guides/install.md has its columns. Over the standard '
    'tables: select fb_ads.make_purchases_view();',
    null
  where to_regclass('fb_ads.purchases') is null;
$$;

comment on function fb_ads.host_alerts() is 'Alerts about the host''s tables. Part of fb_ads.current_alerts.';

create function fb_ads.delivery_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'delivery_queue', 'error',
    'Events wait to be sent to Meta since ' || to_char(min(first.created_at) at time zone 'utc', 'YYYY-MM-DD HH24:MI')
      || ' UTC.',
    'Meta''s optimisation learns of them late, and of those older than 7 days never.',
    'See select * from fb_ads.undelivered_events; and whether capi-event is deployed and META_PIXEL_ID is set.',
    min(first.created_at)
  from (
    select delivery.created_at, delivery.pixel_id
    from fb_ads.event_deliveries as delivery
    where delivery.state = 'pending'
    order by delivery.pixel_id, delivery.next_attempt_at
    limit 1000
  ) as first
  cross join fb_ads.settings as settings
  where first.created_at < now() - settings.alert_delivery_age
  having count(*) > 0
  union all
  select
    'purchase_queue', 'error',
    count(*) || case count(*) when 1000 then ' or more' else '' end || ' completed transaction'
      || case count(*) when 1 then ' is' else 's are' end || ' noted and not made into events.',
    'Meta learns of these sales late, and of those older than 7 days never.',
    'Either pg_net does not send or capi-event does not answer (npm run doctor tells which), or fb_ads.purchases does '
    'not show them as completed: select transaction_ref from fb_ads.conversion_events where state = ''waiting'' '
    'limit 5;',
    min(first.received_at)
  from (
    select event.received_at
    from fb_ads.conversion_events as event
    where event.state = 'waiting'
    order by event.not_before
    limit 1000
  ) as first
  cross join fb_ads.settings as settings
  where first.received_at < now() - settings.alert_answer_silence
  having count(*) > 0
  union all
  select
    'dead_letters:' || pixel.pixel_id, 'warning',
    'Meta refused ' || dead.events || case dead.events when 1000 then ' or more' else '' end || ' event'
      || case dead.events when 1 then '' else 's' end
      || ' for pixel ' || pixel.pixel_id || ' for good (' || dead.reasons || ').',
    'Meta does not know of them; its figures and its optimisation lack them.',
    'See select * from fb_ads.undelivered_events where state = ''dead''; mend the cause, then: select '
    'public.fb_replay_deliveries();',
    dead.since
  from (
    -- Finds the few pixels by skipping through the index.
    with recursive refused as (
      (
        select delivery.pixel_id from fb_ads.event_deliveries as delivery
        where delivery.state = 'dead' order by delivery.pixel_id limit 1
      )
      union all
      select (
        select delivery.pixel_id from fb_ads.event_deliveries as delivery
        where delivery.state = 'dead' and delivery.pixel_id > refused.pixel_id order by delivery.pixel_id limit 1
      )
      from refused
      where refused.pixel_id is not null
    )
    select refused.pixel_id from refused where refused.pixel_id is not null
  ) as pixel
  cross join lateral (
    select count(*) as events, string_agg(distinct first.reason, ', ') as reasons, min(first.attempted_at) as since
    from (
      select delivery.reason, coalesce(delivery.attempted_at, delivery.created_at) as attempted_at
      from fb_ads.event_deliveries as delivery
      where delivery.state = 'dead' and delivery.pixel_id = pixel.pixel_id
      order by delivery.event_row_id
      limit 1000
    ) as first
  ) as dead;
$$;

comment on function fb_ads.delivery_alerts() is
  'Alerts about events that wait or were refused. Part of fb_ads.current_alerts.';

create function fb_ads.sales_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'attribution_queue', 'warning',
    'Sales wait to be attributed since ' || to_char(waiting.oldest at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC.',
    'What each ad sold is not up to date.', 'See whether attribute-purchase is deployed and answers: npm run doctor',
    waiting.oldest
  from fb_ads.settings as settings
  cross join lateral (
    select least(
      (select min(result.due_at) from fb_ads.attribution_results as result where result.due_at is not null),
      -- For an hour the sale may still be on its way to Meta.
      (
        select min(event.event_time) + interval '1 hour'
        from fb_ads.conversion_events as event
        where not event.attribution_done and event.event_name = 'Purchase' and event.transaction_ref is not null
          and event.attribution_not_before is null
      )
    ) as oldest
  ) as waiting
  where waiting.oldest < now() - settings.alert_attribution_age
  union all
  select
    'purchases_silent', 'warning',
    'No transaction was completed since ' || to_char(newest.at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
      || ' UTC; the longest pause of the 4 weeks before was '
      || round(extract(epoch from usual.longest) / 3600, 1) || ' hours.',
    'Either nothing is sold (is the checkout or the payment callback broken?), or sales are not noted and Meta does '
    'not learn of them.',
    'Compare with the host''s own table. If it has newer ones: is it attached, and do its statuses fit? select * from '
    'fb_ads.attached_tables;',
    newest.at
  from fb_ads.settings as settings
  cross join lateral (
    select greatest(
      (select max(result.completed_at) from fb_ads.attribution_results as result),
      (
        select max(event.event_time)
        from fb_ads.conversion_events as event
        where not event.attribution_done and event.event_name = 'Purchase' and event.transaction_ref is not null
      )
    ) as at
  ) as newest
  -- Computed only after a silence: the pauses between up to 2,000 sales of the 4 weeks before.
  cross join lateral (
    select max(pause.length) as longest, count(*) as sales
    from (
      select recent.completed_at - lag(recent.completed_at) over (order by recent.completed_at) as length
      from (
        select result.completed_at
        from fb_ads.attribution_results as result
        where result.completed_at > newest.at - interval '28 days'
          and newest.at < now() - settings.alert_purchase_silence
        order by result.completed_at desc
        limit 2000
      ) as recent
    ) as pause
  ) as usual
  where newest.at < now() - settings.alert_purchase_silence
    and usual.sales >= 10
    and newest.at < now() - 2 * usual.longest
    and exists (select from fb_ads.attached_tables);
$$;

comment on function fb_ads.sales_alerts() is
  'Alerts about sales that wait to be attributed, and about unusual silence. Part of fb_ads.current_alerts.';

-- schemas/operations/quality_alerts.sql

-- Alerts about how well Meta recognises the people behind the events. An alert needs a figure of the last three days,
-- so that none outlives an event or a pixel that is no longer used.

create function fb_ads.newest_event_quality()
returns setof public.ad_event_quality language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select distinct on (quality.pixel_id, quality.event_name) quality.*
  from public.ad_event_quality as quality
  where quality.date >= (now() at time zone 'UTC')::date - 2
  order by quality.pixel_id, quality.event_name, quality.date desc;
$$;

comment on function fb_ads.newest_event_quality() is
  'What Meta last said of each pixel and event, where that is of today or the two days before.';

create function fb_ads.fallen_keys(pixel_id text, event_name text, date date)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with counted as (
    select
      sent.key,
      coalesce(sum(sent.events) filter (where sent.date < fallen_keys.date - 1), 0) as before,
      coalesce(sum(sent.events) filter (where sent.date >= fallen_keys.date - 1), 0) as after
    from fb_ads.sent_event_keys as sent
    where sent.pixel_id = fallen_keys.pixel_id
      and sent.event_name = fallen_keys.event_name
      and sent.date between fallen_keys.date - 8 and fallen_keys.date
    group by sent.key
  ),
  compared as (
    select
      counted.key,
      round(100.0 * counted.before / total.before) as before,
      round(100.0 * counted.after / total.after) as after
    from counted
    join counted as total on total.key = 'event_id' and total.before > 0 and total.after > 0
  )
  select string_agg(
    compared.key || ' fell from ' || compared.before || ' % to ' || compared.after || ' %', ', '
    order by compared.after - compared.before, compared.key
  )
  from compared
  where compared.after <= compared.before - 10;
$$;

comment on function fb_ads.fallen_keys(text, text, date) is
  'Which keys the events sent carry less often than before, by ten points or more, in words: the two days to date '
  'against the seven before them. Null where none does.';

create function fb_ads.quality_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'match_quality_fell:' || newest.pixel_id || ':' || newest.event_name, 'warning',
    'Meta recognises the people behind ' || newest.event_name || ' of pixel ' || newest.pixel_id || ' worse: '
      || trim_scale(newest.composite_score) || ' of 10, after ' || trim_scale(before.median) || ' in the week before'
      || coalesce('. Of the events sent, ' || fb_ads.fallen_keys(newest.pixel_id, newest.event_name, newest.date), '')
      || '.',
    'Meta credits fewer sales to the ads, and learns from fewer whom to show them to.',
    'See what the shop and its checkout send, day by day: select * from fb_ads.daily_event_keys where pixel_id = '
      || quote_literal(newest.pixel_id) || ' and event_name = ' || quote_literal(newest.event_name)
      || ' and date >= current_date - 14 order by key, date;',
    null::timestamptz
  from fb_ads.newest_event_quality() as newest
  cross join lateral (
    select round((percentile_cont(0.5) within group (order by older.composite_score))::numeric, 2) as median
    from public.ad_event_quality as older
    where older.pixel_id = newest.pixel_id
      and older.event_name = newest.event_name
      and older.date between newest.date - 7 and newest.date - 1
    -- The first days of a pixel swing.
    having count(older.composite_score) >= 3
  ) as before
  where newest.composite_score <= before.median - 1
  union all
  select
    'event_coverage_low:' || newest.pixel_id, 'warning',
    'Of what the browser''s Pixel ' || newest.pixel_id || ' sends, Meta gets too little from the server too: '
      || string_agg(
        newest.event_name || ' ' || trim_scale(newest.event_coverage) || ' % (goal '
          || trim_scale(newest.event_coverage_goal) || ' %)',
        ', ' order by newest.event_coverage, newest.event_name
      ) || '.',
    'What browsers block is lost to Meta: it counts fewer sales, and learns from fewer.',
    'Send from the server each event that the Pixel sends, under the same event_id (docs/browser.md), and see that '
    'both have fbp or external_id.',
    null
  from fb_ads.newest_event_quality() as newest
  where newest.event_coverage < newest.event_coverage_goal
  group by newest.pixel_id
  union all
  select
    'quality_diagnostic:' || newest.pixel_id || ':' || found.name, 'warning',
    'Meta finds on pixel ' || newest.pixel_id || ': ' || found.name || ' ('
      || string_agg(
        newest.event_name || coalesce(' ' || found.percentage || ' %', ''), ', ' order by newest.event_name
      ) || ').',
    coalesce(min(nullif(found.description, '')), 'Meta recognises fewer of the people behind these events.'),
    coalesce(min(nullif(found.solution, '')), 'See Events Manager > Data sources > the pixel > Diagnostics.'),
    null
  from fb_ads.newest_event_quality() as newest
  cross join lateral (
    select
      left(told.name, 200) as name, left(told.description, 1000) as description, left(told.solution, 1000) as solution,
      left(told.percentage, 20) as percentage
    from jsonb_to_recordset(newest.diagnostics) as told (name text, description text, solution text, percentage text)
    where told.name <> ''
  ) as found
  group by newest.pixel_id, found.name;
$$;

comment on function fb_ads.quality_alerts() is
  'Alerts about how well Meta recognises the people behind the events: a score that fell by a point against the median '
  'of the seven days before, coverage under Meta''s goal, what Meta finds wrong. Part of fb_ads.current_alerts. That '
  'Meta says nothing of a pixel is no alert: nothing is lost; the doctor tells.';

-- schemas/operations/alerts.sql

-- The one place to look: what a person must act on now. An empty view means that nothing is wrong.

-- Definer: it reads Vault, cron and the queues for readers who may see none of them. What it returns holds no secret
-- and no personal data. No JIT: compiling many small index reads would take longer than running them.
create function fb_ads.current_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off as $$
  select * from fb_ads.secret_alerts()
  union all select * from fb_ads.stop_alerts()
  union all select * from fb_ads.version_alerts()
  union all select * from fb_ads.answer_alerts()
  union all select * from fb_ads.sync_alerts()
  union all select * from fb_ads.schedule_alerts()
  union all select * from fb_ads.host_alerts()
  union all select * from fb_ads.delivery_alerts()
  union all select * from fb_ads.sales_alerts()
  union all select * from fb_ads.quality_alerts()
  union all
  select
    'webhook_failing', 'warning',
    'The alert webhook has not taken ' || count(*) || ' message' || case count(*) when 1 then '' else 's' end
      || coalesce(' (last answer: HTTP ' || (array_agg(post.last_status order by post.id))[1] || ')', '') || '.',
    'Nobody is notified when a problem begins or ends; it is only in the view fb_alerts.',
    'Store another address in Vault as fb_ads_alert_webhook. '
    'The messages are kept and go out as soon as it answers 2xx.',
    min(post.created_at)
  from fb_ads.alert_posts as post
  where post.confirmed_at is null and post.attempts >= 3
  having count(*) > 0;
$$;

comment on function fb_ads.current_alerts() is
  'What is wrong now, computed at each call. since is null where only the tick that noticed the problem knows it. Read '
  'it through public.fb_alerts.';

create view public.fb_alerts with (security_invoker = true) as
select
  alert.key,
  split_part(alert.key, ':', 1) as kind,
  alert.severity,
  alert.problem,
  alert.cost,
  alert.remedy,
  coalesce(alert.since, state.began_at) as since,
  state.announced_at
from fb_ads.current_alerts() as alert
left join fb_ads.alert_states as state on state.key = alert.key and state.ended_at is null;

comment on view public.fb_alerts is
  'What a person must act on: one row a problem, gone once it is mended. Empty means that all is well.';
comment on column public.fb_alerts.key is 'Names the problem: its kind, and after a colon what it is about.';
comment on column public.fb_alerts.kind is 'The part of key before the colon, such as token_dead.';
comment on column public.fb_alerts.severity is 'error: money or sales are being lost; warning: something will be.';
comment on column public.fb_alerts.problem is 'What is wrong.';
comment on column public.fb_alerts.cost is 'What it costs while it lasts.';
comment on column public.fb_alerts.remedy is 'How to mend it.';
comment on column public.fb_alerts.since is 'Since when it is wrong, or when the tick noticed it; null until it did.';
comment on column public.fb_alerts.announced_at is
  'When the message for the webhook was written; null where there is none.';

-- schemas/operations/uptime.sql

-- What a monitor outside asks, through the Data API: is anything being lost?
-- Why from outside: the webhook's messages go through pg_net and pg_cron, so neither can tell of its own end.
-- Why a role of its own: a monitor is somebody else's machine. Its key may call this function and nothing else, and
-- what it hears names no account, no person and no secret.

create function public.fb_check_alerts()
returns jsonb language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  answer jsonb := (
    select jsonb_build_object(
      'errors', count(*) filter (where alert.severity = 'error'),
      'warnings', count(*) filter (where alert.severity = 'warning'),
      'kinds', coalesce(
        jsonb_agg(distinct split_part(alert.key, ':', 1)) filter (where alert.key is not null), '[]'::jsonb
      )
    )
    from fb_ads.current_alerts() as alert
  );
begin
  -- PostgREST's own way to choose a status: https://docs.postgrest.org/en/stable/references/transactions.html
  perform set_config('response.status', case when (answer ->> 'errors')::integer > 0 then '503' else '200' end, true);
  return answer;
end;
$$;

comment on function public.fb_check_alerts() is
  'For uptime monitors: {errors, warnings, kinds}, how many alerts there are of each severity and of which kinds '
  '(public.fb_alerts.kind). HTTP 503 while there is an error, else 200. Reads only; GET and POST answer the same.';

-- schemas/operations/announcements.sql

-- Telling people: every problem is posted once when it begins and once when it ends, to the webhook whose address is in
-- Vault.
-- At least once: a message is done when a 2xx answer was seen; an answer that was lost makes it go again. In order: the
-- end of a problem never goes before its beginning. While the webhook fails, one message is tried, after 1 minute, 2,
-- 4, ... up to an hour.
-- The address is read here, handed to pg_net and kept nowhere.

create function fb_ads.note_alerts()
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with current as materialized (
    select * from fb_ads.current_alerts()
  ),
  began as (
    insert into fb_ads.alert_states as known (key, severity, problem, began_at)
    select current.key, current.severity, current.problem, coalesce(current.since, now())
    from current
    where not exists (select from fb_ads.alert_states as state where state.key = current.key and state.ended_at is null)
    on conflict (key) do update set
      severity = excluded.severity, problem = excluded.problem, began_at = excluded.began_at, noticed_at = now(),
      ended_at = null, announced_at = null
    where known.ended_at is not null
    returning 1
  ),
  ended as (
    update fb_ads.alert_states as state
    set ended_at = now()
    where state.ended_at is null and not exists (select from current where current.key = state.key)
    returning 1
  )
  -- What has just begun or ended, is not posted yet, or is on its way.
  select (select count(*) from began) + (select count(*) from ended)
    + (select count(*) from fb_ads.alert_states as state where (state.announced_at is null) = (state.ended_at is null))
    + (select count(*) from fb_ads.alert_posts as post where post.confirmed_at is null);
$$;

comment on function fb_ads.note_alerts() is
  'Compares what is wrong now with what was known and keeps the difference. Returns how many messages are to be sent '
  'or waited for; 0 in a quiet minute, in which it writes nothing.';

create function fb_ads.alert_text(state fb_ads.alert_states)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  -- Slack reads these three characters as its own.
  select replace(replace(replace(
    case
      when state.ended_at is not null then
        'Meta Ads: over. ' || state.problem || ' (from '
          || to_char(state.began_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
          || ' to ' || to_char(state.ended_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC)'
      else
        'Meta Ads: ' || state.severity || '. ' || alert.problem || E'\nCosts: ' || alert.cost
          || E'\nTo mend: ' || alert.remedy
          || E'\nSince ' || to_char(state.began_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
          || ' UTC (' || state.key || ')'
    end, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
  from (select state.key as key) as wanted
  left join fb_ads.current_alerts() as alert on alert.key = wanted.key and state.ended_at is null;
$$;

comment on function fb_ads.alert_text(fb_ads.alert_states) is
  'The message for the webhook: the problem, its cost and its remedy when it begins, and its times when it is over. '
  'Null when it ended meanwhile.';

create function fb_ads.write_alert_posts()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  state fb_ads.alert_states;
  message text;
begin
  for state in
    select s.*
    from fb_ads.alert_states as s
    where (s.announced_at is null) = (s.ended_at is null)
      -- The webhook cannot receive a message about its own failure.
      and s.key not in ('webhook_failing', 'webhook_url')
    order by coalesce(s.ended_at, s.noticed_at), s.began_at, s.key
  loop
    message := fb_ads.alert_text(state);
    continue when message is null;
    insert into fb_ads.alert_posts (key, moment, body)
    values (state.key, case when state.ended_at is null then 'begin' else 'end' end, message);
    update fb_ads.alert_states as s
    set announced_at = case when state.ended_at is null then now() end
    where s.key = state.key;
  end loop;
end;
$$;

comment on function fb_ads.write_alert_posts() is
  'Writes the messages that are due: of problems that have begun, and of ended ones whose beginning was written.';

create function fb_ads.settle_alert_posts()
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with answered as (
    delete from fb_ads.alert_flights as flight
    using (
      select f.post_id, response.id is not null as answered, response.status_code
      from fb_ads.alert_flights as f
      left join net._http_response as response on response.id = f.request_id
      where response.id is not null or f.sent_at < now() - interval '2 minutes'
    ) as seen
    where flight.post_id = seen.post_id
    returning flight.post_id, seen.status_code
  )
  update fb_ads.alert_posts as post
  set
    last_status = answered.status_code,
    confirmed_at = case when answered.status_code between 200 and 299 then now() end,
    next_attempt_at = now() + least(
      interval '1 hour', interval '1 minute' * power(2, least(post.attempts, 7) - 1)
    ) - interval '10 seconds'
  from answered
  where post.id = answered.post_id;
$$;

comment on function fb_ads.settle_alert_posts() is
  'Reads the answers to sent messages: 2xx confirms one, anything else or two minutes without an answer puts it off.';

create function fb_ads.send_alert_posts(url text)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  post fb_ads.alert_posts;
  request bigint;
begin
  if exists (select from fb_ads.alert_flights)
    or exists (
      select from fb_ads.alert_posts as waiting where waiting.confirmed_at is null and waiting.next_attempt_at > now()
    ) then
    return;
  end if;
  for post in
    select waiting.*
    from fb_ads.alert_posts as waiting
    where waiting.confirmed_at is null
      and not exists (
        select from fb_ads.alert_posts as earlier
        where earlier.confirmed_at is null and earlier.key = waiting.key and earlier.id < waiting.id
      )
    order by waiting.id
    limit case
      when exists (select from fb_ads.alert_posts as failed where failed.confirmed_at is null and failed.attempts > 0)
        then 1
      else 5
    end
  loop
    -- A short time-out, for everything that pg_net sends in one batch waits for the slowest answer.
    request := net.http_post(url := url, body := jsonb_build_object('text', post.body), timeout_milliseconds := 3000);
    insert into fb_ads.alert_flights (post_id, request_id) values (post.id, request);
    update fb_ads.alert_posts as sent set attempts = sent.attempts + 1 where sent.id = post.id;
  end loop;
  delete from fb_ads.alert_posts as old where old.confirmed_at < now() - interval '90 days';
end;
$$;

comment on function fb_ads.send_alert_posts(text) is
  'Hands messages to pg_net: up to 5 at a time, one while the webhook fails, none while one is on its way or put off.';

create function fb_ads.announce_alerts()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  url text := fb_ads.read_vault_text('fb_ads_alert_webhook');
begin
  -- Two ticks at once would post every message twice.
  if not pg_try_advisory_xact_lock(hashtext('fb_ads.announce_alerts')) or fb_ads.note_alerts() = 0 then
    return;
  end if;
  if not fb_ads.is_webhook_url(url) then
    return;
  end if;
  perform fb_ads.settle_alert_posts();
  perform fb_ads.write_alert_posts();
  perform fb_ads.send_alert_posts(url);
end;
$$;

comment on function fb_ads.announce_alerts() is
  'Called by fb_ads.tick every minute: notices problems that begin and end, and posts them to the webhook in the Vault '
  'secret fb_ads_alert_webhook. Without a webhook it only notices; problems that last are posted once there is one.';

-- schemas/operations/schedule.sql

-- What the cron jobs call: an hourly refresh, and a tick every minute that calls only what has work.
-- Why a tick in SQL: an idle minute costs one query and no request, and the next tick takes up what a killed run or a
-- spent budget left.
-- Operator: the hourly refresh is switched off by: update fb_ads.settings set insights_hourly_refresh = false where id;

create function fb_ads.refresh_insights()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if (select settings.insights_hourly_refresh from fb_ads.settings as settings)
    and exists (select from public.ad_accounts as account where account.enabled) then
    perform fb_ads.invoke_edge_function('fb-sync-insights', '{"refresh": true}');
  end if;
end;
$$;

comment on function fb_ads.refresh_insights() is
  'Every hour: has today and yesterday read for every enabled account, '
  'unless settings.insights_hourly_refresh is off.';

create function fb_ads.continue_reversals()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  answer jsonb;
begin
  answer := fb_ads.refresh_reversals(
    now() - interval '180 days',
    (select job.cursor from fb_ads.scheduled_jobs as job where job.jobname = 'fb-ads-reversals')
  );
  update fb_ads.scheduled_jobs as job
  set cursor = nullif(answer -> 'cursor', 'null')
  where job.jobname = 'fb-ads-reversals' and job.cursor is distinct from nullif(answer -> 'cursor', 'null');
  return (answer ->> 'changed')::bigint;
end;
$$;

comment on function fb_ads.continue_reversals() is
  'Every hour, and every minute until all of the last 180 days were looked at: takes over what the host changed of the '
  'next 10,000 sales. Returns how many changed.';

create function fb_ads.tick()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  slug text;
begin
  begin
    perform fb_ads.read_answers();
    foreach slug in array array['fb-sync-metadata', 'fb-sync-insights'] loop
      if fb_ads.has_sync_work(slug) then
        perform fb_ads.call_function(slug, '{"resume": true}');
      end if;
    end loop;
    if fb_ads.has_delivery_work() then
      perform fb_ads.call_function('capi-event', '{"dispatch": true}');
    end if;
    if fb_ads.has_attribution_work() then
      perform fb_ads.call_function('attribute-purchase');
    end if;
  exception when others then
    -- What is wrong must still be announced below: a missing secret is one of the problems that a person has to hear
    -- of.
    raise warning 'fb_ads: the tick could not call a function: %', sqlerrm;
  end;
  begin
    if exists (select from fb_ads.scheduled_jobs as job where job.cursor is not null) then
      perform fb_ads.continue_reversals();
    end if;
  exception when others then
    raise warning 'fb_ads: what the host changed of sales was not taken over (%)', sqlstate;
  end;
  begin
    perform fb_ads.announce_alerts();
  exception when others then
    raise warning 'fb_ads: alerts were not announced (%)', sqlstate;
  end;
end;
$$;

comment on function fb_ads.tick() is
  'Every minute: reads what came of the calls before, calls each Edge Function that has work (the syncs with '
  '{"resume": true}, so that nothing new is planned), goes on with what works in batches, then announces alerts.';

-- schemas/grants.sql

-- Who may do what, by caller. Nothing is granted to anon or authenticated, and what they or everybody have by default
-- is taken away. A test asks the catalogue whether it is so.
-- The owner (postgres) needs no grant: cron jobs run as the owner, a trigger function needs no grant for whoever fires
-- it, and the operator attaches tables as the owner.

-- Nobody by default. In public only what is ours is named, for the rest is the host's.
revoke all on schema fb_ads from public;
revoke all on all tables in schema fb_ads from public, anon, authenticated;
revoke execute on all functions in schema fb_ads from public, anon, authenticated;
revoke all on
  public.ad_accounts, public.ad_campaigns, public.ad_adsets, public.ad_ads, public.ad_spend,
  public.ad_spend_reconciliation, public.ad_event_quality, public.ad_attributions, public.fb_ad_performance,
  public.fb_campaign_performance, public.fb_attribution_coverage, public.fb_meta_claims, public.fb_alerts
from public, anon, authenticated;
revoke execute on function
  public.fb_read_secret, public.fb_take_sync_slot, public.fb_finish_sync_run, public.fb_claim_sync_job,
  public.fb_replan_insights, public.fb_store_insights_page, public.fb_store_report, public.fb_reshape_insights,
  public.fb_store_account_days, public.fb_store_ad_tree_page, public.fb_store_ad_tree_objects, public.fb_start_sync_run,
  public.fb_release_sync_job, public.fb_store_event_quality, public.fb_store_consent, public.fb_claim_purchases,
  public.fb_snapshot_purchases,
  public.fb_claim_deliveries, public.fb_renew_deliveries, public.fb_record_deliveries, public.fb_replay_deliveries,
  public.fb_charge_visitor, public.fb_store_events, public.fb_list_sales_to_attribute, public.fb_attribute_purchases,
  public.fb_refresh_reversals, public.fb_erase_person, public.fb_validate, public.fb_identify_project,
  public.fb_check_alerts
from public, anon, authenticated;

-- service_role: the RPCs of the Edge Functions and of the operator.
grant usage on schema fb_ads to service_role;
grant execute on function
  public.fb_read_secret, public.fb_take_sync_slot, public.fb_finish_sync_run, public.fb_claim_sync_job,
  public.fb_replan_insights, public.fb_store_insights_page, public.fb_store_report, public.fb_reshape_insights,
  public.fb_store_account_days, public.fb_store_ad_tree_page, public.fb_store_ad_tree_objects, public.fb_start_sync_run,
  public.fb_release_sync_job, public.fb_store_event_quality, public.fb_store_consent, public.fb_claim_purchases,
  public.fb_snapshot_purchases,
  public.fb_claim_deliveries, public.fb_renew_deliveries, public.fb_record_deliveries, public.fb_replay_deliveries,
  public.fb_charge_visitor, public.fb_store_events, public.fb_list_sales_to_attribute, public.fb_attribute_purchases,
  public.fb_refresh_reversals, public.fb_erase_person, public.fb_validate, public.fb_identify_project,
  public.fb_check_alerts
to service_role;

-- What these RPCs call. They run with the rights of service_role, so it needs what they need.
-- Queue.
grant execute on function
  fb_ads.forget_findings, fb_ads.open_findings, fb_ads.field_list_of, fb_ads.refused_fields_of,
  fb_ads.learn_refused_fields, fb_ads.learn_page_max, fb_ads.renew_run_lease, fb_ads.sync_kinds,
  fb_ads.is_asked_with_marketing_token, fb_ads.waits_for_lists,
  fb_ads.open_job_count, fb_ads.may_start_report, fb_ads.waits_for_parts, fb_ads.use_case_kinds,
  fb_ads.throttled_until, fb_ads.throttle_sync_jobs, fb_ads.store_usage, fb_ads.app_throttled_until,
  fb_ads.stop_token, fb_ads.may_use_token, fb_ads.unprobed_kinds, fb_ads.begin_probe, fb_ads.revive_refused_jobs,
  fb_ads.is_refused_everywhere, fb_ads.clear_stops, fb_ads.fail_account, fb_ads.is_live_run, fb_ads.free_slots,
  fb_ads.end_dead_runs, fb_ads.start_sync_job, fb_ads.rescue_sync_jobs, fb_ads.hold_sync_job, fb_ads.advance_sync_job,
  fb_ads.throttle_held_job, fb_ads.release_throttled_job, fb_ads.settle_page, fb_ads.retry_delay_seconds
to service_role;
-- Catalogue.
grant execute on function
  fb_ads.upsert_accounts, fb_ads.account_ids_of, fb_ads.refused_accounts, fb_ads.owner_of_objects,
  fb_ads.upsert_campaigns, fb_ads.stub_campaigns, fb_ads.upsert_adsets, fb_ads.stub_adsets, fb_ads.ad_key,
  fb_ads.upsert_ads, fb_ads.stub_ads, fb_ads.plan_lists, fb_ads.plan_account_reads, fb_ads.restart_lists,
  fb_ads.plan_metadata, fb_ads.store_list_rows, fb_ads.plan_deleted_checks, fb_ads.end_list, fb_ads.next_list
to service_role;
-- Spend.
grant execute on function
  fb_ads.learn_ad_fields, fb_ads.learn_unnamed_ads, fb_ads.learn_insights_refusal, fb_ads.has_insights,
  fb_ads.ads_of_range, fb_ads.is_list_range, fb_ads.odd_ads_of, fb_ads.exceeds_findings, fb_ads.add_piece,
  fb_ads.pieces_by_ads, fb_ads.fit_range, fb_ads.begin_anew, fb_ads.local_day, fb_ads.earliest_insight_day,
  fb_ads.insight_chunks, fb_ads.upsert_insights, fb_ads.expected_daily_rows, fb_ads.refused_above,
  fb_ads.insight_limits, fb_ads.plan_ranges, fb_ads.drop_idle_refresh, fb_ads.reset_range, fb_ads.plan_backfill,
  fb_ads.plan_refresh, fb_ads.plan_window, fb_ads.plan_insights, fb_ads.stub_insight_objects,
  fb_ads.store_insight_rows, fb_ads.delete_vanished, fb_ads.end_insights_plan, fb_ads.end_range,
  fb_ads.turn_to_report, fb_ads.split_by_date, fb_ads.split_by_ads, fb_ads.clamp_range, fb_ads.minor_unit,
  fb_ads.was_split_by_ads, fb_ads.was_read_unfiltered, fb_ads.compare_days, fb_ads.end_comparison
to service_role;
-- Outbox.
grant execute on function
  fb_ads.finish_events, fb_ads.unblock_deliveries, fb_ads.block_deliveries, fb_ads.resume_pixels, fb_ads.record_pixels,
  fb_ads.open_traffic_day, fb_ads.bucket_of, fb_ads.open_traffic_source, fb_ads.given_events, fb_ads.find_purchases,
  fb_ads.fitting_checkouts, fb_ads.choose_checkout, fb_ads.consent_of_sale, fb_ads.claimed_sales,
  fb_ads.assign_checkouts, fb_ads.order_ids_of_sale, fb_ads.person_digests_of_sale, fb_ads.claim_waiting_purchases,
  fb_ads.settle_purchases_without_snapshot, fb_ads.rescue_deliveries, fb_ads.decide_delivery, fb_ads.claim_candidates,
  fb_ads.retry_delay, fb_ads.match_key, fb_ads.count_sent_events, fb_ads.capi_token_fingerprint,
  fb_ads.plan_event_quality, fb_ads.upsert_event_quality
to service_role;
-- Consent.
grant execute on function
  fb_ads.digest_of, fb_ads.newest_consent, fb_ads.is_known_browser, fb_ads.suppress_events, fb_ads.suppress_subjects,
  fb_ads.later_grant, fb_ads.note_consents, fb_ads.find_purchases_of, fb_ads.digests_of_person, fb_ads.erase_events,
  fb_ads.erase_touchpoints
to service_role;
-- Attribution.
grant execute on function
  fb_ads.lock_results, fb_ads.revise_sales, fb_ads.history_entry, fb_ads.new_results, fb_ads.store_results,
  fb_ads.is_shared_browser, fb_ads.store_browser_people, fb_ads.is_payment_host, fb_ads.ids_of_touchpoint,
  fb_ads.with_first_click_time, fb_ads.was_visitor_seen, fb_ads.date_touchpoint, fb_ads.key_touchpoint,
  fb_ads.has_room_for_touchpoint, fb_ads.insert_touchpoints, fb_ads.sale_keys_of_touchpoint,
  fb_ads.store_touchpoints, fb_ads.store_event_touchpoints, fb_ads.plan_lookups, fb_ads.is_known_object,
  fb_ads.is_lookup_over, fb_ads.settle_lookups, fb_ads.digests_in, fb_ads.worth_of_sale, fb_ads.is_sale,
  fb_ads.read_sales, fb_ads.links_of_sales, fb_ads.touchpoints_by_digest, fb_ads.resolve_touchpoint,
  fb_ads.collapse_touchpoints,
  fb_ads.touchpoints_of_sales, fb_ads.match_sales, fb_ads.is_purchase_due, fb_ads.due_purchases, fb_ads.end_purchases,
  fb_ads.existing_host_ids, fb_ads.store_attributions, fb_ads.store_buyers, fb_ads.refresh_worth,
  fb_ads.refresh_reversals
to service_role;
-- Operations.
grant execute on function
  fb_ads.claimed_value, fb_ads.count_unaccounted_sales, fb_ads.count_unpaid_attributions, fb_ads.count_broken_links,
  fb_ads.current_alerts
to service_role;

-- Tables that these RPCs write, and those that they only read.
grant select, insert, update, delete on
  public.ad_accounts, public.ad_campaigns, public.ad_adsets, public.ad_ads, fb_ads.sync_runs, fb_ads.sync_jobs,
  fb_ads.sync_seen_pages, fb_ads.quotas, public.ad_spend, fb_ads.account_reads, fb_ads.insight_backfills,
  fb_ads.reconciliations, fb_ads.conversion_events, fb_ads.event_deliveries, fb_ads.pixels, fb_ads.consents,
  fb_ads.traffic_days, fb_ads.traffic_sources, public.ad_attributions, fb_ads.attribution_results,
  fb_ads.browser_people, fb_ads.touchpoints, fb_ads.checkout_clicks, fb_ads.ad_lookups, fb_ads.exchange_rates,
  fb_ads.deleted_events, fb_ads.sent_event_keys, fb_ads.quality_refusals, public.ad_event_quality
to service_role;
grant select on
  fb_ads.settings, fb_ads.backfill_progress, public.ad_spend_reconciliation, fb_ads.attached_tables, fb_ads.purchases,
  fb_ads.undelivered_events, fb_ads.priced_sales, fb_ads.claimed_spend, fb_ads.daily_events, fb_ads.daily_event_keys,
  public.fb_ad_performance, public.fb_campaign_performance, public.fb_attribution_coverage, public.fb_meta_claims,
  fb_ads.scheduled_jobs, fb_ads.alert_states, fb_ads.alert_posts, fb_ads.alert_flights, public.fb_alerts,
  fb_ads.function_project, fb_ads.function_answers
to service_role;

-- fb_ads_reader: what the reporting views read. No user, no reference to the host, no click id, no digest.
grant usage on schema public, fb_ads to fb_ads_reader;
grant select on
  public.ad_accounts, public.ad_campaigns, public.ad_adsets, public.ad_ads, public.ad_spend, fb_ads.reconciliations,
  public.ad_spend_reconciliation, fb_ads.exchange_rates, fb_ads.priced_sales, fb_ads.claimed_spend,
  public.fb_ad_performance, public.fb_campaign_performance, public.fb_attribution_coverage, public.fb_meta_claims,
  public.ad_event_quality, fb_ads.sent_event_keys, fb_ads.daily_event_keys, fb_ads.alert_states, public.fb_alerts
to fb_ads_reader;
grant select (
  id, campaign_id, adset_id, ad_id, conversion_event, event_time, conversion_value, currency, source_platform, state,
  matched_by, confidence, attribution_model, attribution_window, clicked_at, checkout_at, current_value, reversed_value,
  net_value, reversal_reason, clicked_on, paid_on, created_at, updated_at
) on public.ad_attributions to fb_ads_reader;
grant select (
  outcome, reason, level, account_id, ad_id, adset_id, campaign_id, matched_by, confidence, clicked_at,
  catalogue_differs, source, completed_at, checkout_at, conversion_value, currency, current_value, reversed_value,
  net_value, reversal_reason, created_at, updated_at
) on fb_ads.attribution_results to fb_ads_reader;
grant execute on function fb_ads.claimed_value, fb_ads.current_alerts, fb_ads.local_day to fb_ads_reader;

-- fb_ads_monitor: one question, whose answer is numbers and names.
grant usage on schema public, fb_ads to fb_ads_monitor;
grant execute on function public.fb_check_alerts, fb_ads.current_alerts to fb_ads_monitor;

-- schemas/data.sql

-- What the schema needs in it to work: the settings, the purchases view over this host's tables, the schedule and its
-- key. The first release's migration applies it once, behind the schema files; it is no part of schema_paths in
-- config.toml. A later release that needs another row adds it here and in its own migration.

insert into fb_ads.settings (purchases_view_md5) values (md5(pg_get_viewdef('fb_ads.purchases'::regclass)));

do $$
begin
  perform fb_ads.make_purchases_view();
exception when others then
  -- Columns of unexpected types must not stop the host's deployment: fb_validate() says that the view is empty.
  raise warning 'fb_ads.purchases could not be made over the host''s tables (%); define it with create or replace view',
    sqlstate;
end;
$$;

do $$
begin
  if fb_ads.read_vault_text('fb_ads_function_key') is null then
    perform fb_ads.renew_function_key();
  end if;
end;
$$;

-- Times are UTC. To move the night: select cron.schedule('fb-sync-metadata', '<minute> <hour> * * *',
-- (select command from cron.job where jobname = 'fb-sync-metadata'));
select cron.schedule('fb-sync-metadata', '15 18 * * *', $$select fb_ads.invoke_edge_function('fb-sync-metadata');$$);
select cron.schedule('fb-sync-insights', '45 18 * * *', $$select fb_ads.invoke_edge_function('fb-sync-insights');$$);
select cron.schedule('fb-sync-insights-hourly', '7 * * * *', $$select fb_ads.refresh_insights();$$);
select cron.schedule('fb-ads-tick', '* * * * *', $$select fb_ads.tick();$$);
select cron.schedule('fb-ads-sweep', '*/15 * * * *', $$select fb_ads.sweep_purchases();$$);
select cron.schedule('fb-ads-reversals', '17 * * * *', $$select fb_ads.continue_reversals();$$);
select cron.schedule('fb-ads-retention', '* 19 * * *', $$select fb_ads.delete_old_rows();$$);

insert into fb_ads.scheduled_jobs (jobname, schedule, command)
select job.jobname, job.schedule, job.command
from cron.job as job
where job.jobname ~ '^fb-' and job.command ~ 'fb_ads\.';

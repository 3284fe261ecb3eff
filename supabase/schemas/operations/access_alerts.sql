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

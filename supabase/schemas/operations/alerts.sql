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

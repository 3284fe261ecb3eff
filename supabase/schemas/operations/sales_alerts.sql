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

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

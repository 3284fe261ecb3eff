-- What a run of attribute-purchase takes up, and what it puts behind it; and sales that the host takes back later.

create function fb_ads.end_purchases(refs text[], sales jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update fb_ads.conversion_events as event
  set attribution_done = true
  where event.event_name = 'Purchase' and event.event_id = any (refs) and not event.attribution_done
    and exists (select from jsonb_to_recordset(sales) as sale (transaction_ref text) where sale.transaction_ref = event.event_id);

  -- Not in the view, or not paid: a sale that never was one, after a week.
  update fb_ads.conversion_events as event
  set attribution_done = event.received_at < now() - interval '7 days', attribution_not_before = now() + interval '1 hour'
  where event.event_name = 'Purchase' and event.event_id = any (refs) and not event.attribution_done
    and not exists (select from jsonb_to_recordset(sales) as sale (transaction_ref text) where sale.transaction_ref = event.event_id);

  update fb_ads.attribution_results as result
  set due_at = null
  where result.transaction_ref = any (refs) and result.due_at is not null
    and not exists (select from jsonb_to_recordset(sales) as sale (transaction_ref text) where sale.transaction_ref = result.transaction_ref);
end;
$$;

revoke execute on function fb_ads.end_purchases(text[], jsonb) from public, anon, authenticated;
grant execute on function fb_ads.end_purchases(text[], jsonb) to service_role;
comment on function fb_ads.end_purchases(text[], jsonb) is
  'Marks purchases as looked at. One that the host does not show as paid is looked at again every hour for a week.';

create function public.fb_list_sales_to_attribute(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
        (select result.transaction_ref from fb_ads.attribution_results as result where result.due_at <= now() order by result.due_at limit most)
        union
        select listed.transaction_ref from fb_ads.due_purchases(most) as listed (transaction_ref)
      ) as due
      order by due.transaction_ref
      limit most
    );
  end if;

  -- Whose address or number is in no sent event: the function hashes them, by the same rules as for Meta.
  select jsonb_agg(jsonb_build_object(
    'transaction_ref', listed.sale ->> 'transaction_ref', 'email', listed.sale ->> 'email', 'phone', listed.sale ->> 'phone',
    'country', listed.sale ->> 'country'
  ))
  into people
  from fb_ads.find_purchases(refs) as listed (sale)
  left join fb_ads.conversion_events as event on event.event_name = 'Purchase' and event.event_id = listed.sale ->> 'transaction_ref'
  where event.user_data is null and event.state is distinct from 'erased' and event.consent is distinct from 'denied'
    and coalesce(listed.sale ->> 'email', listed.sale ->> 'phone') is not null;
  return jsonb_build_object('transaction_refs', to_jsonb(refs), 'people', coalesce(people, '[]'::jsonb));
end;
$$;

revoke execute on function public.fb_list_sales_to_attribute(jsonb) from public, anon, authenticated;
grant execute on function public.fb_list_sales_to_attribute(jsonb) to service_role;
comment on function public.fb_list_sales_to_attribute(jsonb) is
  'Called by attribute-purchase with {transaction_refs?, limit?}: the sales that wait (or those named) as {transaction_refs, people}; people are the buyers in clear whose digests are stored nowhere, to be hashed and forgotten.';

create function fb_ads.refresh_reversals(completed_since timestamptz)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  last_ref text := '';
  refs text[];
  changed text[];
  touched bigint := 0;
begin
  perform pg_advisory_xact_lock(hashtext('fb_ads.attribution_results'));
  loop
    refs := array(
      select result.transaction_ref from fb_ads.attribution_results as result
      where result.completed_at >= completed_since and result.transaction_ref > last_ref
      order by result.transaction_ref limit 1000
    );
    exit when cardinality(refs) = 0;
    last_ref := refs[cardinality(refs)];
    with differing as materialized (
      select result.transaction_ref, now_reversed.value
      from fb_ads.find_purchases(refs) as listed (sale)
      join fb_ads.attribution_results as result on result.transaction_ref = listed.sale ->> 'transaction_ref'
      cross join lateral (
        select coalesce(fb_ads.reversed_value(
          listed.sale ->> 'status', (listed.sale ->> 'value')::numeric, (listed.sale ->> 'refunded_amount')::numeric
        ), 0)
      ) as now_reversed (value)
      where result.reversed_value <> now_reversed.value
      order by result.transaction_ref
      for update of result
    ),
    written as (
      update fb_ads.attribution_results as result
      set reversed_value = differing.value, net_value = result.conversion_value - differing.value
      from differing
      where result.transaction_ref = differing.transaction_ref
      returning result.transaction_ref
    )
    select array_agg(written.transaction_ref) into changed from written;
    continue when changed is null;
    touched := touched + cardinality(changed);
    update public.ad_attributions as attribution
    set reversed_value = result.reversed_value, net_value = result.net_value, updated_at = now(),
      state = case when result.reversed_value > 0 and result.net_value <= 0 then 'reversed' else 'active' end
    from fb_ads.attribution_results as result
    where attribution.transaction_ref = any (changed) and result.transaction_ref = attribution.transaction_ref;
  end loop;
  return touched;
end;
$$;

revoke execute on function fb_ads.refresh_reversals(timestamptz) from public, anon, authenticated;
grant execute on function fb_ads.refresh_reversals(timestamptz) to service_role;
comment on function fb_ads.refresh_reversals(timestamptz) is
  'Takes over what the host has refunded, charged back (or given back again) of the sales since then; the rows stay, their net value changes, and Meta is told nothing. Returns how many sales changed.';

create function public.fb_refresh_reversals(request jsonb)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select jsonb_build_object('changed', fb_ads.refresh_reversals(now() - coalesce((request ->> 'days')::integer, 7) * interval '1 day'));
$$;

revoke execute on function public.fb_refresh_reversals(jsonb) from public, anon, authenticated;
grant execute on function public.fb_refresh_reversals(jsonb) to service_role;
comment on function public.fb_refresh_reversals(jsonb) is 'Called by attribute-purchase with {days?}: takes over refunds and chargebacks of the sales of the last days (7). Returns {changed}.';

select cron.schedule('fb-ads-reversals', '17 * * * *', $$select fb_ads.refresh_reversals(now() - interval '180 days');$$);

-- Sales that the host refunds or charges back later.

create function fb_ads.refresh_reversals(completed_since timestamptz)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
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

comment on function fb_ads.refresh_reversals(timestamptz) is
  'Takes over what the host has refunded, charged back (or given back again) of the sales since then; the rows stay, '
  'their net value changes, and nothing is sent to Meta. Returns how many sales changed.';

create function public.fb_refresh_reversals(request jsonb)
returns jsonb language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'changed', fb_ads.refresh_reversals(now() - coalesce((request ->> 'days')::integer, 7) * interval '1 day')
  );
$$;

comment on function public.fb_refresh_reversals(jsonb) is
  'Called by attribute-purchase with {days?}: takes over refunds and chargebacks '
  'of the sales of the last days (7). Returns {changed}.';

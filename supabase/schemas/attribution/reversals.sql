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

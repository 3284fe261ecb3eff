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

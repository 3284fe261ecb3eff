-- Working sales out and keeping the results: one call a batch, the same again as often as one likes.
-- Why one run at a time writes: the result follows from what is stored, so the second of two would only find nothing to change.

create function fb_ads.existing_host_ids(column_name text, ids uuid[])
returns uuid[]
language plpgsql
stable
-- definer: the host need not grant its tables to service_role. Gives out only which of these ids exist.
security definer
set search_path = ''
as $$
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
  execute format('select array_agg(host.id) from %s as host where host.id = any ($1)', host_table) into existing using ids;
  return coalesce(existing, '{}');
end;
$$;

revoke execute on function fb_ads.existing_host_ids(text, uuid[]) from public, anon, authenticated;
grant execute on function fb_ads.existing_host_ids(text, uuid[]) to service_role;
comment on function fb_ads.existing_host_ids(text, uuid[]) is
  'Which of these ids ad_attributions.<column> may refer to: those that the host''s table has; all of them where there is no foreign key.';

create function fb_ads.history_entry(result fb_ads.attribution_results)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'until', now(), 'outcome', result.outcome, 'reason', result.reason, 'level', result.level, 'ad_id', result.ad_id,
    'adset_id', result.adset_id, 'campaign_id', result.campaign_id, 'matched_by', result.matched_by, 'clicked_at', result.clicked_at
  );
$$;

revoke execute on function fb_ads.history_entry(fb_ads.attribution_results) from public, anon, authenticated;
grant execute on function fb_ads.history_entry(fb_ads.attribution_results) to service_role;
comment on function fb_ads.history_entry(fb_ads.attribution_results) is 'What is kept of a result that another supersedes.';

create function fb_ads.new_results(sales jsonb, verdicts jsonb)
returns setof fb_ads.attribution_results
language sql
stable
security invoker
set search_path = ''
as $$
  with sale as materialized (
    select given.value ->> 'transaction_ref' as transaction_ref, given.value from jsonb_array_elements(sales) as given
  ),
  verdict as materialized (
    select given.value ->> 'transaction_ref' as transaction_ref, given.value from jsonb_array_elements(verdicts) as given
  )
  select fresh.*
  from sale
  join verdict on verdict.transaction_ref = sale.transaction_ref
  cross join fb_ads.settings as settings
  cross join lateral jsonb_populate_record(
    null::fb_ads.attribution_results,
    sale.value || verdict.value || jsonb_build_object(
      'net_value', (sale.value ->> 'conversion_value')::numeric - (sale.value ->> 'reversed_value')::numeric,
      'missing_ids', nullif(
        (select coalesce(jsonb_agg(missing -> 'fb_id' order by missing ->> 'fb_id'), '[]') from jsonb_array_elements(verdict.value -> 'missing') as missing),
        '[]'
      ),
      -- Nothing of a person who said no, and nothing once nothing can change.
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
  -- An event that is being stored at this moment finds neither this result nor its new digests: looked at once more, when it is in.
  cross join lateral jsonb_populate_record(worked, jsonb_build_object(
    'due_at', case when worked.match_keys is not null and (known.match_keys @> worked.match_keys) is not true then now() + interval '30 seconds' end
  )) as fresh;
$$;

revoke execute on function fb_ads.new_results(jsonb, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.new_results(jsonb, jsonb) to service_role;
comment on function fb_ads.new_results(jsonb, jsonb) is 'Rows for attribution_results from sales (sales_to_judge) and their verdicts (judge_sales).';

create function fb_ads.store_results(sales jsonb, verdicts jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  results fb_ads.attribution_results[] := array(select fresh from fb_ads.new_results(sales, verdicts) as fresh);
begin
  insert into fb_ads.attribution_results as known
  select fresh.* from unnest(results) as fresh order by fresh.transaction_ref
  on conflict (transaction_ref) do nothing;

  -- A credited sale stays credited while a later touch's ad is being read.
  update fb_ads.attribution_results as known
  set missing_ids = fresh.missing_ids, match_keys = fresh.match_keys, due_at = fresh.due_at
  from unnest(results) as fresh
  where known.transaction_ref = fresh.transaction_ref and known.outcome = 'attributed' and fresh.outcome = 'waiting'
    and (known.missing_ids, known.match_keys, known.due_at) is distinct from (fresh.missing_ids, fresh.match_keys, fresh.due_at);

  update fb_ads.attribution_results as known
  set outcome = fresh.outcome, reason = fresh.reason, level = fresh.level, account_id = fresh.account_id, ad_id = fresh.ad_id,
    adset_id = fresh.adset_id, campaign_id = fresh.campaign_id, matched_by = fresh.matched_by, confidence = fresh.confidence,
    click_id = fresh.click_id, clicked_at = fresh.clicked_at, catalogue_differs = fresh.catalogue_differs,
    history = (known.history || fb_ads.history_entry(known)), updated_at = now()
  from unnest(results) as fresh
  where known.transaction_ref = fresh.transaction_ref
    and not (known.outcome = 'attributed' and fresh.outcome = 'waiting')
    and (known.outcome, known.reason, known.level, known.ad_id, known.adset_id, known.campaign_id, known.matched_by, known.confidence, known.click_id, known.catalogue_differs)
      is distinct from (fresh.outcome, fresh.reason, fresh.level, fresh.ad_id, fresh.adset_id, fresh.campaign_id, fresh.matched_by, fresh.confidence, fresh.click_id, fresh.catalogue_differs);

  update fb_ads.attribution_results as known
  set clicked_at = fresh.clicked_at, assist_click_ids = fresh.assist_click_ids, rival_click_ids = fresh.rival_click_ids, missing_ids = fresh.missing_ids,
    source = fresh.source, completed_at = fresh.completed_at, checkout_at = fresh.checkout_at, conversion_value = fresh.conversion_value,
    currency = fresh.currency, reversed_value = fresh.reversed_value, net_value = fresh.net_value, match_keys = fresh.match_keys, due_at = fresh.due_at
  from unnest(results) as fresh
  where known.transaction_ref = fresh.transaction_ref
    and not (known.outcome = 'attributed' and fresh.outcome = 'waiting')
    and (known.clicked_at, known.assist_click_ids, known.rival_click_ids, known.missing_ids, known.source, known.completed_at, known.checkout_at,
      known.conversion_value, known.currency, known.reversed_value, known.net_value, known.match_keys, known.due_at)
      is distinct from (fresh.clicked_at, fresh.assist_click_ids, fresh.rival_click_ids, fresh.missing_ids, fresh.source, fresh.completed_at, fresh.checkout_at,
      fresh.conversion_value, fresh.currency, fresh.reversed_value, fresh.net_value, fresh.match_keys, fresh.due_at);
end;
$$;

revoke execute on function fb_ads.store_results(jsonb, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_results(jsonb, jsonb) to service_role;
comment on function fb_ads.store_results(jsonb, jsonb) is
  'Keeps results: what is the same is not written, what differs supersedes the earlier result, which goes to its history.';

create function fb_ads.store_attributions(sales jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  delete from public.ad_attributions as attribution
  using jsonb_to_recordset(sales) as sale (transaction_ref text)
  join fb_ads.attribution_results as result on result.transaction_ref = sale.transaction_ref and result.outcome <> 'attributed'
  where attribution.transaction_ref = sale.transaction_ref;

  with given as (
    select * from jsonb_to_recordset(sales) as sale (transaction_ref text, user_ref text, user_id uuid, transaction_id uuid)
  ),
  hosts as materialized (
    select
      fb_ads.existing_host_ids('user_id', array(select given.user_id from given where given.user_id is not null)) as user_ids,
      fb_ads.existing_host_ids('transaction_id', array(select given.transaction_id from given where given.transaction_id is not null)) as transaction_ids
  )
  insert into public.ad_attributions as known (
    transaction_ref, transaction_id, user_ref, user_id, campaign_id, adset_id, ad_id, conversion_event, event_time, conversion_value,
    currency, fb_click_id, state, matched_by, confidence, attribution_model, attribution_window, clicked_at, checkout_at, reversed_value, net_value
  )
  select
    result.transaction_ref, case when given.transaction_id = any (hosts.transaction_ids) then given.transaction_id end, given.user_ref,
    case when given.user_id = any (hosts.user_ids) then given.user_id end,
    result.campaign_id, result.adset_id, result.ad_id, 'Purchase', result.completed_at, result.conversion_value, result.currency,
    click.fbclid, case when result.reversed_value > 0 and result.net_value <= 0 then 'reversed' else 'active' end,
    result.matched_by, result.confidence, 'last_ad_click', settings.attribution_window, least(result.clicked_at, result.completed_at),
    result.checkout_at, result.reversed_value, result.net_value
  from given
  join fb_ads.attribution_results as result on result.transaction_ref = given.transaction_ref and result.outcome = 'attributed'
  cross join hosts
  cross join fb_ads.settings as settings
  left join fb_ads.ad_clicks as click on click.id = result.click_id
  order by result.transaction_ref
  on conflict (transaction_ref) do update
  set transaction_id = excluded.transaction_id, user_ref = excluded.user_ref, user_id = excluded.user_id, campaign_id = excluded.campaign_id,
    adset_id = excluded.adset_id, ad_id = excluded.ad_id, event_time = excluded.event_time, conversion_value = excluded.conversion_value,
    currency = excluded.currency, fb_click_id = excluded.fb_click_id, state = excluded.state, matched_by = excluded.matched_by,
    confidence = excluded.confidence, clicked_at = excluded.clicked_at, checkout_at = excluded.checkout_at,
    attribution_window = excluded.attribution_window, reversed_value = excluded.reversed_value, net_value = excluded.net_value, updated_at = now()
  where (known.transaction_id, known.user_ref, known.user_id, known.campaign_id, known.adset_id, known.ad_id, known.event_time,
      known.conversion_value, known.currency, known.fb_click_id, known.state, known.matched_by, known.confidence, known.clicked_at,
      known.checkout_at, known.reversed_value, known.net_value)
    is distinct from (excluded.transaction_id, excluded.user_ref, excluded.user_id, excluded.campaign_id, excluded.adset_id, excluded.ad_id,
      excluded.event_time, excluded.conversion_value, excluded.currency, excluded.fb_click_id, excluded.state, excluded.matched_by,
      excluded.confidence, excluded.clicked_at, excluded.checkout_at, excluded.reversed_value, excluded.net_value);
end;
$$;

revoke execute on function fb_ads.store_attributions(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_attributions(jsonb) to service_role;
comment on function fb_ads.store_attributions(jsonb) is
  'Brings public.ad_attributions in step with the results of these sales: one row where a sale is credited, none otherwise.';

create function fb_ads.store_buyers(sales jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  met text[];
begin
  -- Whoever pays in a browser is one of its users, logged in or not.
  met := coalesce(fb_ads.store_browser_people((
    select coalesce(jsonb_agg(jsonb_build_object(
      'browser_digest', sale.browser_digest, 'fbc_digest', sale.fbc_digest, 'user_digest', sale.user_digest, 'seen_at', sale.checkout_at
    )), '[]')
    from jsonb_to_recordset(sales) as sale (
      is_denied boolean, user_digest text, browser_digest text, fbc_digest text, checkout_at timestamptz
    )
    where not sale.is_denied and sale.user_digest is not null
  )), '{}');
  perform fb_ads.lock_results(array(select sale.transaction_ref from jsonb_to_recordset(sales) as sale (transaction_ref text)), met);
  if cardinality(met) > 0 then
    perform fb_ads.revise_sales(met, null);
  end if;
end;
$$;

revoke execute on function fb_ads.store_buyers(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_buyers(jsonb) to service_role;
comment on function fb_ads.store_buyers(jsonb) is
  'Keeps in which browser these sales (as sales_to_judge gives them) were begun by whom, before they are judged; locks the results of these sales, and marks other sales that this may change.';

create function public.fb_attribute_purchases(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  refs text[] := array(select jsonb_array_elements_text(coalesce(request -> 'transaction_refs', '[]')));
  sales jsonb;
  verdicts jsonb;
begin
  perform pg_advisory_xact_lock(hashtext('fb_ads.attribution_results'));
  select jsonb_agg(to_jsonb(sale)) into sales
  from fb_ads.sales_to_judge(refs, coalesce(request -> 'digests', '[]')) as sale;
  sales := coalesce(sales, '[]');
  perform fb_ads.store_buyers(sales);
  select coalesce(jsonb_agg(to_jsonb(verdict)), '[]') into verdicts from fb_ads.judge_sales(sales) as verdict;
  perform fb_ads.plan_lookups((
    select jsonb_agg(missing order by missing ->> 'fb_id')
    from jsonb_array_elements(verdicts) as verdict
    cross join jsonb_array_elements(verdict -> 'missing') as missing
  ));
  perform fb_ads.store_results(sales, verdicts);
  perform fb_ads.store_attributions(sales);
  perform fb_ads.end_purchases(refs, sales);
  return (
    select jsonb_build_object(
      'attributed', count(*) filter (where result.outcome = 'attributed'),
      'unattributed', count(*) filter (where result.outcome = 'unattributed'),
      'waiting', count(*) filter (where result.outcome = 'waiting')
    )
    from jsonb_to_recordset(sales) as sale (transaction_ref text)
    join fb_ads.attribution_results as result on result.transaction_ref = sale.transaction_ref
  );
end;
$$;

revoke execute on function public.fb_attribute_purchases(jsonb) from public, anon, authenticated;
grant execute on function public.fb_attribute_purchases(jsonb) to service_role;
comment on function public.fb_attribute_purchases(jsonb) is
  'Called by attribute-purchase with {transaction_refs, digests?: [{transaction_ref, email_digests, phone_digests}]}: works these sales out, keeps the results and returns {attributed, unattributed, waiting}. Again, or twice at once, it changes nothing. References that are no paid sale are left out.';

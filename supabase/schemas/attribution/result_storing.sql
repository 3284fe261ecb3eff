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

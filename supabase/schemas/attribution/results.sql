-- What became of each sale: one row a transaction, credited or not, with the reason and what it was before.
-- Why beside ad_attributions: a sale without an ad is a result too, and a result that changes must not lose the one
-- before.

create table fb_ads.attribution_results (
  transaction_ref text primary key,
  outcome text not null,
  reason text,
  level text,
  account_id uuid references public.ad_accounts (id) on delete set null,
  ad_id uuid references public.ad_ads (id) on delete set null,
  adset_id uuid references public.ad_adsets (id) on delete set null,
  campaign_id uuid references public.ad_campaigns (id) on delete set null,
  matched_by text,
  confidence text,
  click_id bigint,
  clicked_at timestamptz,
  catalogue_differs boolean,
  assist_click_ids bigint[],
  conflicting_click_ids bigint[],
  missing_ids text[],
  source text,
  completed_at timestamptz not null,
  checkout_at timestamptz not null,
  conversion_value numeric,
  currency text,
  current_value numeric,
  reversed_value numeric not null default 0,
  net_value numeric,
  reversal_reason text,
  match_keys text[],
  due_at timestamptz,
  history jsonb not null default '[]',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint outcome_is_known check (outcome in ('attributed', 'unattributed', 'waiting')),
  constraint reason_is_known check (
    reason in ('no_touch', 'outside_window', 'click_after_purchase', 'ambiguous', 'ad_unknown', 'no_consent')
  ),
  constraint only_the_attributed_have_no_reason check ((outcome = 'attributed') = (reason is null)),
  constraint only_the_attributed_have_a_level check ((outcome = 'attributed') = (level is not null)),
  constraint level_is_known check (level in ('ad', 'adset', 'campaign')),
  constraint matched_by_is_known check (matched_by in ('user_id', 'em', 'ph', 'fbc', 'fbp')),
  constraint confidence_is_known check (confidence in ('high', 'medium', 'low')),
  constraint history_is_a_list check (jsonb_typeof(history) = 'array'),
  constraint reversed_value_is_not_negative check (reversed_value >= 0),
  constraint reversal_reason_is_known check (
    reversal_reason in ('refunded', 'charged_back', 'unpaid', 'negative_value', 'deleted')
  )
);

comment on table fb_ads.attribution_results is
  'Every sale that was looked at: credited to an ad, not credited and why, or waiting for an ad to become known. Kept '
  'for good; match_keys go when nothing can change any more.';
comment on column fb_ads.attribution_results.transaction_ref is 'The sale''s reference in fb_ads.purchases.';
comment on column fb_ads.attribution_results.outcome is
  'attributed: there is a row in ad_attributions; unattributed; waiting: an ad '
  'that a touchpoint names is being read by its id.';
comment on column fb_ads.attribution_results.reason is
  'Why it is not attributed: no_touch; outside_window: the touchpoint is older than settings.attribution_window; '
  'click_after_purchase: it came after the checkout; ambiguous: two ads in the same second, or a browser with two '
  'users; ad_unknown: a touchpoint from Meta whose ad is not known; no_consent.';
comment on column fb_ads.attribution_results.level is 'How exactly it is credited: ad, adset or campaign.';
comment on column fb_ads.attribution_results.account_id is 'The ad account that is credited.';
comment on column fb_ads.attribution_results.ad_id is 'The ad that is credited.';
comment on column fb_ads.attribution_results.adset_id is 'The ad set that is credited.';
comment on column fb_ads.attribution_results.campaign_id is 'The campaign that is credited.';
comment on column fb_ads.attribution_results.matched_by is
  'The strongest link between the touchpoint and the sale: user_id, em, ph, fbc or fbp.';
comment on column fb_ads.attribution_results.confidence is
  'high: the same user, or the same click id; medium: an e-mail address, a phone '
  'number or a browser; low: a browser whose user is not known, or an '
  'address that an anonymous browser claimed.';
comment on column fb_ads.attribution_results.click_id is
  'The touchpoint that is credited (fb_ads.touchpoints.id); no foreign key, for touchpoints go with their retention.';
comment on column fb_ads.attribution_results.clicked_at is 'When that click landed.';
comment on column fb_ads.attribution_results.catalogue_differs is
  'True where the address named another ad set or campaign than the catalogue has for the ad. The catalogue counts.';
comment on column fb_ads.attribution_results.assist_click_ids is
  'Touchpoints within the window that came later than the credited one and '
  'name no ad: a click id alone may be organic.';
comment on column fb_ads.attribution_results.conflicting_click_ids is
  'Of an ambiguous sale: the touchpoints in conflict, between which the rule cannot choose.';
comment on column fb_ads.attribution_results.missing_ids is
  'Ids that touchpoints of this sale name and the catalogue does not know (yet).';
comment on column fb_ads.attribution_results.source is 'What was sold, as the host says: p2p, canva, ...';
comment on column fb_ads.attribution_results.completed_at is 'When the sale was paid.';
comment on column fb_ads.attribution_results.checkout_at is
  'When its checkout began: where the window ends. The time of payment where the host knows no other.';
comment on column fb_ads.attribution_results.conversion_value is
  'What the sale was worth when it was paid, in major units of currency.';
comment on column fb_ads.attribution_results.currency is 'ISO 4217 code of the values.';
comment on column fb_ads.attribution_results.current_value is
  'What the sale is worth now, before refunds: the host may change it after the payment.';
comment on column fb_ads.attribution_results.reversed_value is
  'How much of current_value was refunded or charged back.';
comment on column fb_ads.attribution_results.net_value is
  'current_value less reversed_value, of one reading; 0 where the sale no longer counts.';
comment on column fb_ads.attribution_results.reversal_reason is
  'Why it no longer counts as a sale: refunded, charged_back, unpaid, negative_value or deleted; null while it counts.';
comment on column fb_ads.attribution_results.match_keys is
  'Digests by which touchpoints may still be linked to the sale. Null once settings.attribution_revision_window is '
  'over, or when the person was erased.';
comment on column fb_ads.attribution_results.due_at is 'When it is to be worked out anew; null: nothing new is known.';
comment on column fb_ads.attribution_results.history is
  'Earlier results, oldest first: [{until, outcome, reason, level, ad_id, '
  'adset_id, campaign_id, matched_by, clicked_at}].';
comment on column fb_ads.attribution_results.created_at is 'When the sale was first looked at.';
comment on column fb_ads.attribution_results.updated_at is 'When the result last changed.';

create index attribution_results_due_at_idx on fb_ads.attribution_results (due_at) where due_at is not null;
create index attribution_results_completed_at_idx on fb_ads.attribution_results (completed_at, transaction_ref);
create index attribution_results_match_keys_idx on fb_ads.attribution_results
  using gin (match_keys) with (fastupdate = off)
  where match_keys is not null;
create index attribution_results_missing_ids_idx on fb_ads.attribution_results
  using gin (missing_ids) with (fastupdate = off)
  where missing_ids is not null;
create index attribution_results_account_id_idx on fb_ads.attribution_results (account_id);
create index attribution_results_ad_id_idx on fb_ads.attribution_results (ad_id);
create index attribution_results_adset_id_idx on fb_ads.attribution_results (adset_id);
create index attribution_results_campaign_id_idx on fb_ads.attribution_results (campaign_id);
create index attribution_results_completed_on_idx on fb_ads.attribution_results (
  ((completed_at at time zone 'UTC')::date)
);

alter table fb_ads.attribution_results enable row level security;
create policy reader_reads_attribution_results on fb_ads.attribution_results for select to fb_ads_reader using (true);

create function fb_ads.lock_results(refs text[], keys text[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform from fb_ads.attribution_results as result
  where result.transaction_ref = any (refs) or result.match_keys && keys
  order by result.transaction_ref
  for update;
end;
$$;

comment on function fb_ads.lock_results(text[], text[]) is
  'Locks the results of these sales, and of sales that share one of these digests, in one order, so that a stored '
  'event and a run of attribution never deadlock.';

create function fb_ads.revise_sales(keys text[], clicked_at timestamptz)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.attribution_results as result
  set due_at = now()
  from fb_ads.settings as settings
  where result.match_keys && keys
    and result.due_at is distinct from now()
    and result.completed_at >= now() - settings.attribution_revision_window
    and (
      revise_sales.clicked_at is null
      or date_trunc('second', revise_sales.clicked_at) <= result.checkout_at
      or (
        result.outcome <> 'attributed'
        and revise_sales.clicked_at <= result.completed_at + settings.attribution_window
      )
    );
$$;

comment on function fb_ads.revise_sales(text[], timestamptz) is
  'Marks sales of the last settings.attribution_revision_window that share one of these digests: a touchpoint, or who '
  'uses a browser, became known. A touchpoint after the checkout concerns only sales that are not credited (their '
  'reason may change).';

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
  set missing_ids = fresh.missing_ids, match_keys = fresh.match_keys, due_at = fresh.due_at
  from unnest(results) as fresh
  where known.transaction_ref = fresh.transaction_ref and known.outcome = 'attributed' and fresh.outcome = 'waiting'
    and (known.missing_ids, known.match_keys, known.due_at)
      is distinct from (fresh.missing_ids, fresh.match_keys, fresh.due_at);

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

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
comment on column fb_ads.attribution_results.clicked_at is 'When that touchpoint was clicked.';
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

-- What became of each sale: one row a transaction, credited or not, with the reason and what it was before.
-- Why beside ad_attributions: a sale without an ad is a result too, and a result that changes must not lose the one before.

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
  rival_click_ids bigint[],
  missing_ids text[],
  source text,
  completed_at timestamptz not null,
  checkout_at timestamptz not null,
  conversion_value numeric,
  currency text,
  reversed_value numeric not null default 0,
  net_value numeric,
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
  constraint reversed_value_is_not_negative check (reversed_value >= 0)
);

create index attribution_results_due_at_idx on fb_ads.attribution_results (due_at) where due_at is not null;
create index attribution_results_completed_at_idx on fb_ads.attribution_results (completed_at);
create index attribution_results_match_keys_idx on fb_ads.attribution_results using gin (match_keys) with (fastupdate = off)
  where match_keys is not null;
create index attribution_results_missing_ids_idx on fb_ads.attribution_results using gin (missing_ids) with (fastupdate = off)
  where missing_ids is not null;
create index attribution_results_account_id_idx on fb_ads.attribution_results (account_id);
create index attribution_results_ad_id_idx on fb_ads.attribution_results (ad_id);
create index attribution_results_adset_id_idx on fb_ads.attribution_results (adset_id);
create index attribution_results_campaign_id_idx on fb_ads.attribution_results (campaign_id);

comment on table fb_ads.attribution_results is 'Every sale that was looked at: credited to an ad, not credited and why, or waiting for an ad to become known. Kept for good; match_keys go when nothing can change any more.';
comment on column fb_ads.attribution_results.transaction_ref is 'The sale''s reference in fb_ads.purchases.';
comment on column fb_ads.attribution_results.outcome is 'attributed: there is a row in ad_attributions; unattributed; waiting: an ad that a touch names is being read by its id.';
comment on column fb_ads.attribution_results.reason is
  'Why it is not attributed: no_touch; outside_window: the touch is older than settings.attribution_window; click_after_purchase: it came after the checkout; ambiguous: two ads in the same second, or a browser with two users; ad_unknown: a touch from Meta whose ad nobody knows; no_consent.';
comment on column fb_ads.attribution_results.level is 'How exactly it is credited: ad, adset or campaign.';
comment on column fb_ads.attribution_results.account_id is 'The ad account that is credited.';
comment on column fb_ads.attribution_results.ad_id is 'The ad that is credited.';
comment on column fb_ads.attribution_results.adset_id is 'The ad set that is credited.';
comment on column fb_ads.attribution_results.campaign_id is 'The campaign that is credited.';
comment on column fb_ads.attribution_results.matched_by is 'The strongest link between the touch and the sale: user_id, em, ph, fbc or fbp.';
comment on column fb_ads.attribution_results.confidence is 'high: the same user, or the same click id; medium: an e-mail address, a phone number or a browser; low: a browser whose user is not known.';
comment on column fb_ads.attribution_results.click_id is 'The touch that is credited (fb_ads.ad_clicks.id); no foreign key, for touches go with their retention.';
comment on column fb_ads.attribution_results.clicked_at is 'When that click landed.';
comment on column fb_ads.attribution_results.catalogue_differs is 'True where the address named another ad set or campaign than the catalogue has for the ad. The catalogue counts.';
comment on column fb_ads.attribution_results.assist_click_ids is 'Touches within the window that came later than the credited one and name no ad: a click id alone may be organic.';
comment on column fb_ads.attribution_results.rival_click_ids is 'Of an ambiguous sale: the touches among which nobody can choose.';
comment on column fb_ads.attribution_results.missing_ids is 'Ids that touches of this sale name and the catalogue does not know (yet).';
comment on column fb_ads.attribution_results.source is 'What was sold, as the host says: p2p, canva, ...';
comment on column fb_ads.attribution_results.completed_at is 'When the sale was paid.';
comment on column fb_ads.attribution_results.checkout_at is 'When its checkout began: where the window ends. The time of payment where the host knows no other.';
comment on column fb_ads.attribution_results.conversion_value is 'What the sale was worth when it was paid, in major units of currency.';
comment on column fb_ads.attribution_results.currency is 'ISO 4217 code of the values.';
comment on column fb_ads.attribution_results.reversed_value is 'How much of it was refunded or charged back since.';
comment on column fb_ads.attribution_results.net_value is 'conversion_value less reversed_value.';
comment on column fb_ads.attribution_results.match_keys is 'Digests by which touches may still be linked to the sale. Null once settings.attribution_revision_window is over, or when the person was erased.';
comment on column fb_ads.attribution_results.due_at is 'When it is to be worked out anew; null: nothing new is known.';
comment on column fb_ads.attribution_results.history is 'Earlier results, oldest first: [{until, outcome, reason, level, ad_id, adset_id, campaign_id, matched_by, clicked_at}].';
comment on column fb_ads.attribution_results.created_at is 'When the sale was first looked at.';
comment on column fb_ads.attribution_results.updated_at is 'When the result last changed.';

create table fb_ads.ad_lookups (
  fb_id text primary key,
  level text not null,
  job_id bigint references fb_ads.sync_jobs (id) on delete set null,
  state text not null default 'open',
  requested_at timestamptz not null default now(),
  ended_at timestamptz,
  constraint fb_id_is_digits check (fb_id ~ '^[0-9]{1,30}$'),
  constraint level_is_known check (level in ('ad', 'adset', 'campaign')),
  constraint state_is_known check (state in ('open', 'known', 'unknown')),
  constraint ended_has_an_end check ((state = 'open') = (ended_at is null))
);

create index ad_lookups_job_id_idx on fb_ads.ad_lookups (job_id);
create index ad_lookups_state_idx on fb_ads.ad_lookups (state, requested_at) where state <> 'known';

comment on table fb_ads.ad_lookups is 'Ids that a sale''s touches name and the catalogue did not know: each is read by id once, and watched for settings.attribution_revision_window.';
comment on column fb_ads.ad_lookups.fb_id is 'Meta''s id, as the address named it.';
comment on column fb_ads.ad_lookups.level is 'What it is read as: ad, adset or campaign.';
comment on column fb_ads.ad_lookups.job_id is 'The job of the metadata sync that reads it; null where no account is enabled, or the job is gone.';
comment on column fb_ads.ad_lookups.state is 'open: being read; known: the catalogue has it; unknown: Meta did not give it out, or nobody could ask.';
comment on column fb_ads.ad_lookups.requested_at is 'When a sale first needed it.';
comment on column fb_ads.ad_lookups.ended_at is 'When it became known or was given up.';

alter table fb_ads.attribution_results enable row level security;
alter table fb_ads.ad_lookups enable row level security;
grant select, insert, update, delete on fb_ads.attribution_results, fb_ads.ad_lookups to service_role;

-- Which sales have not been looked at at all. Not yet frozen ones are in an index already (waiting): the purchase triggers, which write
-- those inside the host's own statements, pay nothing for this one.
alter table fb_ads.conversion_events
  add column attribution_done boolean not null default false,
  add column attribution_not_before timestamptz;
comment on column fb_ads.conversion_events.attribution_done is 'Of a purchase: whether fb_ads.attribution_results has it. Otherwise without meaning.';
comment on column fb_ads.conversion_events.attribution_not_before is 'Of a purchase that the host did not show as paid when it was looked at: when to look again.';
create index conversion_events_attribution_idx on fb_ads.conversion_events (event_time)
  where not attribution_done and event_name = 'Purchase' and state <> 'waiting';

create function fb_ads.lock_results(refs text[], keys text[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform from fb_ads.attribution_results as result
  where result.transaction_ref = any (refs) or result.match_keys && keys
  order by result.transaction_ref
  for update;
end;
$$;

revoke execute on function fb_ads.lock_results(text[], text[]) from public, anon, authenticated;
grant execute on function fb_ads.lock_results(text[], text[]) to service_role;
comment on function fb_ads.lock_results(text[], text[]) is
  'Locks the results of these sales, and of sales that share one of these digests, in one order: an event that comes in and a run of attribution then never wait for each other in a circle.';

create function fb_ads.revise_sales(keys text[], clicked_at timestamptz)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  update fb_ads.attribution_results as result
  set due_at = now()
  from fb_ads.settings as settings
  where result.match_keys && keys
    and result.due_at is distinct from now()
    and result.completed_at >= now() - settings.attribution_revision_window
    and (
      revise_sales.clicked_at is null
      or date_trunc('second', revise_sales.clicked_at) <= result.checkout_at
      or (result.outcome <> 'attributed' and revise_sales.clicked_at <= result.completed_at + settings.attribution_window)
    );
$$;

revoke execute on function fb_ads.revise_sales(text[], timestamptz) from public, anon, authenticated;
grant execute on function fb_ads.revise_sales(text[], timestamptz) to service_role;
comment on function fb_ads.revise_sales(text[], timestamptz) is
  'Marks sales of the last settings.attribution_revision_window that share one of these digests: a touch or whose browser it is became known. A touch after the checkout concerns only sales that are not credited (their reason may change).';

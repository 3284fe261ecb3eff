-- Which ad each sale is credited to: one active row a transaction, written by attribute-purchase.
-- Why the references to the host have no foreign key here: its tables are its own. fb_ads.attach_transactions makes the
-- keys (on delete set null) where the host's key is a uuid named id.
-- Why the days are stored: a day depends on the account's time zone too, so an index on the time cannot find it.

create table public.ad_attributions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  transaction_id uuid unique,
  campaign_id uuid references public.ad_campaigns (id) on delete set null,
  adset_id uuid references public.ad_adsets (id) on delete set null,
  ad_id uuid references public.ad_ads (id) on delete set null,
  conversion_event text not null,
  event_time timestamptz not null,
  conversion_value numeric,
  currency text,
  source_platform text default 'facebook',
  fb_click_id text,
  transaction_ref text not null unique,
  user_ref text,
  state text not null default 'active',
  matched_by text,
  confidence text,
  attribution_model text,
  attribution_window interval,
  clicked_at timestamptz,
  checkout_at timestamptz,
  clicked_on date,
  paid_on date,
  current_value numeric,
  reversed_value numeric not null default 0,
  net_value numeric,
  reversal_reason text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint reversed_value_is_not_negative check (reversed_value >= 0),
  constraint state_is_known check (state in ('active', 'reversed', 'superseded')),
  constraint click_comes_before_event check (clicked_at <= event_time)
);

comment on table public.ad_attributions is
  'Sales credited to an ad (or, where no more is known, to an ad set or campaign). One row a transaction.';
comment on column public.ad_attributions.id is 'Our key.';
comment on column public.ad_attributions.user_id is
  'The buyer, where the host''s key is a uuid; null for a guest, another kind of key, or a deleted user.';
comment on column public.ad_attributions.transaction_id is
  'The sale, where the host''s key is a uuid named id of the first attached '
  'table; null otherwise or once it is deleted.';
comment on column public.ad_attributions.campaign_id is 'The campaign that is credited.';
comment on column public.ad_attributions.adset_id is
  'The ad set that is credited; null when only the campaign is known.';
comment on column public.ad_attributions.ad_id is
  'The ad that is credited; null when only its ad set or campaign is known.';
comment on column public.ad_attributions.conversion_event is 'Meta''s event_name of what was credited: Purchase.';
comment on column public.ad_attributions.event_time is 'When the sale was paid.';
comment on column public.ad_attributions.conversion_value is
  'What the sale was worth when it was paid, in major units of currency.';
comment on column public.ad_attributions.currency is 'ISO 4217 code of conversion_value.';
comment on column public.ad_attributions.source_platform is
  'Where the click came from. Always facebook, which stands for every surface of Meta.';
comment on column public.ad_attributions.fb_click_id is
  'fbclid of the click, as the URL carried it; null when it carried none, and after settings.click_id_retention.';
comment on column public.ad_attributions.transaction_ref is
  'The sale''s reference in fb_ads.purchases: the host''s key of any type, as text.';
comment on column public.ad_attributions.user_ref is 'The buyer''s key of any type, as text; null for a guest.';
comment on column public.ad_attributions.state is
  'active; reversed once it no longer counts as a sale, see reversal_reason; '
  'superseded while a better answer is being looked for.';
comment on column public.ad_attributions.matched_by is
  'What linked the click to the sale: user_id, em, ph, fbc or fbp.';
comment on column public.ad_attributions.confidence is 'How sure the link is: high, medium or low.';
comment on column public.ad_attributions.attribution_model is
  'The rule that chose among the clicks, such as last_ad_click.';
comment on column public.ad_attributions.attribution_window is 'How long before the sale a click could lie.';
comment on column public.ad_attributions.clicked_at is 'When the credited touchpoint was clicked.';
comment on column public.ad_attributions.checkout_at is
  'When the checkout began; the window ends here when payment came later.';
comment on column public.ad_attributions.clicked_on is
  'Day of the click in the ad account''s time zone: the day to which Meta counts a sale.';
comment on column public.ad_attributions.paid_on is 'Day of the payment in the ad account''s time zone.';
comment on column public.ad_attributions.current_value is
  'What the sale is worth now, before refunds, in the same currency: the host may change it after the payment.';
comment on column public.ad_attributions.reversed_value is
  'How much of current_value was refunded or charged back, in the same currency.';
comment on column public.ad_attributions.net_value is
  'current_value less reversed_value; 0 where the sale no longer counts.';
comment on column public.ad_attributions.reversal_reason is
  'Why state is reversed: refunded, charged_back, unpaid, negative_value or deleted; null while the sale counts.';
comment on column public.ad_attributions.created_at is 'When the sale was first credited.';
comment on column public.ad_attributions.updated_at is 'When a column of this row last changed.';

create index ad_attributions_user_id_idx on public.ad_attributions (user_id);
create index ad_attributions_campaign_id_idx on public.ad_attributions (campaign_id);
create index ad_attributions_adset_id_idx on public.ad_attributions (adset_id);
create index ad_attributions_ad_id_idx on public.ad_attributions (ad_id);
create index ad_attributions_event_time_idx on public.ad_attributions (event_time);
-- By hash: a click id may have any length, and a query asks for the whole of it.
create index ad_attributions_fb_click_id_idx on public.ad_attributions using hash (fb_click_id);
create index ad_attributions_click_id_age_idx on public.ad_attributions (event_time) where fb_click_id is not null;
create index ad_attributions_clicked_on_idx on public.ad_attributions (clicked_on);
create index ad_attributions_paid_on_idx on public.ad_attributions (paid_on);

alter table public.ad_attributions enable row level security;
create policy reader_reads_ad_attributions on public.ad_attributions for select to fb_ads_reader using (true);

create function fb_ads.set_attribution_days()
returns trigger language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  zone text;
begin
  select coalesce(account.timezone_name, 'UTC')
  into zone
  from public.ad_campaigns as campaign
  join public.ad_accounts as account on account.id = campaign.account_id
  where campaign.id = new.campaign_id;
  new.clicked_on := (coalesce(new.clicked_at, new.event_time) at time zone coalesce(zone, 'UTC'))::date;
  new.paid_on := (new.event_time at time zone coalesce(zone, 'UTC'))::date;
  return new;
end;
$$;

comment on function fb_ads.set_attribution_days() is
  'Sets clicked_on and paid_on of a sale by the time zone of the account that is credited.';

create trigger ad_attributions_set_days
  before insert or update of campaign_id, clicked_at, event_time on public.ad_attributions
  for each row execute function fb_ads.set_attribution_days();

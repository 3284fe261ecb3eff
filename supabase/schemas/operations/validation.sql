-- Whether everything holds together: one function that returns its checks as rows.
-- Why a function and not a page of queries: a person who doubts a number asks one question, and sees what was asked.

-- Definer: the host need not grant its tables to service_role. Gives out a number alone.
create function fb_ads.count_unaccounted_sales(since timestamptz, until timestamptz)
returns bigint language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regclass('fb_ads.purchases') is null then
    return null;
  end if;
  return (
    select count(*)
    from fb_ads.purchases as sale
    where coalesce(sale.is_completed, fb_ads.means_paid(sale.status))
      and sale.completed_at >= count_unaccounted_sales.since
      and sale.completed_at < least(count_unaccounted_sales.until, now() - interval '90 minutes')
      and sale.completed_at >= (select min(attached.attached_at) from fb_ads.attached_tables as attached)
      and not exists (
        select from fb_ads.attribution_results as result where result.transaction_ref = sale.transaction_ref
      )
  );
end;
$$;

comment on function fb_ads.count_unaccounted_sales(timestamptz, timestamptz) is
  'Paid sales of attached tables in a range of time, older than 90 minutes, without a result of attribution; null '
  'where fb_ads.purchases is gone.';

create function fb_ads.count_unpaid_attributions(since timestamptz, until timestamptz)
returns bigint language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  last_ref text := '';
  refs text[];
  unpaid bigint := 0;
begin
  loop
    refs := array(
      select attribution.transaction_ref from public.ad_attributions as attribution
      where attribution.event_time >= since
        and attribution.event_time < until
        and attribution.transaction_ref > last_ref
      order by attribution.transaction_ref limit 1000
    );
    exit when cardinality(refs) = 0;
    last_ref := refs[cardinality(refs)];
    unpaid := unpaid + cardinality(refs) - (
      select count(distinct listed.sale ->> 'transaction_ref')
      from fb_ads.find_purchases(refs) as listed (sale)
      where fb_ads.is_sale(listed.sale)
    );
  end loop;
  return unpaid;
end;
$$;

comment on function fb_ads.count_unpaid_attributions(timestamptz, timestamptz) is
  'Rows of ad_attributions in a range of time whose transaction the host '
  'does not show as paid (or paid and taken back).';

create function fb_ads.count_broken_links(since date, until date)
returns bigint language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    (
      select count(*) from public.ad_spend as spent
      left join public.ad_ads as ad on ad.id = spent.ad_id
      left join public.ad_adsets as adset on adset.id = spent.adset_id
      left join public.ad_campaigns as campaign on campaign.id = spent.campaign_id
      where spent.date between since and until
        and (
          ad.id is null
          or adset.id is null
          or campaign.id is null
          or ad.adset_id <> adset.id
          or adset.campaign_id <> campaign.id
          or campaign.account_id <> spent.account_id
        )
    ) + (
      select count(*) from public.ad_attributions as attribution
      left join public.ad_ads as ad on ad.id = attribution.ad_id
      left join public.ad_adsets as adset on adset.id = attribution.adset_id
      where attribution.paid_on between since and until
        and (
          attribution.campaign_id is null
          or (attribution.ad_id is not null and ad.adset_id is distinct from attribution.adset_id)
          or (attribution.adset_id is not null and adset.campaign_id is distinct from attribution.campaign_id)
        )
    );
$$;

comment on function fb_ads.count_broken_links(date, date) is
  'Rows of ad_spend and ad_attributions in a range of days whose ad, ad set, campaign '
  'and account are missing or do not belong to each other.';

create function public.fb_validate(since date default current_date - 30, until date default current_date + 1)
returns table (check_name text, ok boolean, failures bigint, message text)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with range as (
    select
      fb_validate.since::timestamp at time zone 'UTC' as starts_at,
      (fb_validate.until + 1)::timestamp at time zone 'UTC' as ends_at
  ),
  checks (position, check_name, failures, message) as (
    select 1, 'host_attached',
      case
        when exists (select from fb_ads.attached_tables as attached where to_regclass(attached.host_table) is not null)
          then 0
        else 1
      end,
      'A table of transactions is attached: select fb_ads.attach_transactions(''public.transactions'');'
    union all
    select 2, 'purchases_view',
      case
        when to_regclass('fb_ads.purchases') is null
          or pg_get_viewdef(to_regclass('fb_ads.purchases')) ~* 'WHERE false;?\s*$'
          then 1
        else 0
      end,
      'fb_ads.purchases shows the host''s transactions; over other tables than the standard ones define it with create '
      'or replace view.'
    union all
    select 3, 'foreign_keys', fb_ads.count_broken_links(fb_validate.since, fb_validate.until),
      'Every row of ad_spend and ad_attributions has its ad, ad set, campaign and account, '
      'and they belong to each other.'
    union all
    select 4, 'attributions_are_paid', fb_ads.count_unpaid_attributions(range.starts_at, range.ends_at),
      'Every attribution is linked to a completed transaction (or one that was completed and then '
      'refunded or charged back).'
    from range
    union all
    select 5, 'sales_accounted_for', fb_ads.count_unaccounted_sales(range.starts_at, range.ends_at),
      'Every sale since the table was attached is credited, waits, or has a reason why it is not credited.'
    from range
    union all
    select 6, 'one_result_a_sale',
      (
        select count(*) from fb_ads.attribution_results as result
        full join public.ad_attributions as attribution on attribution.transaction_ref = result.transaction_ref
        where coalesce(result.completed_at, attribution.event_time) >= range.starts_at
          and coalesce(result.completed_at, attribution.event_time) < range.ends_at
          and (result.outcome = 'attributed') is distinct from (attribution.id is not null)
          and not (result.outcome is distinct from 'attributed' and attribution.id is null)
      ),
      'Every credited sale has exactly one row in ad_attributions, and no other sale has one.'
    from range
    union all
    select 7, 'reconciliation',
      (
        select count(*) from fb_ads.reconciliations as checked
        where checked.date between fb_validate.since and fb_validate.until and checked.state = 'off'
      ),
      'On every day the spend of the ads adds up to what Meta says of the whole account.'
  )
  select checks.check_name, coalesce(checks.failures = 0, false), checks.failures, checks.message
  from checks
  order by checks.position;
$$;

comment on function public.fb_validate(date, date) is
  'For the operator and the doctor: select * from fb_validate(''2026-11-01'', ''2026-11-30''). Each row is a check of '
  'the days from since to until (by default the last 30, and the next, which has begun where an account is ahead of '
  'UTC), whether it holds, and how many rows fail it (null: the check could not run). Sales of the last 90 minutes are '
  'not missed yet.';

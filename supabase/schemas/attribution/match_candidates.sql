-- From sales to the touchpoints that may be theirs, and from a touchpoint to what the catalogue makes of it.
-- Why every lookup is a lateral with a limit: it is then one descent into an index, whatever the planner thinks of the
-- sizes, and nobody can make a sale expensive by filling a browser with touchpoints.

create function fb_ads.links_of_sales(sales jsonb)
returns table (transaction_ref text, digest text, kind text, rank integer, matched_by text, linked_at timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with sale as (
    select * from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
    where not sale.is_denied
  ),
  person as (
    select
      sale.transaction_ref, sale.completed_at, 'user' as kind, 1 as rank, 'user_id' as matched_by,
      sale.user_digest as digest
    from sale where sale.user_digest is not null
    union
    select sale.transaction_ref, sale.completed_at, 'email', 2, 'em', email.digest
    from sale, unnest(sale.email_digests) as email (digest)
    union
    select sale.transaction_ref, sale.completed_at, 'phone', 3, 'ph', phone.digest
    from sale, unnest(sale.phone_digests) as phone (digest)
  )
  select person.transaction_ref, person.digest, person.kind, person.rank, person.matched_by, person.completed_at
  from person
  union all
  select sale.transaction_ref, sale.fbc_digest, 'fbc', 4, 'fbc', sale.completed_at
  from sale
  where sale.fbc_digest is not null
  union all
  select sale.transaction_ref, sale.browser_digest, 'browser', 5, 'fbp', sale.completed_at
  from sale
  where sale.browser_digest is not null
  union all
  -- Browsers in which the buyer was seen, also after the sale.
  select person.transaction_ref, browser.browser_digest, either.kind, 5 + person.rank, person.matched_by,
    greatest(person.completed_at, browser.first_seen_at)
  from person
  cross join lateral (
    select known.browser_digest, known.first_seen_at
    from fb_ads.browser_people as known
    where known.person_digest = person.digest and known.person_kind = person.kind
    limit 50
  ) as browser
  cross join (values ('browser'), ('fbc')) as either (kind);
$$;

comment on function fb_ads.links_of_sales(jsonb) is
  'Everything that links touchpoints to these sales (as read_sales gives them), strongest first by rank: 1 user id, 2 '
  'e-mail, 3 phone, 4 fbc, 5 fbp, 6 to 8 a browser in which that person was seen. Nothing of a sale whose buyer denied '
  'consent.';

create function fb_ads.touchpoints_by_digest(digest text, kind text, since timestamptz, until timestamptz)
returns setof fb_ads.touchpoints language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if kind = 'user' then
    return query select click.* from fb_ads.touchpoints as click
      where click.user_digest = touchpoints_by_digest.digest and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  elsif kind = 'browser' then
    return query select click.* from fb_ads.touchpoints as click
      where click.browser_digest = touchpoints_by_digest.digest and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  elsif kind = 'fbc' then
    return query select click.* from fb_ads.touchpoints as click
      where click.fbc_digest = touchpoints_by_digest.digest and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  elsif kind = 'email' then
    return query select click.* from fb_ads.touchpoints as click
      where click.email_digests @> array[touchpoints_by_digest.digest] and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  elsif kind = 'phone' then
    return query select click.* from fb_ads.touchpoints as click
      where click.phone_digests @> array[touchpoints_by_digest.digest] and click.clicked_at between since and until
      order by click.clicked_at desc limit 100;
  end if;
end;
$$;

comment on function fb_ads.touchpoints_by_digest(text, text, timestamptz, timestamptz) is
  'The latest 100 touchpoints with this digest in a range of time, by the index '
  'of its kind: user, email, phone, fbc or browser.';

create function fb_ads.resolve_touchpoint(click fb_ads.touchpoints)
returns table (
  level text, account_id uuid, ad_id uuid, adset_id uuid, campaign_id uuid, catalogue_differs boolean,
  missing_level text, missing_id text
) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  with named as (
    select
      array[click.fb_ad_id, click.utm_content_id, click.utm_term_id, click.utm_campaign_id] as ads,
      array[click.fb_adset_id, click.utm_term_id, click.utm_content_id, click.utm_campaign_id] as adsets,
      array[click.fb_campaign_id, click.utm_campaign_id, click.utm_content_id, click.utm_term_id] as campaigns,
      array[click.utm_content_id, click.utm_term_id, click.utm_campaign_id] as utm
  ),
  found as (
    select
      (
        select ad
        from public.ad_ads as ad
        where ad.fb_ad_id = any (named.ads)
        order by array_position(named.ads, ad.fb_ad_id)
        limit 1
      ) as ad,
      (select adset from public.ad_adsets as adset where adset.fb_adset_id = any (named.adsets)
        order by array_position(named.adsets, adset.fb_adset_id) limit 1) as adset,
      (select campaign from public.ad_campaigns as campaign where campaign.fb_campaign_id = any (named.campaigns)
        order by array_position(named.campaigns, campaign.fb_campaign_id) limit 1) as campaign,
      named.utm
    from named
  ),
  placed as (
    -- The catalogue says which ad set an ad is in, and which campaign an ad set is in.
    select found.*, own_adset, coalesce(own_adset.campaign_id, (found.campaign).id) as campaign_id
    from found
    left join public.ad_adsets as own_adset on own_adset.id = coalesce((found.ad).adset_id, (found.adset).id)
  )
  select
    case
      when (placed.ad).id is not null then 'ad'
      when (placed.own_adset).id is not null then 'adset'
      when placed.campaign_id is not null then 'campaign'
    end,
    coalesce((placed.ad).account_id, (placed.own_adset).account_id, (placed.campaign).account_id),
    (placed.ad).id,
    (placed.own_adset).id,
    placed.campaign_id,
    coalesce(
      (placed.own_adset).fb_adset_id <> coalesce(click.fb_adset_id, (placed.adset).fb_adset_id)
      or own_campaign.fb_campaign_id <> coalesce(click.fb_campaign_id, (placed.campaign).fb_campaign_id),
      false
    ),
    case
      when missing.ad is not null then 'ad'
      when missing.adset is not null then 'adset'
      when missing.campaign is not null then 'campaign'
    end,
    coalesce(missing.ad, missing.adset, missing.campaign)
  from placed
  left join public.ad_campaigns as own_campaign on own_campaign.id = placed.campaign_id
  cross join lateral (
    select
      case
        when click.fb_ad_id is not null then nullif(click.fb_ad_id, (placed.ad).fb_ad_id)
        when (placed.ad).id is null then (
          -- A number as long as Meta's ids that the catalogue does not know counts as an ad's id.
          select utm.id from unnest(placed.utm) with ordinality as utm (id, position)
          where utm.id ~ '^[0-9]{15,20}$'
            and utm.id is distinct from (placed.adset).fb_adset_id
            and utm.id is distinct from (placed.campaign).fb_campaign_id
          order by utm.position limit 1
        )
      end,
      case when (placed.ad).id is null and (placed.own_adset).id is null then click.fb_adset_id end,
      case when placed.campaign_id is null then click.fb_campaign_id end
  ) as missing (ad, adset, campaign);
$$;

comment on function fb_ads.resolve_touchpoint(fb_ads.touchpoints) is
  'What the catalogue makes of a touchpoint: explicit ids first, then any number in a UTM parameter by its type; '
  'whether the address disagrees with the catalogue; and the id that it names and the catalogue lacks.';

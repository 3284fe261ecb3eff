-- From sales to the touchpoints that may be theirs, and from a touchpoint to what the catalogue makes of it.
-- Why every lookup is a lateral with a limit: it is then one descent into an index, whatever the planner thinks of the
-- sizes, and nobody can make a sale expensive by filling a browser with touchpoints.

create function fb_ads.links_of_sales(sales jsonb)
returns table (
  transaction_ref text, digest text, kind text, rank integer, matched_by text, linked_at timestamptz,
  received_at timestamptz
)
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
  select
    person.transaction_ref, person.digest, person.kind, person.rank, person.matched_by, person.completed_at,
    null::timestamptz
  from person
  union all
  select sale.transaction_ref, sale.browser_digest, 'browser', 4, 'fbp', sale.completed_at, null
  from sale
  where sale.browser_digest is not null
  union all
  -- Browsers in which the buyer was seen, be it after the sale.
  select
    person.transaction_ref, browser.browser_digest, either.kind,
    case when browser.is_verified then 4 + person.rank else 8 + person.rank end, person.matched_by,
    greatest(person.completed_at, browser.first_seen_at), browser.received_at
  from person
  cross join (values (true), (false)) as wanted (is_verified)
  cross join lateral (
    select known.browser_digest, known.first_seen_at, known.received_at, known.is_verified
    from fb_ads.browser_people as known
    where known.person_digest = person.digest and known.person_kind = person.kind
      and known.is_verified = wanted.is_verified
    order by known.received_at
    limit 50
  ) as browser
  cross join (values ('browser'), ('fbc')) as either (kind)
  union all
  select sale.transaction_ref, sale.fbc_digest, 'fbc', 8, 'fbc', sale.completed_at, null
  from sale
  where sale.fbc_digest is not null;
$$;

comment on function fb_ads.links_of_sales(jsonb) is
  'Everything that links touchpoints to these sales (as read_sales gives them), strongest first by rank: 1 user id, 2 '
  'e-mail, 3 phone, 4 the checkout''s browser, 5 to 7 a browser in which that person was verified, 8 fbc, from 9 on a '
  'browser that claimed the person, when it was received. Nothing of a sale whose buyer denied consent.';

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
    -- What stands above is the catalogue's word: an ad's ad set, an ad set's campaign.
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
          -- A number as long as Meta's ids that is nothing yet: by convention the ad's.
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

create function fb_ads.collapse_touchpoints(touchpoints fb_ads.touchpoints[])
returns table (id bigint, touchpoint_id bigint, clicked_at timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with given as (
    select
      touchpoint.*, fb_ads.ids_of_touchpoint(touchpoint) as ids,
      num_nonnulls(variadic fb_ads.ids_of_touchpoint(touchpoint)) > 0 as has_ids,
      -- What came without a browser is that of the only browser with this click id.
      coalesce(
        touchpoint.browser_digest,
        case
          when touchpoint.fbclid is not null
            and min(touchpoint.browser_digest) over click_id = max(touchpoint.browser_digest) over click_id
            then min(touchpoint.browser_digest) over click_id
        end,
        touchpoint.user_digest, touchpoint.email_digests[1], touchpoint.phone_digests[1], touchpoint.fbc_digest
      ) as visitor
    from unnest(collapse_touchpoints.touchpoints) as touchpoint
    window click_id as (partition by touchpoint.fbclid)
  ),
  clicked as (
    select given.*,
      case when given.fbclid is null then given.id else first_value(given.id) over same_click end as click_id,
      case when given.fbclid is null then given.clicked_at else first_value(given.clicked_at) over same_click end
        as named_at
    from given
    window same_click as (
      partition by given.visitor, given.fbclid order by given.has_ids desc, given.clicked_at, given.id
    )
  ),
  -- One click id in one browser is one dated. A cookie dates it back as far as the window goes.
  dated as (
    select clicked.*, first.clicked_at as first_at
    from clicked
    cross join fb_ads.settings as settings
    cross join lateral (
      select min(other.clicked_at) as clicked_at
      from clicked as other
      where other.click_id = clicked.click_id and other.clicked_at >= clicked.named_at - settings.attribution_window
    ) as first
    where clicked.id = clicked.click_id
  ),
  -- Without one, the next pages of a visit repeat its ids.
  page as (
    select dated.*,
      (
        dated.fbclid is null and lag(dated.ids) over visit = dated.ids
        and date_trunc('second', dated.first_at) - date_trunc('second', lag(dated.first_at) over visit)
          <= settings.touchpoint_reload_window
        and coalesce(lag(dated.fbc_digest) over visit = dated.fbc_digest, true)
      ) is not true as is_new
    from dated
    cross join fb_ads.settings as settings
    window visit as (
      partition by dated.visitor
      order by date_trunc('second', dated.first_at), dated.fbclid nulls last, dated.id
    )
  ),
  visited as (
    select page.*, count(*) filter (where page.is_new) over (
      partition by page.visitor order by date_trunc('second', page.first_at), page.fbclid nulls last, page.id
    ) as visit
    from page
  ),
  named as (
    select visited.click_id,
      first_value(visited.id) over visit as touchpoint_id, min(visited.first_at) over visit as clicked_at
    from visited
    window visit as (
      partition by visited.visitor, visited.visit
      order by date_trunc('second', visited.first_at), visited.fbclid nulls last, visited.id
      rows between unbounded preceding and unbounded following
    )
  )
  select clicked.id, named.touchpoint_id, named.clicked_at from clicked join named on named.click_id = clicked.click_id;
$$;

comment on function fb_ads.collapse_touchpoints(fb_ads.touchpoints[]) is
  'Of the touchpoints of one sale: which one each repeats (the one that names it, by its ids or click id) and when '
  'that was clicked. The same whatever the order in which they were received.';

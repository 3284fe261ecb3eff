-- The rule: which touchpoint of a sale is credited, and what to say when none is.
-- The latest touchpoint at or before the checkout and within the window that names an ad wins. A click id alone erases
-- nothing: it may be organic, and counts as an assist. Two ads in the same second, or a browser with two users: nobody
-- is credited.

create function fb_ads.touchpoints_of_sales(sales jsonb)
returns table (
  transaction_ref text, click_id bigint, clicked_second timestamptz, clicked_at timestamptz, place text, is_own boolean,
  rank integer, matched_by text, confidence text, level text, account_id uuid, ad_id uuid, adset_id uuid,
  campaign_id uuid, catalogue_differs boolean, missing_level text, missing_id text, is_awaited boolean
) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  with sale as materialized (
    select sale.*, settings.attribution_window, settings.attribution_lookup_patience, settings.touchpoint_retention
    from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
    cross join fb_ads.settings as settings
  ),
  linked as (
    -- A link that only goes by the browser holds while that browser is not shared.
    select
      sale.transaction_ref, sale.user_digest, click, strength.rank, link.matched_by, decided.is_own
    from sale
    join fb_ads.links_of_sales(sales) as link on link.transaction_ref = sale.transaction_ref
    cross join lateral fb_ads.touchpoints_by_digest(
      link.digest, link.kind, sale.checkout_at - sale.touchpoint_retention, sale.completed_at + sale.attribution_window
    ) as click
    cross join lateral (
      select case
        when link.kind in ('email', 'phone') and click.reported_by = 'browser' then 8 + link.rank
        else link.rank
      end
    ) as strength (rank)
    cross join lateral (
      -- A touchpoint's own browser alone decides: its click id travels with the link.
      select link.rank <= 3 or not fb_ads.is_shared_browser(
        coalesce(click.browser_digest, click.fbc_digest), sale.user_digest, link.linked_at
      )
    ) as decided (is_own)
    where (
        link.kind <> 'fbc' or click.browser_digest is null or (link.rank = 8 and sale.browser_digest is null)
      )
      -- Who learns of a sale claims nothing of it.
      and (
        strength.rank <= 8
        or date_trunc('second', greatest(click.received_at, link.received_at)) <= date_trunc('second', sale.checkout_at)
      )
  ),
  collapsed as (
    select candidate.transaction_ref, touchpoint.*
    from (
      select linked.transaction_ref, array_agg(distinct linked.click) as clicks
      from linked
      group by linked.transaction_ref
    ) as candidate
    cross join lateral fb_ads.collapse_touchpoints(candidate.clicks) as touchpoint
  ),
  matched as (
    -- Each touchpoint once, by its strongest link.
    select distinct on (linked.transaction_ref, collapsed.touchpoint_id)
      sale.transaction_ref, sale.completed_at, sale.checkout_at, sale.attribution_window,
      sale.attribution_lookup_patience, named as click, collapsed.clicked_at, linked.rank, linked.matched_by,
      linked.is_own,
      case
        when linked.rank > 8 or (linked.rank = 4 and sale.user_digest is null) then 'low'
        when linked.rank in (1, 8) then 'high'
        else 'medium'
      end as confidence
    from linked
    join sale on sale.transaction_ref = linked.transaction_ref
    join collapsed on collapsed.transaction_ref = linked.transaction_ref and collapsed.id = (linked.click).id
    join fb_ads.touchpoints as named on named.id = collapsed.touchpoint_id
    order by linked.transaction_ref, collapsed.touchpoint_id, linked.rank > 8, linked.is_own desc, linked.rank
  )
  select
    matched.transaction_ref, (matched.click).id, second.of_click, matched.clicked_at,
    case
      when second.of_click > date_trunc('second', matched.checkout_at) then 'after'
      when second.of_click < date_trunc('second', matched.checkout_at) - matched.attribution_window then 'before'
      else 'within'
    end,
    matched.is_own, matched.rank, matched.matched_by, matched.confidence,
    resolved.level, resolved.account_id, resolved.ad_id, resolved.adset_id, resolved.campaign_id,
    resolved.catalogue_differs, resolved.missing_level, resolved.missing_id,
    resolved.missing_id ~ '^[0-9]{10,20}$' and coalesce(
      lookup.state = 'open' and lookup.requested_at > now() - matched.attribution_lookup_patience,
      exists (select from public.ad_accounts as account where account.enabled)
    )
  from matched
  cross join lateral (select date_trunc('second', matched.clicked_at)) as second (of_click)
  cross join lateral fb_ads.resolve_touchpoint(matched.click) as resolved
  left join fb_ads.ad_lookups as lookup on lookup.fb_id = resolved.missing_id
  -- A number in a UTM parameter that is no id of ours makes no touchpoint.
  where resolved.level is not null or (matched.click).fbclid is not null
    or coalesce((matched.click).fb_ad_id, (matched.click).fb_adset_id, (matched.click).fb_campaign_id) is not null
    or (resolved.missing_id is not null and coalesce(lookup.state, 'open') = 'open');
$$;

comment on function fb_ads.touchpoints_of_sales(jsonb) is
  'All touchpoints that may belong to these sales: whether each lies before, within or after the window (to the '
  'second, both ends included), whether the link is the buyer''s own, what the catalogue makes of it, and whether an '
  'id that it names is still being read.';

create function fb_ads.match_sales(sales jsonb)
returns table (
  transaction_ref text, outcome text, reason text, level text, account_id uuid, ad_id uuid, adset_id uuid,
  campaign_id uuid, matched_by text, confidence text, click_id bigint, clicked_at timestamptz,
  catalogue_differs boolean, assist_click_ids bigint[], conflicting_click_ids bigint[], missing jsonb
) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  with sale as (
    select * from jsonb_populate_recordset(null::fb_ads.sale, sales) as sale
  ),
  linked as materialized (select * from fb_ads.touchpoints_of_sales(sales)),
  -- A claim counts where nothing else is known: who makes it may be anybody.
  touchpoint as materialized (
    select linked.*
    from linked
    where linked.rank <= 8 or not exists (
      select from linked as other
      where other.transaction_ref = linked.transaction_ref and other.rank <= 8 and other.place = 'within'
    )
  ),
  candidate as (
    select touchpoint.*,
      -- An ad beats an ad set or a campaign, whenever they came; among those the later one, and the more exact in a
      -- tie.
      row_number() over (
        partition by touchpoint.transaction_ref
        order by
          touchpoint.level = 'ad' desc, touchpoint.clicked_second desc, touchpoint.level = 'adset' desc,
          touchpoint.rank, touchpoint.clicked_at desc, touchpoint.click_id desc
      ) as position
    from touchpoint
    where touchpoint.place = 'within' and touchpoint.is_own and touchpoint.level is not null
  ),
  winner as (select * from candidate where position = 1),
  conflicts as (
    select winner.transaction_ref, array_agg(candidate.click_id order by candidate.click_id) as click_ids
    from winner
    join candidate on candidate.transaction_ref = winner.transaction_ref
      and candidate.clicked_second = winner.clicked_second and candidate.level = winner.level
    group by winner.transaction_ref
    having count(distinct coalesce(candidate.ad_id, candidate.adset_id, candidate.campaign_id)) > 1
  ),
  summary as (
    select
      touchpoint.transaction_ref,
      bool_or(touchpoint.place = 'within' and not touchpoint.is_own) as has_shared,
      array_agg(touchpoint.click_id order by touchpoint.click_id) filter (
        where touchpoint.place = 'within' and not touchpoint.is_own
      ) as shared_click_ids,
      bool_or(touchpoint.place = 'within' and touchpoint.is_own) as has_own,
      bool_or(touchpoint.place = 'after') as has_after,
      bool_or(touchpoint.place = 'before') as has_before,
      bool_or(awaited.counts and touchpoint.is_awaited) as is_waiting,
      array_agg(touchpoint.click_id order by touchpoint.click_id) filter (
        where touchpoint.place = 'within'
          and touchpoint.is_own
          and touchpoint.level is null
          and (winner.click_id is null or touchpoint.clicked_second >= winner.clicked_second)
      ) as assist_click_ids,
      jsonb_agg(distinct jsonb_build_object(
        'fb_id', touchpoint.missing_id, 'level', touchpoint.missing_level, 'account_id', touchpoint.account_id,
        'is_awaited', touchpoint.is_awaited
      )) filter (where awaited.counts) as missing
    from touchpoint
    left join winner on winner.transaction_ref = touchpoint.transaction_ref
    cross join lateral (
      -- An id that is not known yet matters unless the winner is an ad that came later.
      select touchpoint.missing_id is not null and touchpoint.place = 'within' and touchpoint.is_own
        and (winner.level is distinct from 'ad' or touchpoint.clicked_second >= winner.clicked_second)
    ) as awaited (counts)
    group by touchpoint.transaction_ref
  ),
  decision as (
    select sale.transaction_ref, summary.assist_click_ids, summary.missing,
      coalesce(
        conflicts.click_ids, case when winner.click_id is null and summary.has_shared then summary.shared_click_ids end
      ) as conflicting_click_ids,
      case
        when sale.is_denied then 'no_consent'
        when summary.is_waiting then 'ad_unknown'
        when conflicts.click_ids is not null then 'ambiguous'
        when winner.click_id is not null then null
        when summary.has_shared then 'ambiguous'
        when summary.has_own then 'ad_unknown'
        when summary.has_after then 'click_after_purchase'
        when summary.has_before then 'outside_window'
        when sale.is_unconsented then 'no_consent'
        else 'no_touch'
      end as reason,
      coalesce(summary.is_waiting, false) and not sale.is_denied as is_waiting
    from sale
    left join summary on summary.transaction_ref = sale.transaction_ref
    left join winner on winner.transaction_ref = sale.transaction_ref
    left join conflicts on conflicts.transaction_ref = sale.transaction_ref
  )
  select
    decision.transaction_ref,
    case when decision.is_waiting then 'waiting' when decision.reason is null then 'attributed' else 'unattributed' end,
    decision.reason, credit.level, credit.account_id, credit.ad_id, credit.adset_id, credit.campaign_id,
    credit.matched_by, credit.confidence, credit.click_id, credit.clicked_at, credit.catalogue_differs,
    decision.assist_click_ids,
    case when decision.reason = 'ambiguous' then decision.conflicting_click_ids end, coalesce(decision.missing, '[]')
  from decision
  left join winner as credit on credit.transaction_ref = decision.transaction_ref and decision.reason is null;
$$;

comment on function fb_ads.match_sales(jsonb) is
  'The result of each of these sales (as read_sales gives them). Reads '
  'only; the same knowledge gives the same result.';

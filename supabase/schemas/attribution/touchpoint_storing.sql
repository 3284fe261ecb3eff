-- One visit is one touchpoint, however many events describe it.

create function fb_ads.find_neighbouring_touchpoint(touchpoint jsonb, direction integer, except_id bigint)
returns bigint language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  return (select case
    when nearest.ids = fb_ads.ids_of_touchpoint(touchpoint) and (direction < 0 or nearest.fbclid is null)
      and (touchpoint ->> 'fbclid' is null or coalesce(nearest.fbc_digest = touchpoint ->> 'fbc_digest', true))
      then nearest.id
  end
  from (
    select click.id, click.fbclid, click.fbc_digest, fb_ads.ids_of_touchpoint(to_jsonb(click)) as ids
    from fb_ads.touchpoints as click
    cross join fb_ads.settings as settings
    where (
        click.browser_digest = touchpoint ->> 'browser_digest'
        or click.user_digest = touchpoint ->> 'user_digest'
        or click.fbc_digest = touchpoint ->> 'fbc_digest'
        or click.email_digests @> array[touchpoint #>> '{email_digests,0}']
        or click.phone_digests @> array[touchpoint #>> '{phone_digests,0}']
      )
      and coalesce(click.browser_digest = touchpoint ->> 'browser_digest', true)
      and coalesce(click.user_digest = touchpoint ->> 'user_digest', true)
      and click.id is distinct from except_id
      -- For the index.
      and click.clicked_at
        between (touchpoint ->> 'clicked_at')::timestamptz - settings.touchpoint_reload_window - interval '1 second'
        and (touchpoint ->> 'clicked_at')::timestamptz + settings.touchpoint_reload_window + interval '1 second'
      -- An event's time is in whole seconds.
      and case
        when direction < 0
          then click.clicked_at >= (touchpoint ->> 'clicked_at')::timestamptz - settings.touchpoint_reload_window
            and click.clicked_at
              < date_trunc('second', (touchpoint ->> 'clicked_at')::timestamptz) + interval '1 second'
        else click.clicked_at between date_trunc('second', (touchpoint ->> 'clicked_at')::timestamptz)
          and (touchpoint ->> 'clicked_at')::timestamptz + settings.touchpoint_reload_window
      end
      and coalesce(
        click.fb_ad_id, click.fb_adset_id, click.fb_campaign_id, click.utm_content_id, click.utm_term_id,
        click.utm_campaign_id
      ) is not null
    order by direction * extract(epoch from click.clicked_at), direction * click.id
    limit 1
  ) as nearest);
end;
$$;

comment on function fb_ads.find_neighbouring_touchpoint(jsonb, integer, bigint) is
  'The visitor''s touchpoint next before (-1) or after (1) this one, within settings.touchpoint_reload_window, if it '
  'names the same ids; one after it only where it has no click id of its own. Null where another ad lies between.';

create function fb_ads.find_same_touchpoint(touchpoint jsonb)
returns bigint language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  found_id bigint;
begin
  if touchpoint ->> 'fbclid' is not null then
    -- A link that is passed on carries its click id to other browsers: that is another touchpoint.
    select click.id
    into found_id
    from fb_ads.touchpoints as click
    where click.fbc_digest = touchpoint ->> 'fbc_digest' and click.fbclid = touchpoint ->> 'fbclid'
      and coalesce(click.browser_digest = touchpoint ->> 'browser_digest', true)
    order by click.clicked_at, click.id
    limit 1;
  else
    found_id := fb_ads.find_neighbouring_touchpoint(touchpoint, -1, null);
  end if;
  -- The next pages of this visit repeat the ids, and their events may come first.
  return coalesce(found_id, fb_ads.find_neighbouring_touchpoint(touchpoint, 1, null));
end;
$$;

comment on function fb_ads.find_same_touchpoint(jsonb) is
  'The touchpoint that this one repeats: the same click id in the same browser; without a click id the visitor''s '
  'touchpoint next before it; else the one next after it, whose event came first. Null for a new one.';

create function fb_ads.date_touchpoint(touchpoint jsonb)
returns jsonb language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  return (select case
    when (touchpoint ->> 'clicked_at')::timestamptz
        < (touchpoint ->> 'seen_at')::timestamptz - settings.attribution_window
      and num_nonnulls(variadic fb_ads.ids_of_touchpoint(touchpoint)) > 0
      then touchpoint || jsonb_build_object('clicked_at', touchpoint -> 'seen_at')
    else touchpoint
  end
  from fb_ads.settings as settings);
end;
$$;

comment on function fb_ads.date_touchpoint(jsonb) is
  'A touchpoint that names its ad gets the time of its event where the cookie of the same click is older than '
  'settings.attribution_window, because some hosts send one fbc for ever.';

create function fb_ads.store_touchpoint(touchpoint jsonb)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  same_id bigint;
  changed boolean;
begin
  same_id := fb_ads.find_same_touchpoint(touchpoint);
  if same_id is null then
    insert into fb_ads.touchpoints (
      clicked_at, fb_ad_id, fb_adset_id, fb_campaign_id, utm_content_id, utm_term_id, utm_campaign_id, fbclid,
      fbc_digest, browser_digest, user_digest, email_digests, phone_digests, page_url, consent, event_name, event_id
    )
    select
      least(given.clicked_at, now()), given.fb_ad_id, given.fb_adset_id, given.fb_campaign_id, given.utm_content_id,
      given.utm_term_id, given.utm_campaign_id, given.fbclid, given.fbc_digest, given.browser_digest, given.user_digest,
      nullif(given.email_digests, '{}'), nullif(given.phone_digests, '{}'), given.page_url, given.consent,
      given.event_name, given.event_id
    from jsonb_populate_record(null::fb_ads.touchpoints, touchpoint) as given;
    return true;
  end if;

  -- An event with the cookie alone may come before the one that names the ad; what is known stays.
  update fb_ads.touchpoints as click
  set clicked_at = case
      when click.clicked_at < given.clicked_at - settings.attribution_window then given.clicked_at
      else least(click.clicked_at, given.clicked_at)
    end,
    fb_ad_id = given.fb_ad_id, fb_adset_id = given.fb_adset_id, fb_campaign_id = given.fb_campaign_id,
    utm_content_id = given.utm_content_id, utm_term_id = given.utm_term_id, utm_campaign_id = given.utm_campaign_id,
    page_url = coalesce(given.page_url, click.page_url)
  from jsonb_populate_record(null::fb_ads.touchpoints, touchpoint) as given
  cross join fb_ads.settings as settings
  where click.id = same_id
    and coalesce(
      click.fb_ad_id, click.fb_adset_id, click.fb_campaign_id, click.utm_content_id, click.utm_term_id,
      click.utm_campaign_id
    ) is null
    and coalesce(
      given.fb_ad_id, given.fb_adset_id, given.fb_campaign_id, given.utm_content_id, given.utm_term_id,
      given.utm_campaign_id
    ) is not null;
  changed := found;
  update fb_ads.touchpoints as click
  set browser_digest = coalesce(click.browser_digest, given.browser_digest),
    user_digest = coalesce(click.user_digest, given.user_digest),
    email_digests = coalesce(click.email_digests, nullif(given.email_digests, '{}')),
    phone_digests = coalesce(click.phone_digests, nullif(given.phone_digests, '{}')),
    fbclid = coalesce(click.fbclid, given.fbclid),
    fbc_digest = coalesce(click.fbc_digest, given.fbc_digest),
    clicked_at = case
      when click.fbclid is null or given.fbclid is not null then least(click.clicked_at, dated.clicked_at)
      else click.clicked_at
    end
  from jsonb_populate_record(null::fb_ads.touchpoints, touchpoint) as given
  cross join fb_ads.settings as settings
  -- What a cookie says of a touchpoint with an ad counts as far back as the window goes.
  cross join lateral (
    select
      known.clicked_at as landed_at, num_nonnulls(variadic fb_ads.ids_of_touchpoint(to_jsonb(known))) > 0 as has_ids
    from fb_ads.touchpoints as known where known.id = same_id
  ) as present
  cross join lateral (
    select case
      when present.has_ids and given.clicked_at < present.landed_at - settings.attribution_window then present.landed_at
      else given.clicked_at
    end
  ) as dated (clicked_at)
  where click.id = same_id
    and (
      (click.browser_digest is null and given.browser_digest is not null)
      or (click.user_digest is null and given.user_digest is not null)
      or (click.email_digests is null and given.email_digests <> '{}')
      or (click.phone_digests is null and given.phone_digests <> '{}')
      or (click.fbclid is null and (given.fbclid is not null or dated.clicked_at < click.clicked_at))
      or (given.fbclid is not null and dated.clicked_at < click.clicked_at)
    );
  changed := changed or found;
  -- Pages of this visit whose events came before its click id did.
  if touchpoint ->> 'fbclid' is not null then
    delete from fb_ads.touchpoints as page where page.id = fb_ads.find_neighbouring_touchpoint(touchpoint, 1, same_id);
    changed := changed or found;
  end if;
  return changed;
end;
$$;

comment on function fb_ads.store_touchpoint(jsonb) is
  'Keeps one touchpoint as the function builds it; a repetition adds the ids, click id, browser or earlier time that '
  'were not known. Called under lock_visitors. True when something new was kept.';

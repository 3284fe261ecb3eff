-- One landing is one touch, whatever tells of it how often.
-- Why a lock by visitor: the page view and the lead of one landing come in two requests at the same moment, in either order, and
-- are one touch.

create function fb_ads.is_payment_host(host text)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select exists (
    select
    from fb_ads.settings as settings
    cross join unnest(settings.payment_hosts) as known (host)
    where lower(is_payment_host.host) = known.host or lower(is_payment_host.host) like '%.' || known.host
  );
$$;

revoke execute on function fb_ads.is_payment_host(text) from public, anon, authenticated;
grant execute on function fb_ads.is_payment_host(text) to service_role;
comment on function fb_ads.is_payment_host(text) is 'Whether settings.payment_hosts names this host or a domain above it. The built-in list is applied before.';

create function fb_ads.ids_of_touch(touch jsonb)
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  select array[
    touch ->> 'fb_ad_id', touch ->> 'fb_adset_id', touch ->> 'fb_campaign_id',
    touch ->> 'utm_content_id', touch ->> 'utm_term_id', touch ->> 'utm_campaign_id'
  ];
$$;

revoke execute on function fb_ads.ids_of_touch(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.ids_of_touch(jsonb) to service_role;
comment on function fb_ads.ids_of_touch(jsonb) is 'The ids that a touch carries, each in its place.';

create function fb_ads.keys_of_touch(touch jsonb)
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  select array_remove(
    array[touch ->> 'fbc_digest', touch ->> 'browser_digest', touch ->> 'user_digest']
      || array(select jsonb_array_elements_text(coalesce(touch -> 'email_digests', '[]')))
      || array(select jsonb_array_elements_text(coalesce(touch -> 'phone_digests', '[]'))),
    null
  );
$$;

revoke execute on function fb_ads.keys_of_touch(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.keys_of_touch(jsonb) to service_role;
comment on function fb_ads.keys_of_touch(jsonb) is 'All digests by which a touch can be matched.';

create function fb_ads.lock_visitors(landings jsonb[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- A thousand locks for all visitors: a batch then never fills the server's table of locks.
  perform pg_advisory_xact_lock(hashtext('fb_ads.ad_clicks'), place.lock)
  from (
    select distinct hashtext(key) & 1023 as lock
    from unnest(landings) as landing (touch)
    cross join unnest(fb_ads.keys_of_touch(landing.touch)) as key
    order by lock
  ) as place;
end;
$$;

revoke execute on function fb_ads.lock_visitors(jsonb[]) from public, anon, authenticated;
grant execute on function fb_ads.lock_visitors(jsonb[]) to service_role;
comment on function fb_ads.lock_visitors(jsonb[]) is
  'Until the transaction ends, keeps others from storing landings of the same browsers, clicks and people. All at once and in one order, so that no two batches wait for each other in a circle.';

create function fb_ads.find_same_landing(touch jsonb)
returns bigint
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  found_id bigint;
begin
  if touch ->> 'fbclid' is not null then
    -- A link that is passed on carries its click id to other browsers: that is another landing.
    select click.id
    into found_id
    from fb_ads.ad_clicks as click
    where click.fbc_digest = touch ->> 'fbc_digest' and click.fbclid = touch ->> 'fbclid'
      and coalesce(click.browser_digest = touch ->> 'browser_digest', true)
    order by click.clicked_at, click.id
    limit 1;
    if found_id is null then
      -- The next pages of this visit repeat the ids without the click id, and may have been told first.
      select click.id
      into found_id
      from fb_ads.ad_clicks as click
      cross join fb_ads.settings as settings
      where (click.browser_digest = touch ->> 'browser_digest' or click.fbc_digest = touch ->> 'fbc_digest')
        and click.fbclid is null
        and coalesce(click.fbc_digest = touch ->> 'fbc_digest', true)
        and coalesce(click.browser_digest = touch ->> 'browser_digest', true)
        and fb_ads.ids_of_touch(to_jsonb(click)) = fb_ads.ids_of_touch(touch)
        -- An event's time is in whole seconds.
        and click.clicked_at between date_trunc('second', (touch ->> 'clicked_at')::timestamptz)
          and (touch ->> 'clicked_at')::timestamptz + settings.landing_reload_window
      order by click.clicked_at, click.id
      limit 1;
    end if;
    return found_id;
  end if;
  -- The visitor's latest touch that names something: only that one can have been reloaded.
  select case when nearest.ids is not distinct from fb_ads.ids_of_touch(touch) then nearest.id end
  into found_id
  from (
    select click.id, fb_ads.ids_of_touch(to_jsonb(click)) as ids
    from fb_ads.ad_clicks as click
    cross join fb_ads.settings as settings
    where (
        click.browser_digest = touch ->> 'browser_digest'
        or click.user_digest = touch ->> 'user_digest'
        or click.fbc_digest = touch ->> 'fbc_digest'
        or click.email_digests @> array[touch #>> '{email_digests,0}']
        or click.phone_digests @> array[touch #>> '{phone_digests,0}']
      )
      and coalesce(click.browser_digest = touch ->> 'browser_digest', true)
      and coalesce(click.user_digest = touch ->> 'user_digest', true)
      and click.clicked_at between (touch ->> 'clicked_at')::timestamptz - settings.landing_reload_window
        and (touch ->> 'clicked_at')::timestamptz + settings.landing_reload_window
      and coalesce(
        click.fb_ad_id, click.fb_adset_id, click.fb_campaign_id, click.utm_content_id, click.utm_term_id, click.utm_campaign_id
      ) is not null
    order by click.clicked_at desc, click.id desc
    limit 1
  ) as nearest;
  return found_id;
end;
$$;

revoke execute on function fb_ads.find_same_landing(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.find_same_landing(jsonb) to service_role;
comment on function fb_ads.find_same_landing(jsonb) is
  'The touch of which this landing is a reload: the same click id in the same browser, or a page of the same visit that was told before it; without a click id, the visitor''s latest touch if it has the same ids and is within settings.landing_reload_window. Null for a new one.';

create function fb_ads.store_click(touch jsonb)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  same_id bigint;
  changed boolean;
begin
  same_id := fb_ads.find_same_landing(touch);
  if same_id is null then
    insert into fb_ads.ad_clicks (
      clicked_at, fb_ad_id, fb_adset_id, fb_campaign_id, utm_content_id, utm_term_id, utm_campaign_id, fbclid, fbc_digest,
      browser_digest, user_digest, email_digests, phone_digests, page_url, consent, event_name, event_id
    )
    select
      least(given.clicked_at, now()), given.fb_ad_id, given.fb_adset_id, given.fb_campaign_id, given.utm_content_id, given.utm_term_id,
      given.utm_campaign_id, given.fbclid, given.fbc_digest, given.browser_digest, given.user_digest, nullif(given.email_digests, '{}'),
      nullif(given.phone_digests, '{}'), given.page_url, given.consent, given.event_name, given.event_id
    from jsonb_populate_record(null::fb_ads.ad_clicks, touch) as given;
    return true;
  end if;

  -- The cookie may be seen before the landing that explains it; what is known stays.
  update fb_ads.ad_clicks as click
  set clicked_at = least(click.clicked_at, given.clicked_at),
    fb_ad_id = given.fb_ad_id, fb_adset_id = given.fb_adset_id, fb_campaign_id = given.fb_campaign_id,
    utm_content_id = given.utm_content_id, utm_term_id = given.utm_term_id, utm_campaign_id = given.utm_campaign_id,
    page_url = coalesce(given.page_url, click.page_url)
  from jsonb_populate_record(null::fb_ads.ad_clicks, touch) as given
  where click.id = same_id
    and coalesce(
      click.fb_ad_id, click.fb_adset_id, click.fb_campaign_id, click.utm_content_id, click.utm_term_id, click.utm_campaign_id
    ) is null
    and coalesce(
      given.fb_ad_id, given.fb_adset_id, given.fb_campaign_id, given.utm_content_id, given.utm_term_id, given.utm_campaign_id
    ) is not null;
  changed := found;
  update fb_ads.ad_clicks as click
  set browser_digest = coalesce(click.browser_digest, touch ->> 'browser_digest'),
    fbclid = coalesce(click.fbclid, touch ->> 'fbclid'),
    fbc_digest = coalesce(click.fbc_digest, touch ->> 'fbc_digest'),
    clicked_at = least(click.clicked_at, (touch ->> 'clicked_at')::timestamptz)
  where click.id = same_id
    and (
      (click.browser_digest is null and touch ->> 'browser_digest' is not null)
      or (touch ->> 'fbclid' is not null and (click.fbclid is null or (touch ->> 'clicked_at')::timestamptz < click.clicked_at))
    );
  return changed or found;
end;
$$;

revoke execute on function fb_ads.store_click(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_click(jsonb) to service_role;
comment on function fb_ads.store_click(jsonb) is
  'Keeps one landing as buildTouch makes it; a reload adds the ids, click id, browser or earlier time that were not known. Called under lock_visitors. True when something new was kept.';

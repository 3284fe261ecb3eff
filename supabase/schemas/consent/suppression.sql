-- Taking back what still waits when consent is withdrawn. What is being sent at that moment cannot be called back; its
-- outcome is recorded, and it is never sent again.

create function fb_ads.suppress_events(event_row_ids bigint[])
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  suppressed bigint;
begin
  -- Locked in one order, and first: what a sender claims or reports at this moment is then seen in its new state.
  perform from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = any (event_row_ids)
  order by delivery.event_row_id, delivery.pixel_id
  for no key update;

  update fb_ads.event_deliveries as delivery
  set state = 'suppressed', lease_id = null, lease_until = null, reason = 'no_consent'
  where delivery.event_row_id = any (event_row_ids) and delivery.state in ('pending', 'blocked', 'dead');
  get diagnostics suppressed = row_count;

  with stripped as (
    update fb_ads.conversion_events as event
    set state = 'suppressed', consent = 'denied', consent_at = now(), content = null, user_data = null,
      browser_data = null, person_digests = null, user_digest = null, browser_digest = null,
      final_at = coalesce(event.final_at, now()), lease_id = null
    where event.id = any (event_row_ids)
      -- What one pixel has received, or is being sent, stays until its retention.
      and not exists (
        select from fb_ads.event_deliveries as delivery
        where delivery.event_row_id = event.id and delivery.state in ('sent', 'sending')
      )
    returning event.id
  )
  update fb_ads.conversion_events as event
  set consent = 'denied', consent_at = now(),
    -- An event that is being sent keeps the data that a repetition needs.
    browser_data = case
      when exists (
        select
        from fb_ads.event_deliveries as delivery
        where delivery.event_row_id = event.id and delivery.state = 'sending'
      ) then event.browser_data
    end
  where event.id = any (event_row_ids) and not exists (select from stripped where stripped.id = event.id);
  -- An event that one pixel has and the others will not get is final.
  perform fb_ads.finish_events(event_row_ids);
  return suppressed;
end;
$$;

comment on function fb_ads.suppress_events(bigint[]) is
  'Takes the waiting deliveries of these events out of the outbox and deletes what the events say of the person. '
  'Returns how many deliveries that were.';

create function fb_ads.suppress_subjects(digests text[])
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  event_row_ids bigint[];
begin
  select array_agg(event.id)
  into event_row_ids
  from fb_ads.conversion_events as event
  cross join lateral fb_ads.newest_consent(event.user_digest, event.browser_digest) as newest
  where (event.user_digest = any (digests) or event.browser_digest = any (digests))
    and (event.final_at is null or event.browser_data is not null)
    and newest.state = 'denied';
  if event_row_ids is null then
    return 0;
  end if;
  return fb_ads.suppress_events(event_row_ids);
end;
$$;

comment on function fb_ads.suppress_subjects(text[]) is
  'Suppresses what waits of these users and browsers where their newest consent is a denial.';

-- Removing touches: on request, and when they are old.
-- Why a shared browser keeps what is not this person's: the other's touches are the other's.

create function fb_ads.erase_clicks(digests text[])
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  clicks text[];
  erased bigint;
begin
  select array_agg(distinct known.browser_digest)
  into clicks
  from fb_ads.browser_people as known
  where known.person_digest = any (digests)
    -- Somebody else's browser too: what is the other's stays.
    and not exists (
      select from fb_ads.browser_people as other
      where other.browser_digest = known.browser_digest and other.person_kind = 'user' and other.person_digest <> all (digests)
    );
  clicks := coalesce(clicks, '{}') || digests;

  -- As events that come in take them: visitors, then whose browser it was, then results.
  perform fb_ads.lock_visitors(array[jsonb_build_object('email_digests', to_jsonb(clicks))]);
  perform from fb_ads.browser_people as known
  where known.person_digest = any (digests) or known.browser_digest = any (clicks)
  order by known.browser_digest, known.person_kind, known.person_digest
  for update;
  perform fb_ads.lock_results('{}', clicks);

  delete from fb_ads.ad_clicks as click
  where click.user_digest = any (digests) or click.email_digests && digests or click.phone_digests && digests
    or (click.user_digest is null and (click.browser_digest = any (clicks) or click.fbc_digest = any (clicks)));
  get diagnostics erased = row_count;
  delete from fb_ads.checkout_clicks as checkout where checkout.fbc_digest = any (clicks);
  delete from fb_ads.browser_people as known where known.person_digest = any (digests) or known.browser_digest = any (clicks);
  update fb_ads.attribution_results as result
  set match_keys = null, due_at = null
  where result.match_keys && clicks;
  return erased;
end;
$$;

revoke execute on function fb_ads.erase_clicks(text[]) from public, anon, authenticated;
grant execute on function fb_ads.erase_clicks(text[]) to service_role;
comment on function fb_ads.erase_clicks(text[]) is
  'Called by fb_erase_person: deletes the touches of a person given by digests, and of the browsers that were nobody else''s; returns how many.';

create function fb_ads.delete_old_clicks(most integer default 5000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  touched bigint := 0;
  step bigint;
  kept_since timestamptz := now() - (select settings.click_retention from fb_ads.settings as settings);
begin
  delete from fb_ads.ad_clicks as click
  where click.id in (select old.id from fb_ads.ad_clicks as old where old.clicked_at < kept_since limit most);
  get diagnostics touched = row_count;
  delete from fb_ads.browser_people as known
  where (known.browser_digest, known.person_kind, known.person_digest) in (
    select old.browser_digest, old.person_kind, old.person_digest
    from fb_ads.browser_people as old where old.last_seen_at < kept_since limit most
  )
    -- Asked of the row itself: whoever is seen again at this moment stays.
    and known.last_seen_at < kept_since;
  get diagnostics step = row_count;
  touched := touched + step;
  delete from fb_ads.checkout_clicks as checkout
  where checkout.event_id in (select old.event_id from fb_ads.checkout_clicks as old where old.created_at < kept_since limit most);
  get diagnostics step = row_count;
  touched := touched + step;
  update fb_ads.attribution_results as result
  set match_keys = null
  where result.transaction_ref in (
    select old.transaction_ref
    from fb_ads.attribution_results as old
    cross join fb_ads.settings as settings
    where old.match_keys is not null and old.completed_at < now() - settings.attribution_revision_window
    limit most
  );
  get diagnostics step = row_count;
  return touched + step;
end;
$$;

revoke execute on function fb_ads.delete_old_clicks(integer) from public, anon, authenticated;
comment on function fb_ads.delete_old_clicks(integer) is
  'For the nightly job: deletes touches and what is known of browsers after settings.click_retention, and the digests of sales that can no longer change, at most so many rows of each kind; returns how many, 0 when there is nothing left.';

-- How long touchpoints and what is known of browsers are kept.

create function fb_ads.delete_old_touchpoints(most integer default 5000)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  touched bigint := 0;
  step bigint;
  kept_since timestamptz := now() - (select settings.touchpoint_retention from fb_ads.settings as settings);
begin
  delete from fb_ads.touchpoints as click
  where click.id in (select old.id from fb_ads.touchpoints as old where old.clicked_at < kept_since limit most);
  get diagnostics touched = row_count;
  delete from fb_ads.browser_people as known
  where (known.browser_digest, known.person_kind, known.person_digest, known.is_verified) in (
    select old.browser_digest, old.person_kind, old.person_digest, old.is_verified
    from fb_ads.browser_people as old where old.last_seen_at < kept_since limit most
  )
    -- Checked on the row itself: a person who is seen again at this moment stays.
    and known.last_seen_at < kept_since;
  get diagnostics step = row_count;
  touched := touched + step;
  delete from fb_ads.checkout_clicks as checkout
  where checkout.event_id in (
    select old.event_id from fb_ads.checkout_clicks as old where old.created_at < kept_since limit most
  );
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
  touched := touched + step;
  update public.ad_attributions as attribution
  set fb_click_id = null, updated_at = now()
  where attribution.id in (
    select old.id
    from public.ad_attributions as old
    cross join fb_ads.settings as settings
    where old.fb_click_id is not null and old.event_time < now() - settings.click_id_retention
    limit most
  );
  get diagnostics step = row_count;
  return touched + step;
end;
$$;

comment on function fb_ads.delete_old_touchpoints(integer) is
  'For the nightly job: deletes touchpoints and what is known of browsers after settings.touchpoint_retention, the '
  'digests of sales that can no longer change, and click ids of credited sales after settings.click_id_retention; at '
  'most so many rows of each kind; returns how many, 0 when there is nothing left.';

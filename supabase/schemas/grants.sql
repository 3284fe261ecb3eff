-- Who may do what, by caller. Nothing is granted to anon or authenticated, and what they or everybody have by default
-- is taken away. A test asks the catalogue whether it is so.
-- The owner (postgres) needs no grant: cron jobs run as the owner, a trigger function needs no grant for whoever fires
-- it, and the operator attaches tables as the owner.

-- Nobody by default. In public only what is ours is named, for the rest is the host's.
revoke all on schema fb_ads from public;
revoke all on all tables in schema fb_ads from public, anon, authenticated;
revoke execute on all functions in schema fb_ads from public, anon, authenticated;
revoke all on
  public.ad_accounts, public.ad_campaigns, public.ad_adsets, public.ad_ads, public.ad_spend,
  public.ad_spend_reconciliation, public.ad_event_quality, public.ad_attributions, public.fb_ad_performance,
  public.fb_campaign_performance, public.fb_attribution_coverage, public.fb_meta_claims, public.fb_alerts
from public, anon, authenticated;
revoke execute on function
  public.fb_read_secret, public.fb_take_sync_slot, public.fb_finish_sync_run, public.fb_claim_sync_job,
  public.fb_replan_insights, public.fb_store_insights_page, public.fb_store_report, public.fb_reshape_insights,
  public.fb_store_account_days, public.fb_store_ad_tree_page, public.fb_store_ad_tree_objects, public.fb_start_sync_run,
  public.fb_release_sync_job, public.fb_store_event_quality, public.fb_store_consent, public.fb_claim_purchases,
  public.fb_snapshot_purchases,
  public.fb_claim_deliveries, public.fb_renew_deliveries, public.fb_record_deliveries, public.fb_replay_deliveries,
  public.fb_charge_visitor, public.fb_store_events, public.fb_list_sales_to_attribute, public.fb_attribute_purchases,
  public.fb_refresh_reversals, public.fb_erase_person, public.fb_validate, public.fb_identify_project,
  public.fb_check_alerts
from public, anon, authenticated;

-- service_role: the RPCs of the Edge Functions and of the operator.
grant usage on schema fb_ads to service_role;
grant execute on function
  public.fb_read_secret, public.fb_take_sync_slot, public.fb_finish_sync_run, public.fb_claim_sync_job,
  public.fb_replan_insights, public.fb_store_insights_page, public.fb_store_report, public.fb_reshape_insights,
  public.fb_store_account_days, public.fb_store_ad_tree_page, public.fb_store_ad_tree_objects, public.fb_start_sync_run,
  public.fb_release_sync_job, public.fb_store_event_quality, public.fb_store_consent, public.fb_claim_purchases,
  public.fb_snapshot_purchases,
  public.fb_claim_deliveries, public.fb_renew_deliveries, public.fb_record_deliveries, public.fb_replay_deliveries,
  public.fb_charge_visitor, public.fb_store_events, public.fb_list_sales_to_attribute, public.fb_attribute_purchases,
  public.fb_refresh_reversals, public.fb_erase_person, public.fb_validate, public.fb_identify_project,
  public.fb_check_alerts
to service_role;

-- What these RPCs call. They run with the rights of service_role, so it needs what they need.
-- Queue.
grant execute on function
  fb_ads.forget_findings, fb_ads.open_findings, fb_ads.field_list_of, fb_ads.refused_fields_of,
  fb_ads.learn_refused_fields, fb_ads.learn_page_max, fb_ads.renew_run_lease, fb_ads.sync_kinds,
  fb_ads.is_asked_with_marketing_token, fb_ads.waits_for_lists,
  fb_ads.open_job_count, fb_ads.may_start_report, fb_ads.waits_for_parts, fb_ads.use_case_kinds,
  fb_ads.throttled_until, fb_ads.throttle_sync_jobs, fb_ads.store_usage, fb_ads.app_throttled_until,
  fb_ads.stop_token, fb_ads.may_use_token, fb_ads.unprobed_kinds, fb_ads.begin_probe, fb_ads.revive_refused_jobs,
  fb_ads.is_refused_everywhere, fb_ads.clear_stops, fb_ads.fail_account, fb_ads.is_live_run, fb_ads.free_slots,
  fb_ads.end_dead_runs, fb_ads.start_sync_job, fb_ads.rescue_sync_jobs, fb_ads.hold_sync_job, fb_ads.advance_sync_job,
  fb_ads.throttle_held_job, fb_ads.release_throttled_job, fb_ads.settle_page, fb_ads.retry_delay_seconds
to service_role;
-- Catalogue.
grant execute on function
  fb_ads.upsert_accounts, fb_ads.account_ids_of, fb_ads.refused_accounts, fb_ads.owner_of_objects,
  fb_ads.upsert_campaigns, fb_ads.stub_campaigns, fb_ads.upsert_adsets, fb_ads.stub_adsets, fb_ads.ad_key,
  fb_ads.upsert_ads, fb_ads.stub_ads, fb_ads.plan_lists, fb_ads.plan_account_reads, fb_ads.restart_lists,
  fb_ads.plan_metadata, fb_ads.store_list_rows, fb_ads.plan_deleted_checks, fb_ads.end_list, fb_ads.next_list
to service_role;
-- Spend.
grant execute on function
  fb_ads.learn_ad_fields, fb_ads.learn_unnamed_ads, fb_ads.learn_insights_refusal, fb_ads.has_insights,
  fb_ads.ads_of_range, fb_ads.is_list_range, fb_ads.odd_ads_of, fb_ads.exceeds_findings, fb_ads.add_piece,
  fb_ads.pieces_by_ads, fb_ads.fit_range, fb_ads.begin_anew, fb_ads.local_day, fb_ads.earliest_insight_day,
  fb_ads.insight_chunks, fb_ads.upsert_insights, fb_ads.expected_daily_rows, fb_ads.refused_above,
  fb_ads.insight_limits, fb_ads.plan_ranges, fb_ads.drop_idle_refresh, fb_ads.reset_range, fb_ads.plan_backfill,
  fb_ads.plan_refresh, fb_ads.plan_window, fb_ads.plan_insights, fb_ads.stub_insight_objects,
  fb_ads.store_insight_rows, fb_ads.delete_vanished, fb_ads.end_insights_plan, fb_ads.end_range,
  fb_ads.turn_to_report, fb_ads.split_by_date, fb_ads.split_by_ads, fb_ads.clamp_range, fb_ads.minor_unit,
  fb_ads.was_split_by_ads, fb_ads.was_read_unfiltered, fb_ads.compare_days, fb_ads.end_comparison
to service_role;
-- Outbox.
grant execute on function
  fb_ads.finish_events, fb_ads.unblock_deliveries, fb_ads.block_deliveries, fb_ads.resume_pixels, fb_ads.record_pixels,
  fb_ads.open_traffic_day, fb_ads.bucket_of, fb_ads.open_traffic_source, fb_ads.given_events, fb_ads.find_purchases,
  fb_ads.fitting_checkouts, fb_ads.choose_checkout, fb_ads.consent_of_sale, fb_ads.claimed_sales,
  fb_ads.assign_checkouts, fb_ads.order_ids_of_sale, fb_ads.person_digests_of_sale, fb_ads.claim_waiting_purchases,
  fb_ads.settle_purchases_without_snapshot, fb_ads.rescue_deliveries, fb_ads.decide_delivery, fb_ads.claim_candidates,
  fb_ads.retry_delay, fb_ads.match_key, fb_ads.count_sent_events, fb_ads.capi_token_fingerprint,
  fb_ads.plan_event_quality, fb_ads.upsert_event_quality
to service_role;
-- Consent.
grant execute on function
  fb_ads.digest_of, fb_ads.newest_consent, fb_ads.is_known_browser, fb_ads.suppress_events, fb_ads.suppress_subjects,
  fb_ads.later_grant, fb_ads.note_consents, fb_ads.find_purchases_of, fb_ads.digests_of_person, fb_ads.erase_events,
  fb_ads.erase_touchpoints
to service_role;
-- Attribution.
grant execute on function
  fb_ads.lock_results, fb_ads.revise_sales, fb_ads.history_entry, fb_ads.new_results, fb_ads.store_results,
  fb_ads.is_shared_browser, fb_ads.store_browser_people, fb_ads.is_payment_host, fb_ads.ids_of_touchpoint,
  fb_ads.with_first_click_time, fb_ads.was_visitor_seen, fb_ads.date_touchpoint, fb_ads.key_touchpoint,
  fb_ads.has_room_for_touchpoint, fb_ads.insert_touchpoints, fb_ads.sale_keys_of_touchpoint,
  fb_ads.store_touchpoints, fb_ads.store_event_touchpoints, fb_ads.plan_lookups, fb_ads.is_known_object,
  fb_ads.is_lookup_over, fb_ads.settle_lookups, fb_ads.digests_in, fb_ads.worth_of_sale, fb_ads.is_sale,
  fb_ads.read_sales, fb_ads.links_of_sales, fb_ads.touchpoints_by_digest, fb_ads.resolve_touchpoint,
  fb_ads.collapse_touchpoints,
  fb_ads.touchpoints_of_sales, fb_ads.match_sales, fb_ads.is_purchase_due, fb_ads.due_purchases, fb_ads.end_purchases,
  fb_ads.existing_host_ids, fb_ads.store_attributions, fb_ads.store_buyers, fb_ads.refresh_worth,
  fb_ads.refresh_reversals
to service_role;
-- Operations.
grant execute on function
  fb_ads.claimed_value, fb_ads.count_unaccounted_sales, fb_ads.count_unpaid_attributions, fb_ads.count_broken_links,
  fb_ads.current_alerts
to service_role;

-- Tables that these RPCs write, and those that they only read.
grant select, insert, update, delete on
  public.ad_accounts, public.ad_campaigns, public.ad_adsets, public.ad_ads, fb_ads.sync_runs, fb_ads.sync_jobs,
  fb_ads.sync_seen_pages, fb_ads.quotas, public.ad_spend, fb_ads.account_reads, fb_ads.insight_backfills,
  fb_ads.reconciliations, fb_ads.conversion_events, fb_ads.event_deliveries, fb_ads.pixels, fb_ads.consents,
  fb_ads.traffic_days, fb_ads.traffic_sources, public.ad_attributions, fb_ads.attribution_results,
  fb_ads.browser_people, fb_ads.touchpoints, fb_ads.checkout_clicks, fb_ads.ad_lookups, fb_ads.exchange_rates,
  fb_ads.deleted_events, fb_ads.sent_event_keys, fb_ads.quality_refusals, public.ad_event_quality
to service_role;
grant select on
  fb_ads.settings, fb_ads.backfill_progress, public.ad_spend_reconciliation, fb_ads.attached_tables, fb_ads.purchases,
  fb_ads.undelivered_events, fb_ads.priced_sales, fb_ads.claimed_spend, fb_ads.daily_events, fb_ads.daily_event_keys,
  public.fb_ad_performance, public.fb_campaign_performance, public.fb_attribution_coverage, public.fb_meta_claims,
  fb_ads.scheduled_jobs, fb_ads.alert_states, fb_ads.alert_posts, fb_ads.alert_flights, public.fb_alerts,
  fb_ads.function_project, fb_ads.function_answers
to service_role;

-- fb_ads_reader: what the reporting views read. No user, no reference to the host, no click id, no digest.
grant usage on schema public, fb_ads to fb_ads_reader;
grant select on
  public.ad_accounts, public.ad_campaigns, public.ad_adsets, public.ad_ads, public.ad_spend, fb_ads.reconciliations,
  public.ad_spend_reconciliation, fb_ads.exchange_rates, fb_ads.priced_sales, fb_ads.claimed_spend,
  public.fb_ad_performance, public.fb_campaign_performance, public.fb_attribution_coverage, public.fb_meta_claims,
  public.ad_event_quality, fb_ads.sent_event_keys, fb_ads.daily_event_keys, fb_ads.alert_states, public.fb_alerts
to fb_ads_reader;
grant select (
  id, campaign_id, adset_id, ad_id, conversion_event, event_time, conversion_value, currency, source_platform, state,
  matched_by, confidence, attribution_model, attribution_window, clicked_at, checkout_at, current_value, reversed_value,
  net_value, reversal_reason, clicked_on, paid_on, created_at, updated_at
) on public.ad_attributions to fb_ads_reader;
grant select (
  outcome, reason, level, account_id, ad_id, adset_id, campaign_id, matched_by, confidence, clicked_at,
  catalogue_differs, source, completed_at, checkout_at, conversion_value, currency, current_value, reversed_value,
  net_value, reversal_reason, created_at, updated_at
) on fb_ads.attribution_results to fb_ads_reader;
grant execute on function fb_ads.claimed_value, fb_ads.current_alerts, fb_ads.local_day to fb_ads_reader;

-- fb_ads_monitor: one question, whose answer is numbers and names.
grant usage on schema public, fb_ads to fb_ads_monitor;
grant execute on function public.fb_check_alerts, fb_ads.current_alerts to fb_ads_monitor;

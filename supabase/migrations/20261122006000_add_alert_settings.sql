-- From when on something counts as a trouble that a person must act on.
-- Why settings: a shop that sells a few times a week and one that sells every minute notice silence at different times.

alter table fb_ads.settings
  add column alert_sync_age interval not null default interval '3 hours',
  add column alert_backfill_age interval not null default interval '2 days',
  add column alert_delivery_age interval not null default interval '1 hour',
  add column alert_attribution_age interval not null default interval '3 hours',
  add column alert_run_silence interval not null default interval '26 hours',
  add column alert_purchase_silence interval not null default interval '6 hours',
  add constraint alert_ages_are_positive check (
    alert_sync_age > interval '0' and alert_backfill_age > interval '0' and alert_delivery_age > interval '0'
    and alert_attribution_age > interval '0' and alert_run_silence > interval '0' and alert_purchase_silence > interval '0'
  );

comment on column fb_ads.settings.alert_sync_age is 'How old a job of a sync may become before it is an alert; parked ones included, for figures are late all the same.';
comment on column fb_ads.settings.alert_backfill_age is 'The same for a job of a backfill, which has time.';
comment on column fb_ads.settings.alert_delivery_age is 'How long an event may wait to be sent before it is an alert.';
comment on column fb_ads.settings.alert_attribution_age is 'How long a sale may wait to be attributed before it is an alert.';
comment on column fb_ads.settings.alert_run_silence is 'How long a sync may not have run before it is an alert.';
comment on column fb_ads.settings.alert_purchase_silence is
  'Least time without a completed transaction that is an alert. It takes longer where sales are rarer: twice the longest pause of the last 28 days.';

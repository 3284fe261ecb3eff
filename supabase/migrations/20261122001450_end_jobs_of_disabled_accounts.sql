-- What waits for an account ends when the account is disabled, whoever disables it: a backfill of months would go on for days.
-- Why failed and not deleted: when the account is enabled again, the next night takes up what is left of a backfill.

create function fb_ads.end_jobs_of_disabled_account()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  update fb_ads.sync_jobs as job
  set
    state = 'failed', finished_at = now(),
    last_error = jsonb_build_object('code', 'account_disabled', 'reason', 'account_disabled', 'message', 'The account was disabled.', 'at', now())
  where job.account_id = new.id and job.state = 'pending';
  return null;
end;
$$;

revoke execute on function fb_ads.end_jobs_of_disabled_account() from public, anon, authenticated;
comment on function fb_ads.end_jobs_of_disabled_account() is
  'Gives up the pending jobs of an account that is disabled; one that runs ends with its list or range.';

-- A row at a time, for it fires when somebody disables an account and at no other update.
create trigger ad_accounts_end_jobs
  after update of enabled on public.ad_accounts
  for each row when (old.enabled and not new.enabled)
  execute function fb_ads.end_jobs_of_disabled_account();

-- The schedule: a nightly start, and a tick every minute that calls only what has work.
-- Why a tick in SQL: an idle minute then costs one query and no request, and what a killed or spent invocation left is taken up by itself.
-- Operator: times are UTC. To move the night: select cron.schedule('fb-sync-metadata', '<minute> <hour> * * *', (select command from cron.job where jobname = 'fb-sync-metadata'));

create function fb_ads.has_sync_work(function_slug text)
returns boolean
language plpgsql
stable
-- definer: the fingerprint of the token is computed from its Vault secret, which cron's owner alone may read.
security definer
set search_path = ''
as $$
begin
  if not exists (
    select
    from fb_ads.sync_jobs as job
    where job.kind = any (fb_ads.sync_kinds(function_slug))
      and (
        (job.state = 'pending' and job.not_before <= now()
          and not exists (
            select from fb_ads.sync_jobs as other
            where other.account_id = job.account_id and other.state = 'running' and other.lease_until > now()
          ))
        or (job.state = 'running' and job.lease_until <= now())
      )
  ) or fb_ads.free_slots(function_slug) = 0 then
    return false;
  end if;
  return exists (
    select
    from vault.decrypted_secrets as secret
    where secret.name = 'meta_marketing_api_token'
      and nullif(secret.decrypted_secret, '') is not null
      and fb_ads.may_use_token(fb_ads.token_fingerprint(secret.decrypted_secret))
  );
end;
$$;

revoke execute on function fb_ads.has_sync_work(text) from public, anon, authenticated;
comment on function fb_ads.has_sync_work(text) is
  'Whether an invocation of that sync would find something to do: a job that may start, a free slot, and a token that is not stopped (or due for a probe).';

create function fb_ads.tick()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  slug text;
begin
  begin
    foreach slug in array array['fb-sync-metadata', 'fb-sync-insights'] loop
      if fb_ads.has_sync_work(slug) then
        perform fb_ads.invoke_edge_function(slug, '{"resume": true}');
      end if;
    end loop;
    if fb_ads.has_delivery_work() then
      perform fb_ads.invoke_edge_function('capi-event', '{"dispatch": true}');
    end if;
    if fb_ads.has_attribution_work() then
      perform fb_ads.invoke_edge_function('attribute-purchase');
    end if;
  exception when others then
    -- What is wrong must still be announced below: a missing secret is one of the troubles that a person has to hear of.
    raise warning 'fb_ads: the tick could not call a function: %', sqlerrm;
  end;
  begin
    perform fb_ads.announce_alerts();
  exception when others then
    raise warning 'fb_ads: alerts were not announced (%)', sqlstate;
  end;
end;
$$;

revoke execute on function fb_ads.tick() from public, anon, authenticated;
comment on function fb_ads.tick() is 'Every minute: calls each Edge Function that has work (the syncs with {"resume": true}, so that nothing new is planned), then announces alerts.';

select cron.schedule('fb-sync-metadata', '15 18 * * *', $$select fb_ads.invoke_edge_function('fb-sync-metadata');$$);
select cron.schedule('fb-ads-tick', '* * * * *', $$select fb_ads.tick();$$);

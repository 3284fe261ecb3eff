-- Whether a sync would find something to do: the tick asks every minute.

-- Definer: the fingerprint of the token is computed from its Vault secret, which cron's owner alone may read.
create function fb_ads.has_sync_work(function_slug text)
returns boolean language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (
    select
    from fb_ads.sync_jobs as job
    where job.kind = any (fb_ads.sync_kinds(function_slug))
      and (
        (job.state = 'pending' and job.not_before <= now()
          and job.kind <> all ((select fb_ads.unprobed_kinds())::text[])
          and not exists (
            select from fb_ads.sync_jobs as other
            where other.account_id = job.account_id and other.state = 'running' and other.lease_until > now()
          ))
        or (job.state = 'running' and job.lease_until <= now())
      )
  ) or fb_ads.free_slots(function_slug) = 0 then
    return false;
  end if;
  return coalesce(
    fb_ads.may_use_token(fb_ads.token_fingerprint(fb_ads.read_token('meta_marketing_api_token'))), false
  );
end;
$$;

comment on function fb_ads.has_sync_work(text) is
  'Whether a run of that sync would find something to do: a job that may start, a free slot, and a token that is not '
  'stopped (or due for a probe).';

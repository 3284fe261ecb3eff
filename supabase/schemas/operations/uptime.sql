-- What a monitor outside asks, through the Data API: is anything being lost?
-- Why from outside: the webhook's messages go through pg_net and pg_cron, so neither can tell of its own end.
-- Why a role of its own: a monitor is somebody else's machine. Its key may call this function and nothing else, and
-- what it hears names no account, no person and no secret.

create function public.fb_check_alerts()
returns jsonb language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  answer jsonb := (
    select jsonb_build_object(
      'errors', count(*) filter (where alert.severity = 'error'),
      'warnings', count(*) filter (where alert.severity = 'warning'),
      'kinds', coalesce(
        jsonb_agg(distinct split_part(alert.key, ':', 1)) filter (where alert.key is not null), '[]'::jsonb
      )
    )
    from fb_ads.current_alerts() as alert
  );
begin
  -- PostgREST's own way to choose a status: https://docs.postgrest.org/en/stable/references/transactions.html
  perform set_config('response.status', case when (answer ->> 'errors')::integer > 0 then '503' else '200' end, true);
  return answer;
end;
$$;

comment on function public.fb_check_alerts() is
  'For uptime monitors: {errors, warnings, kinds}, how many alerts there are of each severity and of which kinds '
  '(public.fb_alerts.kind). HTTP 503 while there is an error, else 200. Reads only; GET and POST answer the same.';

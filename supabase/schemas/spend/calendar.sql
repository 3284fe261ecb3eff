-- Days: the account's local day, the days that Meta still reports on, and a range of days cut into pieces.

create function fb_ads.local_day(timezone_name text, at timestamptz default now())
returns date language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- PostgreSQL takes a number for an offset; as the name of a zone it is none.
  return (at at time zone case when timezone_name ~ '^[A-Za-z]' then timezone_name else 'UTC' end)::date;
exception
  -- A zone that this server does not know yet.
  when invalid_parameter_value then
    return (at at time zone 'UTC')::date;
end;
$$;

comment on function fb_ads.local_day(text, timestamptz) is
  'The calendar day at an instant in an IANA time zone; UTC''s where the zone is null or unknown to the server.';

create function fb_ads.earliest_insight_day(today date)
returns date language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select (today - interval '37 months')::date + 1;
$$;

comment on function fb_ads.earliest_insight_day(date) is
  'First day that Meta still reports on when it is today there: the day after 37 '
  'months ago, for Meta refuses the limit itself (3018).';

create function fb_ads.insight_chunks(since date, until date, days integer, first_days integer default null)
returns table (part integer, part_since date, part_until date)
language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select 0, greatest(since, until - first_days + 1), until
  where first_days is not null and since <= until
  union all
  select n + 1, greatest(since, newest - (n + 1) * days + 1), newest - n * days
  from (select until - coalesce(first_days, 0) as newest) as older
  cross join lateral generate_series(0, (newest - since) / days) as n
  where since <= newest;
$$;

comment on function fb_ads.insight_chunks(date, date, integer, integer) is
  'Cuts since..until (inclusive) into ranges of at most days days, newest first (part 0), the newest of at most '
  'first_days. Every day is in exactly one.';

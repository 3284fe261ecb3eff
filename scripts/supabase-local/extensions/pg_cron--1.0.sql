-- Stand-in for pg_cron 1.6: the same tables, policies, functions and refusals. The clock is a worker outside the
-- server, which is told of changes by the trigger on cron.job; schedules are parsed here, so that a wrong one is
-- refused at once. As with the real one, the version that is installed comes of this script and of the one that leads
-- on from it.

create schema cron;

create sequence cron.jobid_seq;

create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport int not null default inet_server_port(),
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
grant select on cron.job to public;
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);

create sequence cron.runid_seq;

create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
grant select, delete on cron.job_run_details to public;
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

grant select on sequence cron.jobid_seq, cron.runid_seq to public;

select pg_catalog.pg_extension_config_dump('cron.job', '');
select pg_catalog.pg_extension_config_dump('cron.jobid_seq', '');
select pg_catalog.pg_extension_config_dump('cron.job_run_details', '');
select pg_catalog.pg_extension_config_dump('cron.runid_seq', '');

create function cron.job_cache_invalidate() returns trigger
language plpgsql set search_path = ''
as $$
begin
  perform pg_catalog.pg_notify('pg_cron_jobs', '');
  return null;
end
$$;

create trigger cron_job_cache_invalidate
after insert or update or delete or truncate on cron.job
for each statement execute function cron.job_cache_invalidate();

-- The values of one of the five fields, or null when the text is no such field.
create function cron._field_values(field text, low int, high int, names text[]) returns int[]
language plpgsql immutable set search_path = ''
as $$
declare
  part text;
  found text[];
  first_value int;
  last_value int;
  step int;
  bound text;
  bounds int[];
  result int[] := '{}';
begin
  foreach part in array string_to_array(lower(field), ',') loop
    found := regexp_match(part, '^(\*|([0-9]{1,2}|[a-z]{3})(-([0-9]{1,2}|[a-z]{3}))?)(/([0-9]{1,2}))?$');
    if found is null then
      return null;
    end if;
    if found[1] = '*' then
      first_value := low;
      last_value := high;
    else
      bounds := '{}';
      foreach bound in array array[found[2], coalesce(found[4], found[2])] loop
        if bound ~ '^[0-9]+$' then
          bounds := bounds || bound::int;
        elsif array_position(names, bound) is not null then
          bounds := bounds || (array_position(names, bound) - 1 + low);
        else
          return null;
        end if;
      end loop;
      first_value := bounds[1];
      last_value := bounds[2];
      if found[4] is null and found[6] is not null then
        return null;
      end if;
    end if;
    step := coalesce(found[6]::int, 1);
    if first_value < low or last_value > high or first_value > last_value or step < 1 then
      return null;
    end if;
    result := result || array(select generate_series(first_value, last_value, step));
  end loop;
  if cardinality(result) = 0 then
    return null;
  end if;
  return result;
end
$$;

-- A schedule taken apart for the clock; raises 22023 for what pg_cron refuses.
create function cron._parse_schedule(schedule text) returns jsonb
language plpgsql immutable set search_path = ''
as $$
declare
  plain text := trim(both e' \t' from lower(schedule));
  fields text[];
  seconds int;
  minutes int[];
  hours int[];
  days int[];
  months int[];
  weekdays int[];
  month_names text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
  weekday_names text[] := '{sun,mon,tue,wed,thu,fri,sat}';
begin
  seconds := (regexp_match(plain, '^([0-9]{1,4})\s+seconds?$'))[1]::int;
  if seconds between 1 and 59 then
    return jsonb_build_object('seconds', seconds);
  end if;
  plain := case plain
    when '@yearly' then '0 0 1 1 *'
    when '@annually' then '0 0 1 1 *'
    when '@monthly' then '0 0 1 * *'
    when '@weekly' then '0 0 * * 0'
    when '@daily' then '0 0 * * *'
    when '@midnight' then '0 0 * * *'
    when '@hourly' then '0 * * * *'
    else plain
  end;
  fields := regexp_split_to_array(plain, '[ \t]+');
  if cardinality(fields) = 5 then
    minutes := cron._field_values(fields[1], 0, 59, '{}');
    hours := cron._field_values(fields[2], 0, 23, '{}');
    days := case when fields[3] = '$' then '{}'::int[] else cron._field_values(fields[3], 1, 31, '{}') end;
    months := cron._field_values(fields[4], 1, 12, month_names);
    weekdays := cron._field_values(fields[5], 0, 7, weekday_names);
  end if;
  if minutes is null or hours is null or days is null or months is null or weekdays is null then
    raise exception 'invalid schedule: %', schedule
      using errcode = '22023',
        hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
  end if;
  return jsonb_build_object(
    'minutes', minutes,
    'hours', hours,
    'days', days,
    'last_day', fields[3] = '$',
    'any_day', left(fields[3], 1) = '*',
    'months', months,
    'weekdays', array(select distinct value % 7 from unnest(weekdays) as value),
    'any_weekday', left(fields[5], 1) = '*'
  );
end
$$;

-- Stand-in for pg_cron 1.6: the same tables, policies, functions and refusals. The clock is a worker outside the server,
-- which is told of changes by the trigger on cron.job; schedules are parsed here, so that a wrong one is refused at once.

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

-- Writes with the owner's rights what the caller may not write; refuses an owner that the session cannot be.
create function cron._put_job(
  owner text, job_name text, schedule text, command text, job_database text, job_active boolean
) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  new_id bigint;
begin
  if not pg_has_role(session_user, owner, 'member') then
    raise exception 'permission denied for role %', owner using errcode = '42501';
  end if;
  perform cron._parse_schedule(_put_job.schedule);
  insert into cron.job as j (schedule, command, database, username, active, jobname)
  values (_put_job.schedule, _put_job.command, job_database, owner, job_active, job_name)
  on conflict (jobname, username) do update set schedule = excluded.schedule, command = excluded.command
  returning j.jobid into new_id;
  return new_id;
end
$$;

create function cron._drop_job(owner text, dropped_id bigint, dropped_name text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
  found_id bigint;
begin
  select j.jobid into found_id
  from cron.job j
  where j.jobid = dropped_id or (dropped_id is null and j.jobname = dropped_name and j.username = owner);
  if found_id is null then
    raise exception 'could not find valid entry for job %', coalesce(dropped_id::text, quote_literal(dropped_name))
      using errcode = 'XX000';
  end if;
  if not exists (
    select from cron.job j
    where j.jobid = found_id
      and (j.username = owner or (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = owner))
  ) or not pg_has_role(session_user, owner, 'member') then
    raise exception 'permission denied for table job' using errcode = '42501';
  end if;
  delete from cron.job j where j.jobid = found_id;
  return true;
end
$$;

create function cron._change_job(
  owner text,
  changed_id bigint,
  new_schedule text,
  new_command text,
  new_database text,
  new_username text,
  new_active boolean
) returns void
language plpgsql security definer set search_path = ''
as $$
declare
  is_superuser boolean := (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = owner);
begin
  if not pg_has_role(session_user, owner, 'member') then
    raise exception 'permission denied for role %', owner using errcode = '42501';
  end if;
  if not exists (select from cron.job j where j.jobid = changed_id and (j.username = owner or is_superuser)) then
    raise exception 'Job % does not exist or you don''t own it', changed_id using errcode = 'XX000';
  end if;
  if new_username is not null and new_username <> owner and not is_superuser then
    raise exception 'must be superuser to alter username' using errcode = '42501';
  end if;
  if new_schedule is not null then
    perform cron._parse_schedule(new_schedule);
  end if;
  update cron.job j
  set schedule = coalesce(new_schedule, j.schedule),
    command = coalesce(new_command, j.command),
    database = coalesce(new_database, j.database),
    username = coalesce(new_username, j.username),
    active = coalesce(new_active, j.active)
  where j.jobid = changed_id;
end
$$;

create function cron.schedule(schedule text, command text) returns bigint
language plpgsql strict set search_path = ''
as $$
begin
  return cron._put_job(current_user::text, null, schedule, command, current_database()::text, true);
end
$$;

create function cron.schedule(job_name text, schedule text, command text) returns bigint
language plpgsql set search_path = ''
as $$
begin
  if job_name is null then
    raise exception 'job_name can not be NULL' using errcode = '22023';
  end if;
  if schedule is null then
    raise exception 'schedule can not be NULL' using errcode = '22023';
  end if;
  if command is null then
    raise exception 'command can not be NULL' using errcode = '22023';
  end if;
  return cron._put_job(current_user::text, job_name, schedule, command, current_database()::text, true);
end
$$;

create function cron.schedule_in_database(
  job_name text,
  schedule text,
  command text,
  database text,
  username text default null,
  active boolean default true
) returns bigint
language plpgsql set search_path = ''
as $$
begin
  if job_name is null then
    raise exception 'job_name can not be NULL' using errcode = '22023';
  end if;
  if username is not null and username <> current_user
    and not (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user) then
    raise exception 'must be superuser to create a job for another role' using errcode = '42501';
  end if;
  return cron._put_job(coalesce(username, current_user::text), job_name, schedule, command, database, active);
end
$$;

create function cron.alter_job(
  job_id bigint,
  schedule text default null,
  command text default null,
  database text default null,
  username text default null,
  active boolean default null
) returns void
language plpgsql set search_path = ''
as $$
begin
  perform cron._change_job(current_user::text, job_id, schedule, command, database, username, active);
end
$$;

create function cron.unschedule(job_id bigint) returns boolean
language plpgsql strict set search_path = ''
as $$
begin
  return cron._drop_job(current_user::text, job_id, null);
end
$$;

create function cron.unschedule(job_name text) returns boolean
language plpgsql set search_path = ''
as $$
begin
  if job_name is null then
    raise exception 'job_name can not be NULL' using errcode = '22023';
  end if;
  return cron._drop_job(current_user::text, null, job_name);
end
$$;

revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;
revoke all on function cron.schedule_in_database(text, text, text, text, text, boolean) from public;

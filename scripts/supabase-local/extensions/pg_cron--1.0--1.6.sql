-- The functions of pg_cron 1.6: what they may write is decided by who calls, as `cron.job` is nobody's to write.

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

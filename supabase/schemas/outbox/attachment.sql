-- Putting the purchase triggers on a host table, and taking them off.
-- Why functions that an operator calls and no migration: the host's tables are its own, and creating a trigger locks
-- them for a moment.
-- Operator: select fb_ads.attach_transactions('public.transactions'); with other names: key_column => 'order_no', ...

create function fb_ads.make_host_foreign_key(column_name text, host_table regclass)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  constraint_name text := format('ad_attributions_%s_fkey', column_name);
begin
  if host_table is null or not fb_ads.is_uuid_key(host_table, 'id') or exists (
    select from pg_catalog.pg_constraint as existing
    where existing.conrelid = 'public.ad_attributions'::regclass and existing.conname = constraint_name
  ) then
    return;
  end if;
  execute format(
    'alter table public.ad_attributions add constraint %I foreign key (%I) references %s (id) on update cascade on '
    'delete set null not valid', constraint_name, column_name, host_table
  );
  begin
    execute format('alter table public.ad_attributions validate constraint %I', constraint_name);
  exception when foreign_key_violation then
    raise warning 'ad_attributions.% names rows that the host no longer has; the key holds for new rows', column_name;
  end;
end;
$$;

comment on function fb_ads.make_host_foreign_key(text, regclass) is
  'Makes ad_attributions.<column> refer to the host (on update cascade, on delete set null) where the host''s key is '
  'a uuid named id and no such key exists yet.';

create function fb_ads.check_attachment(host_table regclass, attached fb_ads.attached_tables)
returns void language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  missing text;
begin
  if attached.key_column is null then
    raise exception '% has no primary key of one column: name the key with key_column =>', host_table
      using errcode = '22023';
  end if;
  select string_agg(wanted.name, ', ')
  into missing
  from unnest(array[
    attached.key_column, attached.status_column, attached.completed_at_column, attached.created_at_column,
    attached.user_column
  ]) as wanted (name)
  where wanted.name is not null and not fb_ads.has_column(host_table, wanted.name);
  if missing is not null then
    raise exception '% has no column %', host_table, missing using errcode = '42703';
  end if;
  if cardinality(attached.completed_statuses) = 0 then
    raise exception 'completed_statuses must name at least one status' using errcode = '22023';
  end if;
  if exists (
    select from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = host_table
      and attribute.attname in (attached.completed_at_column, attached.created_at_column)
      and attribute.atttypid not in ('timestamptz'::regtype, 'timestamp'::regtype)
      -- A date cannot tell what was paid before the table was attached.
      and (attribute.atttypid <> 'date'::regtype or attribute.attname = attached.completed_at_column)
  ) then
    raise exception 'completed_at_column of % must be a timestamp, created_at_column a timestamp or a date', host_table
      using errcode = '42804', hint = 'completed_at_column => '''' does without.';
  end if;
  if coalesce(attached.completed_at_column, attached.created_at_column) is null then
    raise warning '% has no time column: what its triggers cannot note, the sweep cannot find', host_table;
  end if;
  -- A sample, for a table of any size.
  execute format(
    'select string_agg(distinct lower(btrim(recent.status)), '', '') '
    'from (select sale.%I::text as status from %s as sale limit 10000) as recent '
    'where not lower(btrim(recent.status)) = any ($1)',
    attached.status_column, host_table
  )
  into missing
  using attached.completed_statuses || (
    select settings.refunded_statuses || settings.unpaid_statuses || settings.charged_back_statuses
    from fb_ads.settings as settings
  );
  if missing is not null then
    raise warning '% has statuses that no list names (%): a paid sale counts as paid under them', host_table, missing
      using hint = 'Add what means paid to completed_statuses, and the others to the lists of fb_ads.settings.';
  end if;
  -- With two counting keys two sales would share one reference, and the second would never be reported.
  if exists (
    select
    from pg_catalog.pg_attribute as attribute
    join fb_ads.attached_tables as other
      on other.host_table <> check_attachment.host_table::text
        and other.ref_prefix = attached.ref_prefix
        and to_regclass(other.host_table) is not null
    join pg_catalog.pg_attribute as other_key
      on other_key.attrelid = to_regclass(other.host_table) and other_key.attname = other.key_column
    where attribute.attrelid = check_attachment.host_table and attribute.attname = attached.key_column
      and (attribute.atttypid <> 'uuid'::regtype and other_key.atttypid <> 'uuid'::regtype)
  ) then
    raise exception 'another attached table has keys like those of %', host_table
      using errcode = '22023',
      hint = 'Give it a ref_prefix => ''orders:'', and put the same before transaction_ref in fb_ads.purchases.';
  end if;
end;
$$;

comment on function fb_ads.check_attachment(regclass, fb_ads.attached_tables) is
  'Raises, saying what to change, when a table cannot be attached as asked. Called by fb_ads.attach_transactions.';

create function fb_ads.attach_transactions(
  host_table regclass,
  key_column text default null,
  status_column text default 'status',
  completed_statuses text[] default null,
  completed_at_column text default null,
  created_at_column text default null,
  user_column text default null,
  ref_prefix text default '',
  source text default null
)
returns timestamptz language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  attached fb_ads.attached_tables;
begin
  attached.host_table := host_table::text;
  attached.key_column := coalesce(key_column, (
    select min(attribute.attname)
    from pg_catalog.pg_index as primary_index
    join pg_catalog.pg_attribute as attribute
      on attribute.attrelid = primary_index.indrelid and attribute.attnum = any (primary_index.indkey)
    where primary_index.indrelid = host_table and primary_index.indisprimary
    having count(*) = 1
  ));
  attached.status_column := status_column;
  attached.completed_statuses := coalesce(
    (select array_agg(lower(named.status)) from unnest(completed_statuses) as named (status)),
    (select settings.completed_statuses from fb_ads.settings as settings)
  );
  attached.completed_at_column := coalesce(
    nullif(completed_at_column, ''),
    case when completed_at_column is null then fb_ads.first_column(host_table, array['completed_at', 'paid_at']) end
  );
  attached.created_at_column := coalesce(
    nullif(created_at_column, ''),
    case when created_at_column is null then fb_ads.first_column(host_table, array['created_at', 'inserted_at']) end
  );
  attached.user_column := coalesce(
    nullif(user_column, ''),
    case when user_column is null then fb_ads.first_column(host_table, array['user_id', 'buyer_id', 'customer_id']) end
  );
  attached.ref_prefix := coalesce(ref_prefix, '');
  attached.source := source;
  perform fb_ads.check_attachment(host_table, attached);

  -- For a table that is attached already, the columns may change and attached_at may not.
  insert into fb_ads.attached_tables as known (
    host_table, key_column, status_column, completed_statuses, completed_at_column, created_at_column, user_column,
    ref_prefix, source, capture_function
  )
  values (
    attached.host_table, attached.key_column, attached.status_column, attached.completed_statuses,
    attached.completed_at_column, attached.created_at_column, attached.user_column, attached.ref_prefix,
    attached.source, 'capture_purchases_' || left(md5(attached.host_table), 12)
  )
  on conflict on constraint attached_tables_host_table_key do update
  set key_column = excluded.key_column, status_column = excluded.status_column,
    completed_statuses = excluded.completed_statuses, completed_at_column = excluded.completed_at_column,
    created_at_column = excluded.created_at_column, user_column = excluded.user_column,
    ref_prefix = excluded.ref_prefix, source = excluded.source
  returning known.* into attached;

  -- "or replace": dropping them would wait for everybody who reads the table, and hold up everybody who comes after.
  execute format(
    'create or replace trigger fb_ads_note_inserted_purchases after insert on %s referencing new table as new_rows for '
    'each statement execute function fb_ads.%I()', host_table, attached.capture_function
  );
  execute format(
    'create or replace trigger fb_ads_note_updated_purchases after update on %s referencing old table as old_rows new '
    'table as new_rows for each statement execute function fb_ads.%I()', host_table, attached.capture_function
  );

  if attached.key_column = 'id' then
    perform fb_ads.make_host_foreign_key('transaction_id', host_table);
  end if;
  perform fb_ads.make_host_foreign_key('user_id', to_regclass('public.unified_profiles'));
  perform fb_ads.make_purchases_view();
  return attached.attached_at;
end;
$$;

comment on function fb_ads.attach_transactions(regclass, text, text, text[], text, text, text, text, text) is
  'Puts the purchase triggers on a host table; several tables are possible. Column names that are left out are looked '
  'for (the primary key; status; completed_at or paid_at; created_at; user_id, buyer_id or customer_id); an empty '
  'text means that there is none. Returns since when its sales are reported. Called again, it takes over changed '
  'names and keeps that moment.';

create function fb_ads.detach_transactions(host_table regclass)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  capture_function text;
begin
  execute format('drop trigger if exists fb_ads_note_inserted_purchases on %s', host_table);
  execute format('drop trigger if exists fb_ads_note_updated_purchases on %s', host_table);
  delete from fb_ads.attached_tables as attached
  where attached.host_table = detach_transactions.host_table::text
  returning attached.capture_function into capture_function;
  if capture_function is null then
    return false;
  end if;
  execute format('drop function if exists fb_ads.%I()', capture_function);
  if exists (
    select from pg_catalog.pg_constraint as existing
    where existing.conrelid = 'public.ad_attributions'::regclass
      and existing.conname = 'ad_attributions_transaction_id_fkey' and existing.confrelid = host_table
  ) then
    alter table public.ad_attributions drop constraint ad_attributions_transaction_id_fkey;
  end if;
  if not exists (select from fb_ads.attached_tables) then
    alter table public.ad_attributions drop constraint if exists ad_attributions_user_id_fkey;
  end if;
  return true;
end;
$$;

comment on function fb_ads.detach_transactions(regclass) is
  'Takes triggers, trigger function and our foreign keys off a host table. False when '
  'it was not attached. What was noted before is still sent.';

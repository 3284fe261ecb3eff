-- The trigger function on a host table: it writes the keys of what a statement completed, and calls capi-event once.
-- Why one function is generated for each table: with its columns written out its plans are cached. An update that
-- completes nothing then costs microseconds.
-- Statuses are compared as completed, COMPLETED and Completed; the sweep compares them whatever their case.
-- The function never fails the host's statement: every error ends as a warning, it waits 50 ms for a lock of ours, and
-- the sweep finds what is lost here.

create function fb_ads.capture_function_body(attached fb_ads.attached_tables)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select format(
    $body$
begin
  begin
    if tg_op = 'INSERT' then
      if not exists (select from new_rows as sale where %1$s) then
        return null;
      end if;
      begin
        -- A key is seldom known already, and a lookup of each of 100,000 would double the cost. Inserted in the index's
        -- order, for the same reason.
        insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
        select 'Purchase', %2$s, %3$s, %2$s
        from new_rows as sale
        where %1$s and sale.%5$I is not null and %3$s >= %4$L::timestamptz
        order by (%2$s) collate "C";
      exception when unique_violation then
        -- An event that the host's own server sent by that id is this sale, and is sent already. No "do update": it
        -- locks rows that it does not change.
        update fb_ads.conversion_events as known
        set transaction_ref = known.event_id
        where known.event_name = 'Purchase' and known.transaction_ref is null
          and known.event_id in (select %2$s from new_rows as sale where %1$s and sale.%5$I is not null);
        insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
        select 'Purchase', %2$s, %3$s, %2$s
        from new_rows as sale
        where %1$s and sale.%5$I is not null and %3$s >= %4$L::timestamptz
        on conflict (event_id, event_name) do nothing;
      end;
    else
      if not exists (select from new_rows as sale where %1$s) then
        return null;
      end if;
      -- "not in" and no join: its plan is a hash, whatever the size of the first statement that was planned.
      if not exists (
        select
        from new_rows as sale
        where %1$s
          and sale.%5$I not in (select was.%5$I from old_rows as was where %6$s and was.%5$I is not null)
      ) then
        return null;
      end if;
      begin
        insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
        select 'Purchase', %2$s, %3$s, %2$s
        from new_rows as sale
        where %1$s and sale.%5$I is not null and %3$s >= %4$L::timestamptz
          and sale.%5$I not in (select was.%5$I from old_rows as was where %6$s and was.%5$I is not null)
        order by (%2$s) collate "C";
      exception when unique_violation then
        update fb_ads.conversion_events as known
        set transaction_ref = known.event_id
        where known.event_name = 'Purchase' and known.transaction_ref is null
          and known.event_id in (select %2$s from new_rows as sale where %1$s and sale.%5$I is not null);
        insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
        select 'Purchase', %2$s, %3$s, %2$s
        from new_rows as sale
        where %1$s and sale.%5$I is not null and %3$s >= %4$L::timestamptz
          and sale.%5$I not in (select was.%5$I from old_rows as was where %6$s and was.%5$I is not null)
        on conflict (event_id, event_name) do nothing;
      end;
    end if;
  exception when others then
    raise warning 'fb_ads: completed transactions were not noted (%%); the sweep will find them', sqlstate;
    return null;
  end;
  if found then
    begin
      perform fb_ads.invoke_edge_function('capi-event', '{"dispatch": true}');
    exception when others then
      raise warning 'fb_ads: capi-event was not called (%%); the tick will call it', sqlstate;
    end;
  end if;
  return null;
end;
$body$,
    format('sale.%I::text = any (%L::text[])', attached.status_column, spelt.statuses),
    case when attached.ref_prefix = '' then '' else quote_literal(attached.ref_prefix) || ' || ' end
      || format('sale.%I::text', attached.key_column),
    case
      when attached.completed_at_column is null then 'now()'
      else format('coalesce(sale.%I::timestamptz, now())', attached.completed_at_column)
    end,
    attached.attached_at,
    attached.key_column,
    format('was.%I::text = any (%L::text[])', attached.status_column, spelt.statuses)
  )
  from (
    -- The spellings that hosts use are written out: lower() for every row would cost more than everything else.
    select array_agg(distinct spelling.status)
    from unnest(attached.completed_statuses) as named (status)
    cross join lateral (values (named.status), (upper(named.status)), (initcap(named.status))) as spelling (status)
  ) as spelt (statuses);
$$;

comment on function fb_ads.capture_function_body(fb_ads.attached_tables) is
  'Source of the trigger function for one attached table. Called by fb_ads.make_capture_function.';

create function fb_ads.make_capture_function(attached fb_ads.attached_tables)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  execute format(
    'create or replace function fb_ads.%I() returns trigger language plpgsql volatile security definer '
    'set search_path = pg_catalog, pg_temp set lock_timeout = ''50ms'' as %L',
    attached.capture_function,
    fb_ads.capture_function_body(attached)
  );
  execute format('revoke execute on function fb_ads.%I() from public, anon, authenticated', attached.capture_function);
  execute format(
    'comment on function fb_ads.%I() is %L',
    attached.capture_function,
    'Notes which transactions of ' || attached.host_table
      || ' a statement completed. Definer: the role that pays may not write here. Never fails the statement.'
  );
end;
$$;

comment on function fb_ads.make_capture_function(fb_ads.attached_tables) is
  'Makes, or makes anew, the trigger function of one attached table. Called when its row is written.';

create function fb_ads.remake_capture_function()
returns trigger language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform fb_ads.make_capture_function(new);
  return null;
end;
$$;

comment on function fb_ads.remake_capture_function() is
  'The trigger function of a host table holds the values of this row, '
  'attached_at too, so a change of the row makes it anew.';

create trigger attached_tables_remake_capture_function
after insert or update on fb_ads.attached_tables
for each row execute function fb_ads.remake_capture_function();

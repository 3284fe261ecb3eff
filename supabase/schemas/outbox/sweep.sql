-- The sweep: it finds completed transactions that the triggers could not note (our table locked, triggers disabled, a
-- restored copy).
-- Why by table and not through fb_ads.purchases: each table counts from its own attached_at.
-- Operator: it reads the sales of the last 7 days; on a large table an index on the completed_at column makes it cheap.

create function fb_ads.sweep_table(attached fb_ads.attached_tables)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  noted bigint;
  -- A table may have one of the two, and %I takes no null.
  completed text := 'sale.' || quote_ident(attached.completed_at_column) || '::timestamptz';
  created text := 'sale.' || quote_ident(attached.created_at_column) || '::timestamptz';
begin
  if to_regclass(attached.host_table) is null or coalesce(completed, created) is null then
    return 0;
  end if;
  execute format(
    $query$
      insert into fb_ads.conversion_events as noted (event_name, event_id, event_time, transaction_ref)
      select 'Purchase', $1 || sale.%1$I::text, least(%2$s, now()), $1 || sale.%1$I::text
      from %3$s as sale
      where %4$s and lower(sale.%5$I::text) = any ($3) and sale.%1$I is not null
        and not exists (
          select from fb_ads.conversion_events as known
          where known.event_name = 'Purchase'
            and known.event_id = $1 || sale.%1$I::text
            and known.transaction_ref is not null
        )
      on conflict (event_id, event_name) do update
      set transaction_ref = excluded.transaction_ref
      where noted.transaction_ref is null
    $query$,
    attached.key_column,
    concat_ws(', ', 'coalesce(' || coalesce(completed, created), case when completed is not null then created end)
      || ')',
    attached.host_table,
    -- Written so that an index on the first column serves.
    case
      when completed is not null and created is not null
        then format('(%1$s >= $2 or (%1$s is null and %2$s >= $2))', completed, created)
      else format('%s >= $2', coalesce(completed, created))
    end,
    attached.status_column
  )
  using attached.ref_prefix, greatest(attached.attached_at, now() - interval '7 days'), attached.completed_statuses;
  get diagnostics noted = row_count;
  return noted;
end;
$$;

comment on function fb_ads.sweep_table(fb_ads.attached_tables) is
  'Notes the completed transactions of one attached table that were completed after attached_at, in the last 7 days, '
  'and are not noted yet; returns how many.';

create function fb_ads.sweep_purchases()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  attached fb_ads.attached_tables;
  noted bigint := 0;
begin
  for attached in select * from fb_ads.attached_tables order by id loop
    begin
      noted := noted + fb_ads.sweep_table(attached);
    exception when others then
      -- One table whose columns have changed must not hold up the others' sales.
      raise warning 'fb_ads: % could not be swept (%)', attached.host_table, sqlstate;
    end;
  end loop;
  if noted > 0 then
    begin
      perform fb_ads.invoke_edge_function('capi-event', '{"dispatch": true}');
    exception when others then
      raise warning 'fb_ads: capi-event was not called (%)', sqlstate;
    end;
  end if;
  return noted;
end;
$$;

comment on function fb_ads.sweep_purchases() is
  'Every 15 minutes: notes what the triggers missed in all attached tables and calls capi-event when there was any; '
  'returns how many. Safe to run twice at once.';

-- Reading sales by their references.
-- Why through the host's own keys: a reference is text, and the host's index is on a uuid or an integer.

create function fb_ads.numbers_in_refs(refs text[])
returns bigint[] language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select array_agg(distinct tail.digits::bigint)
  from unnest(refs) as given (ref)
  cross join lateral (
    -- A minus may belong to the key or to the prefix, and a prefix may end in digits. A number that is not the key
    -- finds nothing.
    select substring(given.ref from '[0-9]{1,19}$')
    union
    select substring(given.ref from '-[0-9]{1,19}$')
    union
    select substr(given.ref, length(attached.ref_prefix) + 1)
    from fb_ads.attached_tables as attached
    where starts_with(given.ref, attached.ref_prefix)
  ) as tail (digits)
  where tail.digits ~ '^-?[0-9]{1,19}$' and tail.digits::numeric between -9223372036854775808 and 9223372036854775807;
$$;

comment on function fb_ads.numbers_in_refs(text[]) is
  'The integer keys that these references may be made of, with or without a prefix; null for none.';

create function fb_ads.read_purchases(refs text[])
returns setof jsonb language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ids uuid[];
  numbers bigint[] := fb_ads.numbers_in_refs(refs);
begin
  select array_agg(given.ref::uuid)
  into ids
  from unnest(refs) as given (ref)
  where given.ref ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
  -- Three ways in, so that the index on the host's own key serves whatever its type.
  if ids is not null then
    return query
      select to_jsonb(sale) || jsonb_build_object('value', sale.value::text)
      from fb_ads.purchases as sale
      where sale.transaction_id = any (ids) and sale.transaction_ref = any (refs);
  end if;
  if numbers is not null then
    return query
      select to_jsonb(sale) || jsonb_build_object('value', sale.value::text)
      from fb_ads.purchases as sale
      where sale.transaction_id is null
        and sale.transaction_number = any (numbers)
        and sale.transaction_ref = any (refs);
  end if;
  return query
    select to_jsonb(sale) || jsonb_build_object('value', sale.value::text)
    from fb_ads.purchases as sale
    where sale.transaction_id is null and sale.transaction_number is null and sale.transaction_ref = any (refs);
end;
$$;

comment on function fb_ads.read_purchases(text[]) is
  'Rows of fb_ads.purchases by reference. Called by fb_ads.find_purchases.';

create function fb_ads.means_paid(status text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(lower(status) = any (settings.completed_statuses), false)
    or exists (select from fb_ads.attached_tables as attached where lower(status) = any (attached.completed_statuses))
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.means_paid(text) is
  'Whether a status means paid, for a host whose fb_ads.purchases leaves '
  'is_completed null: by the settings, or by any attached table.';

-- Definer: the host need not grant its tables to service_role. Gives out only the sales asked for.
create function fb_ads.find_purchases(refs text[])
returns setof jsonb language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  sales jsonb[];
begin
  -- A host that dropped a table with cascade dropped the view as well: its sales wait until the view is there again.
  if to_regclass('fb_ads.purchases') is null then
    return;
  end if;
  begin
    sales := array(select fb_ads.read_purchases(refs));
  exception when data_exception or cardinality_violation or raise_exception then
    if cardinality(refs) = 1 then
      raise warning 'fb_ads: transaction % could not be read (%)', refs[1], sqlstate;
      return next jsonb_build_object('transaction_ref', refs[1], 'is_unreadable', true);
      return;
    end if;
    -- One sale that the host's view cannot read must not hold up the others.
    sales := array(select fb_ads.find_purchases(array[given.ref]) from unnest(refs) as given (ref));
    if not exists (select from unnest(sales) as found_sale where not found_sale ? 'is_unreadable') then
      -- No sale can be read: the view is at fault, and all wait until it is mended.
      raise;
    end if;
  end;
  return query
    select found_sale || jsonb_build_object(
      'is_completed', coalesce((found_sale ->> 'is_completed')::boolean, fb_ads.means_paid(found_sale ->> 'status'))
    )
    from unnest(sales) as found_sale;
end;
$$;

comment on function fb_ads.find_purchases(text[]) is
  'Rows of fb_ads.purchases by reference, as JSON with value as text, through the host''s own key index; none where '
  'the view is gone. Of a sale that cannot be read it gives {transaction_ref, is_unreadable}, with a warning: it is '
  'neither paid nor deleted.';

create function fb_ads.order_ids_of_sale(sale jsonb)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array[sale ->> 'transaction_ref', sale ->> 'order_id', sale ->> 'transaction_id'];
$$;

comment on function fb_ads.order_ids_of_sale(jsonb) is 'By which order ids a checkout may name this sale.';

create function fb_ads.person_digests_of_sale(sale jsonb)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array(
    select fb_ads.digest_of(known.value)
    from (
      values
        (case when sale ->> 'email' like '%@%' then sale ->> 'email' end),
        (nullif(regexp_replace(sale ->> 'phone', '[^0-9]', '', 'g'), ''))
    ) as known (value)
    where known.value is not null
  );
$$;

comment on function fb_ads.person_digests_of_sale(jsonb) is
  'Digests of the e-mail address and of the phone number''s digits that the host keeps of a sale. A number without its '
  'country code has another digest than Meta''s ph: it then finds nothing.';

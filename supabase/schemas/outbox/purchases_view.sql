-- The one view through which this suite reads the host: fb_ads.purchases.
-- Why a function makes it: over the host's standard tables it is made at once, now or when they are attached. A host
-- with other tables defines it itself, with create or replace view and these columns in this order (more may follow at
-- the end).
-- Reading the host's catalogue and making a view takes no lock that a running host would notice; its tables are not
-- touched.

create function fb_ads.column_or_null(alias text, host_table regclass, column_names text[], type_name text)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    (
      select format('%I.%I::%s', alias, wanted.name, type_name)
      from unnest(column_names) with ordinality as wanted (name, position)
      where host_table is not null and fb_ads.has_column(host_table, wanted.name)
      order by wanted.position
      limit 1
    ),
    format('null::%s', type_name)
  );
$$;

comment on function fb_ads.column_or_null(text, regclass, text[], text) is
  'SQL text of the first of these columns that the table has, cast to a '
  'type; of a null of that type where it has none.';

create function fb_ads.standard_purchases_query()
returns text language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  sales regclass := to_regclass('public.transactions');
  people regclass := to_regclass('public.unified_profiles');
  statuses text[];
begin
  if sales is null or not fb_ads.has_column(sales, 'status') or not exists (
    select from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = sales and attribute.attname = 'id' and attribute.atttypid = 'uuid'::regtype
  ) then
    return null;
  end if;
  if people is not null and not (fb_ads.has_column(sales, 'user_id') and fb_ads.has_column(people, 'id')) then
    people := null;
  end if;
  select coalesce(
    (
      select attached.completed_statuses
      from fb_ads.attached_tables as attached
      where to_regclass(attached.host_table) = sales
    ),
    settings.completed_statuses
  )
  into statuses
  from fb_ads.settings as settings;

  return concat_ws(
    ', ',
    'select sale.id::text as transaction_ref',
    fb_ads.column_or_null('sale', sales, array['user_id'], 'text') || ' as user_ref',
    'sale.id as transaction_id',
    case when exists (
      select from pg_catalog.pg_attribute as attribute
      where attribute.attrelid = sales and attribute.attname = 'user_id' and attribute.atttypid = 'uuid'::regtype
    ) then 'sale.user_id' else 'null::uuid' end || ' as user_id',
    'null::bigint as transaction_number',
    fb_ads.column_or_null('sale', sales, array['source'], 'text') || ' as source',
    'sale.status::text as status',
    format('coalesce(lower(sale.status::text) = any (%L::text[]), false) as is_completed', statuses),
    fb_ads.column_or_null('sale', sales, array['completed_at', 'paid_at'], 'timestamptz') || ' as completed_at',
    fb_ads.column_or_null('sale', sales, array['checkout_at', 'created_at'], 'timestamptz') || ' as checkout_at',
    fb_ads.column_or_null('sale', sales, array['amount', 'value'], 'numeric') || ' as value',
    fb_ads.column_or_null('sale', sales, array['refunded_amount', 'amount_refunded'], 'numeric')
      || ' as refunded_amount',
    fb_ads.column_or_null('sale', sales, array['currency'], 'text') || ' as currency',
    fb_ads.column_or_null('sale', sales, array['order_id', 'order_number', 'external_id'], 'text') || ' as order_id',
    fb_ads.column_or_null('sale', sales, array['content_ids', 'product_ids'], 'text[]') || ' as content_ids',
    fb_ads.column_or_null('sale', sales, array['contents'], 'jsonb') || ' as contents',
    fb_ads.column_or_null('person', people, array['email'], 'text') || ' as email',
    fb_ads.column_or_null('person', people, array['phone'], 'text') || ' as phone',
    fb_ads.column_or_null('person', people, array['first_name'], 'text') || ' as first_name',
    fb_ads.column_or_null('person', people, array['last_name'], 'text') || ' as last_name',
    fb_ads.column_or_null('person', people, array['city'], 'text') || ' as city',
    fb_ads.column_or_null('person', people, array['state'], 'text') || ' as state',
    fb_ads.column_or_null('person', people, array['zip'], 'text') || ' as zip',
    fb_ads.column_or_null('person', people, array['country'], 'text') || ' as country'
  ) || ' from public.transactions as sale'
    -- Compared as text where the types differ; without a cast where they do not, for the index.
    || case
      when people is null then ''
      when (
        select count(distinct attribute.atttypid)
        from pg_catalog.pg_attribute as attribute
        where (attribute.attrelid, attribute.attname) in ((sales, 'user_id'), (people, 'id'))
      ) = 1 then ' left join public.unified_profiles as person on person.id = sale.user_id'
      else ' left join public.unified_profiles as person on person.id::text = sale.user_id::text'
    end;
end;
$$;

comment on function fb_ads.standard_purchases_query() is
  'The query of fb_ads.purchases over public.transactions (id uuid, status, ...) and public.unified_profiles, with '
  'null for what they lack; null where the host has no such tables.';

create view fb_ads.purchases with (security_invoker = true) as
select
  null::text as transaction_ref,
  null::text as user_ref,
  null::uuid as transaction_id,
  null::uuid as user_id,
  null::bigint as transaction_number,
  null::text as source,
  null::text as status,
  null::boolean as is_completed,
  null::timestamptz as completed_at,
  null::timestamptz as checkout_at,
  null::numeric as value,
  null::numeric as refunded_amount,
  null::text as currency,
  null::text as order_id,
  null::text[] as content_ids,
  null::jsonb as contents,
  null::text as email,
  null::text as phone,
  null::text as first_name,
  null::text as last_name,
  null::text as city,
  null::text as state,
  null::text as zip,
  null::text as country
where false;

comment on view fb_ads.purchases is
  'All that this suite reads of the host: one row a transaction. Made over transactions and unified_profiles where '
  'the host has them; otherwise empty until the host defines it with create or replace view, these columns first and '
  'in this order.';
comment on column fb_ads.purchases.transaction_ref is
  'The transaction''s key as text, after the ref_prefix of its attached '
  'table; unique. It is the event_id of the Purchase.';
comment on column fb_ads.purchases.user_ref is
  'The buyer''s key as text, the same that the user''s token carries as sub; null for a guest.';
comment on column fb_ads.purchases.transaction_id is
  'The transaction''s key where it is a uuid (without a cast, so that its index serves); null otherwise, and for '
  'every table but the first whose key is a uuid.';
comment on column fb_ads.purchases.user_id is
  'The buyer''s key where it is a uuid of unified_profiles; null otherwise.';
comment on column fb_ads.purchases.transaction_number is
  'The transaction''s key where it is an integer (without a cast, so that its index serves); null otherwise.';
comment on column fb_ads.purchases.source is 'What is sold here: p2p, canva, ...';
comment on column fb_ads.purchases.status is 'The host''s word for how far the transaction is.';
comment on column fb_ads.purchases.is_completed is
  'Whether that status means paid; where it is null, '
  'settings.completed_statuses and those of the attached tables say so.';
comment on column fb_ads.purchases.completed_at is 'When it was paid: the event_time of the Purchase.';
comment on column fb_ads.purchases.checkout_at is 'When the checkout or the transaction began.';
comment on column fb_ads.purchases.value is 'What was paid, in major units of currency.';
comment on column fb_ads.purchases.refunded_amount is
  'How much of it was paid back, in the same currency; null or 0 for nothing.';
comment on column fb_ads.purchases.currency is 'ISO 4217 code of value.';
comment on column fb_ads.purchases.order_id is
  'The order number that the shopper''s checkout event may carry as '
  'custom_data.order_id; null where the key is all there is.';
comment on column fb_ads.purchases.content_ids is 'Ids of what was sold, as the catalogue at Meta knows them.';
comment on column fb_ads.purchases.contents is 'Meta''s contents: a list of {id, quantity, item_price}.';
comment on column fb_ads.purchases.email is
  'The buyer''s e-mail address, in clear: it is hashed on the way to Meta and stored nowhere.';
comment on column fb_ads.purchases.phone is 'The buyer''s phone number, as the host keeps it.';
comment on column fb_ads.purchases.first_name is 'The buyer''s first name.';
comment on column fb_ads.purchases.last_name is 'The buyer''s last name.';
comment on column fb_ads.purchases.city is 'The buyer''s city.';
comment on column fb_ads.purchases.state is 'The buyer''s state or province.';
comment on column fb_ads.purchases.zip is 'The buyer''s postcode.';
comment on column fb_ads.purchases.country is 'The buyer''s country.';

create function fb_ads.make_purchases_view()
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  query text := fb_ads.standard_purchases_query();
begin
  if query is null then
    return false;
  end if;
  if to_regclass('fb_ads.purchases') is not null and not exists (
    select from fb_ads.settings as settings
    where settings.purchases_view_md5 = md5(pg_get_viewdef(to_regclass('fb_ads.purchases')))
  ) then
    return false;
  end if;
  execute 'create or replace view fb_ads.purchases with (security_invoker = true) as ' || query;
  grant select on fb_ads.purchases to service_role;
  update fb_ads.settings set purchases_view_md5 = md5(pg_get_viewdef(to_regclass('fb_ads.purchases')))
  where id;
  return true;
end;
$$;

comment on function fb_ads.make_purchases_view() is
  'Makes fb_ads.purchases (again) over the host''s standard tables, with the columns that they have now. False where '
  'the host has others, or has defined the view itself. Call it after adding a column to them.';

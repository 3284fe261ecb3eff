-- The host's tables of transactions that the purchase triggers are on, and what their catalogue says.
-- Why remembered: the sweep looks at the same tables with the same columns, and nothing completed before attached_at is
-- ever sent.

create table fb_ads.attached_tables (
  id integer generated always as identity primary key,
  host_table text not null unique,
  key_column text not null,
  status_column text not null,
  completed_statuses text[] not null,
  completed_at_column text,
  created_at_column text,
  user_column text,
  ref_prefix text not null default '',
  source text,
  capture_function text not null unique,
  attached_at timestamptz not null default now(),
  constraint completed_statuses_are_lower_case check (completed_statuses::text = lower(completed_statuses::text)),
  constraint completed_statuses_are_named check (cardinality(completed_statuses) > 0)
);

comment on table fb_ads.attached_tables is
  'Host tables that fb_ads.attach_transactions put the purchase triggers on. Written by it and by '
  'fb_ads.detach_transactions alone.';
comment on column fb_ads.attached_tables.id is 'Our key.';
comment on column fb_ads.attached_tables.host_table is 'Schema and name of the table, quoted where needed.';
comment on column fb_ads.attached_tables.key_column is 'Column that identifies a transaction; of any type, never null.';
comment on column fb_ads.attached_tables.status_column is 'Column that says how far a transaction is.';
comment on column fb_ads.attached_tables.completed_statuses is
  'Values of status_column, in lower case, that mean paid.';
comment on column fb_ads.attached_tables.completed_at_column is
  'Column that says when it was paid; null where the table has none: then the time of the statement counts.';
comment on column fb_ads.attached_tables.created_at_column is
  'Column that says when the transaction began; the sweep goes by it where completed_at_column is null.';
comment on column fb_ads.attached_tables.user_column is 'Column that holds the buyer''s key; null where there is none.';
comment on column fb_ads.attached_tables.ref_prefix is
  'Put before the key to make transaction_ref, so that two tables with counting keys '
  'do not collide. Must be what fb_ads.purchases puts there.';
comment on column fb_ads.attached_tables.source is
  'What is sold through this table (p2p, canva, ...); null where a column of the host says it.';
comment on column fb_ads.attached_tables.capture_function is
  'Name, in schema fb_ads, of the trigger function made for this table.';
comment on column fb_ads.attached_tables.attached_at is
  'Since when sales of this table are reported. Nothing completed before is ever sent.';

alter table fb_ads.attached_tables enable row level security;

create function fb_ads.has_column(host_table regclass, column_name text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = host_table
      and attribute.attname = column_name
      and attribute.attnum > 0
      and not attribute.attisdropped
  );
$$;

comment on function fb_ads.has_column(regclass, text) is 'Whether a table has a column of that name.';

create function fb_ads.first_column(host_table regclass, column_names text[])
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select wanted.name
  from unnest(column_names) with ordinality as wanted (name, position)
  where fb_ads.has_column(host_table, wanted.name)
  order by wanted.position
  limit 1;
$$;

comment on function fb_ads.first_column(regclass, text[]) is
  'The first of these columns that the table has; null when it has none.';

create function fb_ads.is_uuid_key(host_table regclass, column_name text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from pg_catalog.pg_attribute as attribute
    join pg_catalog.pg_index as unique_index
      on unique_index.indrelid = attribute.attrelid and unique_index.indisunique and unique_index.indpred is null
      and unique_index.indnkeyatts = 1 and unique_index.indkey[0] = attribute.attnum
    where attribute.attrelid = host_table and attribute.attname = column_name and attribute.atttypid = 'uuid'::regtype
  );
$$;

comment on function fb_ads.is_uuid_key(regclass, text) is
  'Whether a column is a uuid with a unique index of its own, so that a foreign key may refer to it.';

-- What a sale is worth now, as one reading of the host says.
-- Why a sale is taken as paid under any status that is not listed: hosts go on from paid to shipped, delivered or
-- partially refunded, and the noted completion proves the payment.

create type fb_ads.sale_worth as (
  current_value numeric,
  reversed_value numeric,
  net_value numeric,
  reversal_reason text
);

comment on type fb_ads.sale_worth is
  'What a sale is worth now. reversal_reason is null while it counts as a sale; then: refunded, charged_back, unpaid, '
  'negative_value or deleted.';

create function fb_ads.worth_of_sale(sale jsonb)
returns fb_ads.sale_worth language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with reading as (
    select
      (sale ->> 'value')::numeric as value,
      greatest(coalesce((sale ->> 'refunded_amount')::numeric, 0), 0) as refunded,
      coalesce((sale ->> 'is_completed')::boolean, false) as is_completed,
      lower(btrim(sale ->> 'status')) as status
  ),
  read as (
    select
      reading.value,
      reading.refunded,
      case
        when reading.value < 0 then 'negative_value'
        when reading.status = any (settings.charged_back_statuses) then 'charged_back'
        when not reading.is_completed and reading.status = any (settings.unpaid_statuses) then 'unpaid'
        when reading.refunded >= nullif(reading.value, 0) then 'refunded'
        when reading.refunded = 0 and reading.status = any (settings.refunded_statuses) then 'refunded'
      end as reason
    from reading
    cross join fb_ads.settings as settings
  ),
  taken_back as (
    select
      read.value,
      read.reason,
      case
        when read.reason is not null then greatest(coalesce(read.value, 0), 0)
        else least(read.refunded, coalesce(read.value, 0))
      end as reversed
    from read
  )
  select taken_back.value, taken_back.reversed,
    case when taken_back.reason is null then taken_back.value - taken_back.reversed else 0 end, taken_back.reason
  from taken_back;
$$;

comment on function fb_ads.worth_of_sale(jsonb) is
  'What a row of fb_ads.purchases says that a sale is worth: all of it is taken back when it was charged back, is not '
  'paid any more, has a negative value, or was refunded and no amount says how much; else the refunded amount is.';

create function fb_ads.is_sale(sale jsonb)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce((sale ->> 'is_completed')::boolean, false)
    or not lower(btrim(sale ->> 'status')) = any (settings.unpaid_statuses)
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.is_sale(jsonb) is
  'Whether a row of fb_ads.purchases whose completion was once noted is a sale: its status does not say unpaid.';

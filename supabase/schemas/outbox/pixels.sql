-- What is known of each pixel: whether it takes events, and what waits while it does not.

create table fb_ads.pixels (
  pixel_id text primary key,
  state text not null default 'open',
  blocked_at timestamptz,
  blocked_token text,
  probed_at timestamptz,
  throttled_until timestamptz,
  throttled_count integer not null default 0,
  code integer,
  subcode integer,
  fbtrace_id text,
  reason text,
  updated_at timestamptz not null default now(),
  constraint pixel_id_is_digits check (pixel_id ~ '^[0-9]{1,20}$'),
  constraint state_is_known check (state in ('open', 'blocked')),
  constraint blocked_has_blocked_at check ((state = 'blocked') = (blocked_at is not null))
);

comment on table fb_ads.pixels is
  'What stops a pixel from taking events: a dead token or permission, or Meta''s throttling.';
comment on column fb_ads.pixels.pixel_id is 'Meta''s id of the pixel.';
comment on column fb_ads.pixels.state is
  'open; or blocked: its token or permission is dead. Its events wait, one is tried a minute, and all go when that '
  'succeeds or Vault has another token.';
comment on column fb_ads.pixels.blocked_at is 'Since when it is blocked.';
comment on column fb_ads.pixels.blocked_token is
  'Fingerprint of the token that Meta refused; empty when Vault had none.';
comment on column fb_ads.pixels.probed_at is 'When one event was last tried while blocked.';
comment on column fb_ads.pixels.throttled_until is 'Meta throttles: nothing is sent before.';
comment on column fb_ads.pixels.throttled_count is 'Throttlings in a row, each longer than the one before.';
comment on column fb_ads.pixels.code is 'Meta''s error code of the last refusal that concerned the whole pixel.';
comment on column fb_ads.pixels.subcode is 'Meta''s error_subcode of it.';
comment on column fb_ads.pixels.fbtrace_id is 'Meta''s trace id of it.';
comment on column fb_ads.pixels.reason is 'Our word for it: token_dead, permission, no_token, throttled.';
comment on column fb_ads.pixels.updated_at is 'When this row last changed.';

alter table fb_ads.pixels enable row level security;

create function fb_ads.unblock_deliveries(pixel_ids text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.event_deliveries as delivery
  set state = 'pending', next_attempt_at = now()
  where (delivery.event_row_id, delivery.pixel_id) in (
    select blocked.event_row_id, blocked.pixel_id
    from fb_ads.event_deliveries as blocked
    where blocked.state = 'blocked' and blocked.pixel_id = any (unblock_deliveries.pixel_ids)
    limit 20000
    for update skip locked
  );
$$;

comment on function fb_ads.unblock_deliveries(text[]) is
  'Makes blocked deliveries of these pixels pending, at most 20,000 a call: a day of them would not fit into the Data '
  'API''s 8 s. The next claim goes on.';

create function fb_ads.block_deliveries(pixel_ids text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.event_deliveries as delivery
  set
    state = 'blocked', code = pixel.code, subcode = pixel.subcode, fbtrace_id = pixel.fbtrace_id, reason = pixel.reason
  from fb_ads.pixels as pixel
  where delivery.pixel_id = pixel.pixel_id
    and (delivery.event_row_id, delivery.pixel_id) in (
      select pending.event_row_id, pending.pixel_id
      from fb_ads.event_deliveries as pending
      where pending.state = 'pending' and pending.pixel_id = any (block_deliveries.pixel_ids)
      limit 20000
      for update skip locked
    );
$$;

comment on function fb_ads.block_deliveries(text[]) is
  'Marks what waits for these pixels as blocked, at most 20,000 a call.';

create type fb_ads.pixel_token as (
  pixel_id text,
  token_fingerprint text
);

comment on type fb_ads.pixel_token is
  'A pixel, and the name of the token that Vault has for it; null where it has none.';

create function fb_ads.resume_pixels(pixels jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  insert into fb_ads.pixels (pixel_id)
  select given.pixel_id
  from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as given
  on conflict (pixel_id) do nothing;

  -- Vault has another token than the one that Meta refused.
  update fb_ads.pixels as pixel
  set state = 'open', blocked_at = null, blocked_token = null, probed_at = null, code = null, subcode = null,
    fbtrace_id = null, reason = null, updated_at = now()
  from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as given
  where pixel.pixel_id = given.pixel_id and pixel.state = 'blocked'
    and given.token_fingerprint is not null and given.token_fingerprint <> coalesce(pixel.blocked_token, '');

  -- Vault has none at all.
  update fb_ads.pixels as pixel
  set state = 'blocked', blocked_at = now(), blocked_token = '', reason = 'no_token', updated_at = now()
  from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as given
  where pixel.pixel_id = given.pixel_id and pixel.state = 'open' and given.token_fingerprint is null;

  perform fb_ads.unblock_deliveries(array(
    select pixel.pixel_id from fb_ads.pixels as pixel
    where pixel.state = 'open'
      and pixel.pixel_id in (
        select given.pixel_id from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as given
      )
  ));
  perform fb_ads.block_deliveries(
    array(select pixel.pixel_id from fb_ads.pixels as pixel where pixel.state = 'blocked')
  );
end;
$$;

comment on function fb_ads.resume_pixels(jsonb) is
  'Opens blocked pixels for which Vault has a new token, blocks those for which '
  'it has none, and keeps their deliveries in step.';

create function fb_ads.record_pixels(pixels jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  given record;
begin
  for given in
    select *
    from jsonb_to_recordset(pixels) as received (
      pixel_id text, change text, token_fingerprint text, seconds double precision, code integer, subcode integer,
      fbtrace_id text, reason text
    )
    order by received.pixel_id
  loop
    if given.change = 'open' then
      update fb_ads.pixels as pixel
      set state = 'open', blocked_at = null, blocked_token = null, probed_at = null, throttled_until = null,
        throttled_count = 0, code = null, subcode = null, fbtrace_id = null, reason = null, updated_at = now()
      where pixel.pixel_id = given.pixel_id
        and (pixel.state <> 'open' or pixel.throttled_count > 0 or pixel.reason is not null);
      if found then
        perform fb_ads.unblock_deliveries(array[given.pixel_id]);
      end if;
    elsif given.change = 'block' then
      insert into fb_ads.pixels as pixel (
        pixel_id, state, blocked_at, blocked_token, probed_at, code, subcode, fbtrace_id, reason
      )
      values (
        given.pixel_id, 'blocked', now(), coalesce(given.token_fingerprint, ''), now(), given.code, given.subcode,
        given.fbtrace_id, given.reason
      )
      on conflict (pixel_id) do update
      set state = 'blocked', blocked_at = coalesce(pixel.blocked_at, now()), blocked_token = excluded.blocked_token,
        probed_at = now(), code = excluded.code, subcode = excluded.subcode, fbtrace_id = excluded.fbtrace_id,
        reason = excluded.reason, updated_at = now();
      perform fb_ads.block_deliveries(array[given.pixel_id]);
    elsif given.change = 'throttle' then
      insert into fb_ads.pixels as pixel (pixel_id, throttled_until, throttled_count, code, subcode, fbtrace_id, reason)
      values (
        given.pixel_id, now() + least(86400, greatest(given.seconds, 60)) * interval '1 second', 1, given.code,
        given.subcode, given.fbtrace_id, given.reason
      )
      on conflict (pixel_id) do update
      set throttled_until = now() + least(
        86400, greatest(coalesce(given.seconds, 0), least(3600, 60 * power(2, least(pixel.throttled_count, 6))))
      )
          * interval '1 second',
        throttled_count = pixel.throttled_count + 1, code = excluded.code, subcode = excluded.subcode,
        fbtrace_id = excluded.fbtrace_id,
        reason = excluded.reason, updated_at = now();
    end if;
  end loop;
end;
$$;

comment on function fb_ads.record_pixels(jsonb) is
  'Keeps what an answer of Meta''s said of whole pixels: open (it took events), block (token or permission dead), '
  'throttle (throttled: 1 min, 2, 4, ... to 1 h, or longer where Meta asks for it, to a day).';

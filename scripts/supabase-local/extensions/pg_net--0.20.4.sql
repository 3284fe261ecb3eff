-- Stand-in for pg_net 0.20.4: the same functions, unlogged tables, grants to PUBLIC and synchronous errors. The sending
-- is done by a worker outside the server, which net.wake() reaches by NOTIFY: at commit, once a transaction, as the
-- real one.

create schema net;

create domain net.http_method as text
check (value ilike 'get' or value ilike 'post' or value ilike 'delete');

create unlogged table net.http_request_queue (
  id bigserial,
  method net.http_method not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds int not null
);

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out bool,
  error_msg text,
  created timestamptz not null default now()
);
create index on net._http_response (created);

create function net.wake() returns void
language plpgsql
as $$
begin
  perform pg_catalog.pg_notify('pg_net_wake', '');
end
$$;

create function net.worker_restart() returns boolean
language plpgsql
as $$
begin
  perform net.wake();
  return true;
end
$$;

create function net.check_worker_is_up() returns void
language plpgsql
as $$
begin
  if not exists (select from pg_catalog.pg_stat_activity where application_name = 'pg_net worker') then
    raise exception 'the pg_net background worker is not up'
      using detail = 'the pg_net background worker is down due to an internal error and cannot process requests',
        hint = 'make sure that you didn''t modify any of pg_net internal tables';
  end if;
end
$$;

create function net.wait_until_running() returns void
language plpgsql
as $$
begin
  perform net.check_worker_is_up();
end
$$;

create function net._urlencode_string(string text) returns text
language plpgsql immutable strict
as $$
begin
  return (
    select coalesce(
      pg_catalog.string_agg(
        case
          when byte between 48 and 57 or byte between 65 and 90 or byte between 97 and 122 or byte in (45, 46, 95, 126)
            then pg_catalog.chr(byte)
          else '%' || pg_catalog.upper(pg_catalog.lpad(pg_catalog.to_hex(byte), 2, '0'))
        end,
        '' order by position
      ),
      ''
    )
    from pg_catalog.generate_series(0, pg_catalog.octet_length(pg_catalog.convert_to(string, 'UTF8')) - 1) as position,
      lateral (select pg_catalog.get_byte(pg_catalog.convert_to(string, 'UTF8'), position) as byte) as bytes
  );
end
$$;

create function net._encode_url_with_params_array(url text, params_array text[]) returns text
language plpgsql immutable strict
as $$
declare
  bare_url text := pg_catalog.split_part(url, '#', 1);
  fragment text := pg_catalog.substr(url, pg_catalog.length(pg_catalog.split_part(url, '#', 1)) + 1);
begin
  if url !~ '^[A-Za-z][A-Za-z0-9+.-]*://' then
    raise exception 'invalid URL %: Bad scheme', url using errcode = 'XX000';
  end if;
  if pg_catalog.cardinality(params_array) = 0 then
    return url;
  end if;
  return bare_url
    || case when pg_catalog.strpos(bare_url, '?') > 0 then '&' else '?' end
    || pg_catalog.array_to_string(params_array, '&')
    || fragment;
end
$$;

create function net._encode_params(params jsonb) returns text[]
language sql immutable
as $$
  select coalesce(
    pg_catalog.array_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value)),
    '{}'
  )
  from pg_catalog.jsonb_each_text(params)
$$;

create function net.http_get(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds int default 5000
) returns bigint
language plpgsql
as $$
declare
  request_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
  values (
    'GET',
    net._encode_url_with_params_array(http_get.url, net._encode_params(params)),
    http_get.headers,
    http_get.timeout_milliseconds
  )
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;

create function net.http_post(
  url text,
  body jsonb default '{}'::jsonb,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
  timeout_milliseconds int default 5000
) returns bigint
language plpgsql
as $$
declare
  request_id bigint;
  content_type text;
  sent_headers jsonb := headers;
begin
  select header_value into content_type
  from pg_catalog.jsonb_each_text(coalesce(headers, '{}'::jsonb)) as header (header_name, header_value)
  where pg_catalog.lower(header_name) = 'content-type'
  limit 1;

  if content_type is null then
    sent_headers := headers || '{"Content-Type": "application/json"}'::jsonb;
  end if;

  if content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;

  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'POST',
    net._encode_url_with_params_array(http_post.url, net._encode_params(params)),
    sent_headers,
    pg_catalog.convert_to(http_post.body::text, 'UTF8'),
    http_post.timeout_milliseconds
  )
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;

create function net.http_delete(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds int default 5000,
  body jsonb default null
) returns bigint
language plpgsql
as $$
declare
  request_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'DELETE',
    net._encode_url_with_params_array(http_delete.url, net._encode_params(params)),
    http_delete.headers,
    pg_catalog.convert_to(http_delete.body::text, 'UTF8'),
    http_delete.timeout_milliseconds
  )
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;

create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');
create type net.http_response as (status_code integer, headers jsonb, body text);
create type net.http_response_result as (status net.request_status, message text, response net.http_response);

create function net._http_collect_response(request_id bigint, async bool default true)
returns net.http_response_result
language plpgsql
as $$
declare
  found_response net._http_response;
begin
  loop
    select r.* into found_response from net._http_response r where r.id = request_id;
    if found then
      if found_response.error_msg is not null then
        return ('ERROR', found_response.error_msg, null)::net.http_response_result;
      end if;
      return (
        'SUCCESS',
        'ok',
        (found_response.status_code, found_response.headers, found_response.content)::net.http_response
      )::net.http_response_result;
    end if;
    if not exists (select from net.http_request_queue q where q.id = request_id) and async then
      return ('ERROR', 'request matching request_id not found', null)::net.http_response_result;
    end if;
    if async then
      return ('PENDING', 'request is pending processing', null)::net.http_response_result;
    end if;
    perform pg_catalog.pg_sleep(0.05);
  end loop;
end
$$;

create function net.http_collect_response(request_id bigint, async bool default true)
returns net.http_response_result
language plpgsql
as $$
begin
  raise notice 'The net.http_collect_response function is deprecated.';
  return net._http_collect_response(request_id, async);
end
$$;

grant usage on schema net to public;
grant all on all sequences in schema net to public;
grant all on all tables in schema net to public;

-- Which ids the pages of a list held, so that a complete list tells what is gone at Meta.

create unlogged table fb_ads.sync_seen_pages (
  job_id bigint not null references fb_ads.sync_jobs (id) on delete cascade,
  page_number integer not null,
  fb_ids text[] not null,
  primary key (job_id, page_number)
);

comment on table fb_ads.sync_seen_pages is
  'Which ids each page of a list held, to tell deleted objects when the list is complete. Unlogged: when a crash '
  'empties it, nothing counts as deleted and the list is read again.';
comment on column fb_ads.sync_seen_pages.job_id is 'The list.';
comment on column fb_ads.sync_seen_pages.page_number is 'Page, from 1, as in sync_jobs.page_count.';
comment on column fb_ads.sync_seen_pages.fb_ids is 'Meta''s ids on that page.';

alter table fb_ads.sync_seen_pages enable row level security;

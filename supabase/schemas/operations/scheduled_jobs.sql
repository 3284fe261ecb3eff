-- The cron jobs that must exist.
-- Why remembered: a job that somebody switched off or dropped leaves no trace in cron.job, so nothing else could miss
-- it. A migration that schedules a job adds its row.

create table fb_ads.scheduled_jobs (
  jobname text primary key,
  schedule text not null,
  command text not null,
  cursor jsonb,
  created_at timestamptz not null default now()
);

comment on table fb_ads.scheduled_jobs is
  'The cron jobs of this suite as they were installed; alerts and the doctor compare cron.job with it. Delete the row '
  'of a job that you do not want.';
comment on column fb_ads.scheduled_jobs.jobname is 'Name in cron.job.';
comment on column fb_ads.scheduled_jobs.schedule is 'When it ran as installed, in UTC. Another time is no problem.';
comment on column fb_ads.scheduled_jobs.command is 'What it runs.';
comment on column fb_ads.scheduled_jobs.cursor is
  'How far a job has come that works in batches; fb_ads.tick goes on from there. Null: nothing is left.';
comment on column fb_ads.scheduled_jobs.created_at is 'When it was installed.';

alter table fb_ads.scheduled_jobs enable row level security;

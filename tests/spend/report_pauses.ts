/**
 * Reports whose pauses are over at once. How long they are is the claim of one test (`sync_insights_pauses_test.ts`);
 * all others only have to come through them.
 *
 * @module
 */

import type { Platform } from "../../scripts/supabase-local/mod.ts";

/**
 * Shortens the pauses between two looks at a report that an invocation sits out itself, which are up to 15 s. A longer
 * one is a throttle, and stays.
 */
export async function shortenReportPauses({ sql }: Platform): Promise<void> {
  await sql.unsafe(`
    create function fb_ads.shorten_report_pause() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp as $$
    begin
      new.not_before = now() + interval '50 milliseconds';
      return new;
    end $$;
    create trigger shorten_report_pause before update on fb_ads.sync_jobs for each row
    when (
      new.state = 'pending' and new.params ? 'report'
      and new.not_before > now() + interval '50 milliseconds' and new.not_before <= now() + interval '15 seconds'
    )
    execute function fb_ads.shorten_report_pause();
  `).simple();
}

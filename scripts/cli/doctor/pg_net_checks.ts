/**
 * Whether pg_net sends what the database hands to it. The functions may be well and yet never be called; only its queue
 * and its answers tell.
 *
 * @module
 */

import type { Finding, Patient } from "./finding.ts";

/** A batch ends with its slowest request; ours have 5 s. A first row that outlives this is not being taken. */
const STANDS_MS = 8_000;
const RESTART = "select net.worker_restart(); if that does not help, restart the database";

/** Whether pg_net's worker lives; null where this version of pg_net does not say. */
async function isWorkerUp({ database }: Patient): Promise<boolean | null> {
  try {
    await database.query("select net.check_worker_is_up()::text as up");
    return true;
  } catch (error) {
    return error instanceof Error && /worker is not up/.test(error.message) ? false : null;
  }
}

async function readQueue({ database }: Patient): Promise<{ count: number; first: unknown }> {
  const [row] = await database.query("select count(*) as count, min(id) as first from net.http_request_queue");
  return { count: Number(row?.count ?? 0), first: row?.first };
}

const waiting = (count: number): string => count === 1 ? "1 request waits" : `${count} requests wait`;

/** The queue has no times, so its first row is looked at twice. */
async function checkQueue(patient: Patient): Promise<Finding> {
  const check = "pg_net:queue";
  const before = await readQueue(patient);
  if (before.count === 0) return { check, severity: "ok", found: "nothing waits to be sent" };
  await new Promise((resolve) => setTimeout(resolve, STANDS_MS));
  const { count, first } = await readQueue(patient);
  if (first !== before.first) return { check, severity: "ok", found: `it moves; ${waiting(count)}` };
  return {
    check,
    severity: "error",
    found: `${waiting(count)}, and for ${STANDS_MS / 1_000} s the first of them was not taken.`,
    cost: "No function is called: nothing is synced, sales are not sent, and the alerts' webhook is silent too.",
    remedy: RESTART,
  };
}

/** pg_net keeps answers for some hours, and does not say whose request they are of. */
async function checkAnswers({ database }: Patient): Promise<Finding> {
  const check = "pg_net:answers";
  const rows = await database.query(`
    with recent as (
      select created, coalesce(error_msg, 'HTTP ' || status_code, 'no answer') as outcome,
        status_code between 200 and 299 as is_well
      from net._http_response where created > now() - interval '1 hour' order by created desc limit 200
    )
    select regexp_replace(outcome, '^(Timeout of \\d+ ms reached).*$', '\\1') as outcome, bool_and(is_well) as is_well,
      count(*) as count, to_char(max(created) at time zone 'utc', 'YYYY-MM-DD HH24:MI') as last,
      fb_ads.answer_remedy(min(outcome)) as remedy
    from recent group by 1 order by max(created) desc`);
  const total = rows.reduce((sum, row) => sum + Number(row.count), 0);
  const bad = rows.filter((row) => row.is_well !== true);
  if (bad.length === 0) {
    return {
      check,
      severity: "ok",
      found: total === 0 ? "none in the last hour" : `${total} in the last hour, all well`,
    };
  }
  const counted = bad.reduce((sum, row) => sum + Number(row.count), 0);
  return {
    check,
    severity: counted === total ? "error" : "warning",
    found: `Of the ${total} last answers of the last hour ${counted} are bad (those to requests of your own count too)`,
    items: bad.map((row) => `${row.count} × ${row.outcome}, last at ${row.last} UTC`),
    cost: "What those requests asked for was not done; the next tick asks again.",
    remedy: String(bad[0]?.remedy),
  };
}

/** Looks at the worker, its queue and its answers. Takes some seconds longer where something waits. */
export async function checkPgNet(patient: Patient): Promise<Finding[]> {
  const isUp = await isWorkerUp(patient);
  const worker: Finding = isUp === false
    ? {
      check: "pg_net:worker",
      severity: "error",
      found: "pg_net's worker is stopped.",
      cost: "No function is called: nothing is synced, sales are not sent, and the alerts' webhook is silent too.",
      remedy: RESTART,
    }
    : { check: "pg_net:worker", severity: "ok", found: isUp ? "runs" : "this version of pg_net does not say" };
  return [worker, ...(isUp === false ? [] : [await checkQueue(patient)]), await checkAnswers(patient)];
}

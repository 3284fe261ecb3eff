/**
 * `--send-test-event`: one marked event on the whole way, from the function to Meta's answer.
 *
 * @module
 */

import type { Finding, Patient } from "./finding.ts";
import { readAccess } from "./function_checks.ts";

const PATIENCE_MS = 30_000;
const PAUSE_MS = 500;
const FINAL = new Set(["sent", "dead", "blocked", "expired", "suppressed"]);
const CHECK = "test_event";

/**
 * Sends the event, with a secret key of the project, and waits for what becomes of it. Meta counts test events: it is a
 * custom event that no campaign optimises for, about nobody.
 */
export async function sendTestEvent(
  patient: Patient,
  secretKey: string,
  testEventCode: string | null,
): Promise<Finding[]> {
  const access = await readAccess(patient);
  const remedy = "See the other findings; then send it again.";
  const cost = "Sales would go the same way.";
  if (access === null) {
    return [{
      check: CHECK,
      severity: "error",
      found: "It cannot be sent without address and key in Vault.",
      cost,
      remedy,
    }];
  }
  const event_id = `doctor-${crypto.randomUUID()}`;
  const event = {
    event_name: "DoctorTest",
    event_id,
    event_time: Math.floor(Date.now() / 1000),
    action_source: "system_generated",
    user_data: { external_id: event_id },
    consent: "granted",
    ...(testEventCode === null ? {} : { test_event_code: testEventCode }),
  };
  const response = await patient.fetch(`${access.url}/capi-event`, {
    method: "POST",
    headers: { apikey: secretKey, "content-type": "application/json" },
    body: JSON.stringify(event),
    redirect: "manual",
  });
  const answer = await response.text();
  if (response.status === 401) {
    return [{
      check: CHECK,
      severity: "error",
      found: "capi-event does not take this secret key.",
      cost: "The event was not sent.",
      remedy: "Set SECRET_KEY to a secret key of the project (dashboard > Project Settings > API Keys).",
    }];
  }
  if (response.status !== 202) {
    return [{
      check: CHECK,
      severity: "error",
      found: `capi-event answers HTTP ${response.status}: ${answer.slice(0, 300)}`,
      cost,
      remedy,
    }];
  }
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const rows = await patient.database.query(`
      select delivery.pixel_id, delivery.state, delivery.reason, delivery.code, delivery.fbtrace_id
      from fb_ads.conversion_events as event
      join fb_ads.event_deliveries as delivery on delivery.event_row_id = event.id
      where event.event_id = '${event_id}'`);
    const isFinal = rows.length > 0 && rows.every((row) => FINAL.has(String(row.state)));
    if (isFinal || Date.now() > until) {
      return rows.length === 0 ? [lost(cost, remedy)] : rows.map((row) => findingOf(row, event_id, testEventCode));
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function lost(cost: string, remedy: string): Finding {
  return {
    check: CHECK,
    severity: "error",
    found: "capi-event took it, but it is not stored for any pixel.",
    cost,
    remedy,
  };
}

function findingOf(row: Record<string, unknown>, event_id: string, code: string | null): Finding {
  const check = `${CHECK}:${row.pixel_id}`;
  if (row.state === "sent") {
    return {
      check,
      severity: "ok",
      found: `Meta took it. In Events Manager > pixel ${row.pixel_id} > ${
        code === null
          ? "Overview (within an hour; with the code of the tab Test events it is there at once)"
          : `Test events, with code ${code}`
      }, look for "DoctorTest" with event id ${event_id}`,
    };
  }
  return {
    check,
    severity: "error",
    found: `It is ${row.state}: ${row.reason ?? "no reason yet"}${
      row.code === null ? "" : ` (code ${row.code}, fbtrace_id ${row.fbtrace_id})`
    }.`,
    cost: "Sales would go the same way.",
    remedy: "See the findings about token and pixel; select * from fb_ads.undelivered_events;",
  };
}

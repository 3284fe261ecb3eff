/**
 * `capi-event` under two hundred requests a second for a minute: whether anything is lost, and how long the slowest
 * hundredth waits, beside a function that does one insert and nothing else under the same load.
 *
 * @module
 */

import { dispatchAll, lead, PIXEL, startCapiSuite } from "../testing/shop_suite.ts";
import { until } from "../../supabase-local/waiting.ts";
import type { Suite } from "../testing/suite.ts";
import type { Figure } from "./figure.ts";

const PER_SECOND = 200;

/** A function in a process of its own. */
interface Served extends AsyncDisposable {
  url: string;
}

async function serve({ platform, graph }: Suite, module: string): Promise<Served> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("./serve_function.ts", import.meta.url).pathname, module],
    env: {
      SUPABASE_URL: platform.apiUrl,
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: platform.publishableKey }),
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: platform.secretKey }),
      META_PIXEL_ID: PIXEL,
      META_GRAPH_URL: graph.url,
    },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = new TextDecoder().decode(value).trim();
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}

/** What came of a load. */
interface Load {
  accepted: number;
  p50_ms: number;
  p99_ms: number;
}

/** More would be refused by the operating system, not by what is measured. */
const MOST_IN_FLIGHT = 250;

/** Sends at a fixed rate; a request that is due while too many are on their way waits, and its wait counts. */
async function load(url: string, key: string, name: string, seconds: number): Promise<Load> {
  const total = PER_SECOND * seconds;
  const times: number[] = [];
  let accepted = 0;
  let next = 0;
  const started = performance.now();
  async function send(): Promise<void> {
    while (next < total) {
      const index = next++;
      const due = started + (index * 1_000) / PER_SECOND;
      const early = due - performance.now();
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      const body = JSON.stringify(lead(`${name}-${index}`));
      const headers = { apikey: key, "Content-Type": "application/json" };
      try {
        const response = await fetch(url, { method: "POST", headers, body });
        await response.body?.cancel();
        if (response.status === 202) accepted += 1;
      } catch {
        // Not accepted: counted by what is missing.
      }
      times.push(performance.now() - due);
    }
  }
  await Promise.all(Array.from({ length: MOST_IN_FLIGHT }, send));
  times.sort((a, b) => a - b);
  return {
    accepted,
    p50_ms: times[Math.floor(times.length * 0.5)] ?? 0,
    p99_ms: times[Math.floor(times.length * 0.99)] ?? 0,
  };
}

/** Measures both functions, one after the other, on one platform. */
export async function benchCapiLoad(seconds = 60): Promise<Figure[]> {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  await platform.sql.unsafe(`
    set role postgres;
    create table public.bench_inserts (id bigint generated always as identity primary key, request jsonb);
    create function public.bench_insert(request jsonb) returns void language sql set search_path = ''
      as 'insert into public.bench_inserts (request) values (request)';
    grant insert on public.bench_inserts to service_role;
    reset role;
    notify pgrst, 'reload schema';
  `);
  const { secretKey } = platform;
  const measure = async (module: string, name: string): Promise<Load> => {
    await using served = await serve(suite, module);
    // The first requests pay for the start.
    await load(served.url, secretKey, `${name}-warm`, 1);
    const measured = await load(served.url, secretKey, name, seconds);
    await until("everything is sent", async () => {
      await dispatchAll(platform);
      const rows = await platform
        .sql`select from fb_ads.event_deliveries where state in ('pending', 'sending') limit 1`;
      return rows.length === 0;
    });
    return measured;
  };
  const bare = await measure("./bare_insert.ts", "bare");
  const capi = await measure("../../../supabase/functions/capi-event/index.ts", "load");

  const total = PER_SECOND * seconds;
  const [kept] = await platform.sql`select count(*)::int as n from fb_ads.conversion_events where event_id like 'load-%'
    and event_id not like 'load-warm-%'`;
  const counted =
    graph.capi.events.filter(({ event, counted }) => counted && /^load-\d/.test(String(event.event_id))).length;
  const whole = [capi.accepted, Number(kept?.n), counted];
  return [
    {
      name: `${PER_SECOND} requests a second for ${seconds} s: accepted, stored, counted by Meta`,
      value: whole.join(", "),
      baseline: String(total),
      ratio: Math.min(...whole) / total,
      goal: "nothing lost",
      ok: whole.every((count) => count === total),
    },
    {
      name: "p99 of an answer",
      value: `${capi.p99_ms.toFixed(1)} ms (median ${capi.p50_ms.toFixed(1)} ms)`,
      baseline: `${bare.p99_ms.toFixed(1)} ms (median ${bare.p50_ms.toFixed(1)} ms) for a bare insert`,
      ratio: capi.p99_ms / bare.p99_ms,
      goal: null,
      ok: true,
    },
    {
      name: "requests to Meta for them",
      value: String(graph.capi.requests.length),
      baseline: null,
      ratio: null,
      goal: null,
      ok: true,
    },
  ];
}

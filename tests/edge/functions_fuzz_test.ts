/**
 * Generated requests against the handlers of the functions that only servers call, over the real database and the
 * emulator: none is a server error, and one that is refused changes nothing. `capi_event_fuzz_test.ts` is the same for
 * `capi-event`; `THOROUGH=2` draws a hundred thousand in both.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { z } from "zod";
import { makeShop, ORIGIN, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { settleBackground } from "../../shared/edge/background.ts";
import { BodySchema as AttributeBody } from "../../supabase/functions/attribute-purchase/handler.ts";
import { BodySchema as InsightsBody } from "../../supabase/functions/fb-sync-insights/handler.ts";
import { BodySchema as MetadataBody } from "../../supabase/functions/fb-sync-metadata/handler.ts";
import { dumpTables, ODD, ODD_BODIES, pickWith } from "../odd_values.ts";
import { openFunctions } from "../open_functions.ts";
import { seededFraction } from "../seeded_random.ts";

/** Requests of each of the three functions that are refused, and that are not. */
const REFUSED = howMany({ usually: 1_000, thoroughly: 10_000, exhaustively: 26_600 });
const TAKEN = howMany({ usually: 10, thoroughly: 50, exhaustively: 67 });
const IN_FLIGHT = 8;

const random = seededFraction(40_000);
const pick = pickWith(random);

const accounts = () => Array.from({ length: 1 + Math.floor(random() * 3) }, () => String(Math.floor(random() * 1e15)));
const day = () => `2026-${pick(["01", "11", "12", "13", "00"])}-${pick(["01", "28", "29", "30", "31", "32"])}`;

const FUNCTIONS: {
  slug: "fb-sync-metadata" | "fb-sync-insights" | "attribute-purchase";
  schema: z.ZodType;
  good(): object;
}[] = [
  {
    slug: "fb-sync-metadata",
    schema: MetadataBody,
    good: () => pick([{}, { account_ids: accounts() }, { full: pick([true, false]) }, { resume: true }]),
  },
  {
    slug: "fb-sync-insights",
    schema: InsightsBody,
    good: () => pick([{ account_ids: accounts(), since: day(), until: day() }, { refresh: true }, { resume: true }]),
  },
  {
    slug: "attribute-purchase",
    schema: AttributeBody,
    good: () => pick([{}, { transaction_refs: [crypto.randomUUID(), "INV-1"] }, { transaction_refs: [] }]),
  },
];

/** A body with odd values in some places, and odd keys beside the known ones. */
function oddBody(good: () => object): string {
  if (random() < 0.1) return pick(ODD_BODIES);
  const body = good();
  const keys = [...Object.keys(body), "account_ids", "since", "transaction_refs", "events", "dispatch"];
  for (let times = Math.floor(random() * 3); times > 0; times -= 1) {
    const value = pick<unknown>([pick(ODD), [pick(ODD)], [pick(ODD), pick(ODD)]]);
    const key = pick([...keys, "__proto__", "constructor", "\u0000", "x".repeat(300)]);
    Reflect.defineProperty(body, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return JSON.stringify(body);
}

/** Whether the function's own schema takes a body; no body at all is `{}`. */
function isTaken(schema: z.ZodType, text: string): boolean {
  try {
    return schema.safeParse(JSON.parse(text === "" ? "{}" : text)).success;
  } catch {
    return false;
  }
}

async function inFlight(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  }));
}

Deno.test(`${REFUSED} odd requests of each function are refused and change nothing; what is taken is no server error`, async (t) => {
  await using suite = await startCapiSuite();
  const { platform } = suite;
  await makeShop(platform);
  const logs: string[] = [];
  const functions = openFunctions(suite, logs);

  for (const { slug, schema, good } of FUNCTIONS) {
    const handle = functions[slug];
    const post = async (body: string, more: { method?: string; apikey?: string } = {}) => {
      const { method = "POST", apikey = platform.secretKey } = more;
      const response = await handle(
        new Request(`http://127.0.0.1/${slug}`, {
          method,
          headers: { apikey, Origin: ORIGIN },
          ...(method === "GET" ? {} : { body }),
        }),
      );
      return { status: response.status, text: await response.text() };
    };

    await t.step(`${slug}: refused requests change nothing`, async () => {
      const before = await dumpTables(platform);
      const statuses = new Map<number, number>();
      const failures: string[] = [];
      await inFlight(REFUSED, async () => {
        const text = oddBody(good);
        const stranger = { apikey: pick(["wrong", platform.publishableKey, ""]) };
        const more = isTaken(schema, text) || random() < 0.05
          ? pick([stranger, { method: pick(["PATCH", "DELETE"]) }])
          : {};
        const { status, text: answer } = await post(text, more);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status < 400 || status >= 500) failures.push(`${text.slice(0, 300)} -> ${answer.slice(0, 300)}`);
      });
      await settleBackground();
      assertEquals(failures.slice(0, 3), []);
      for (const status of [400, 401, 405]) assert((statuses.get(status) ?? 0) > 0, JSON.stringify([...statuses]));
      assertEquals(await dumpTables(platform), before);
    });

    await t.step(`${slug}: what is taken is answered`, async () => {
      const failures: string[] = [];
      await inFlight(TAKEN, async () => {
        let text = JSON.stringify(good());
        while (!isTaken(schema, text)) text = JSON.stringify(good());
        const { status, text: answer } = await post(text);
        // Accounts that nobody knows are refused by name.
        if (status !== 200 && !answer.includes('"unknown_account"')) {
          failures.push(`${text} -> ${answer.slice(0, 300)}`);
        }
      });
      await settleBackground();
      assertEquals(failures.slice(0, 3), []);
    });
  }
  assertEquals(logs.filter((line) => line.includes('"level":"error"')).slice(0, 3), []);
});

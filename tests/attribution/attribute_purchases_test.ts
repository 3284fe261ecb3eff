/**
 * A run of attribution, batch by batch.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import {
  attributeInBatches,
  type AttributionPorts,
  digestBuyers,
  SALES_PER_BATCH,
} from "../../shared/attribution/attribute_purchases.ts";
import { DatabaseError } from "../../shared/errors.ts";

const OPTIONS = { default_country: "ID", today: "2026-11-22" };

/** A queue of sales that hands out what waits; `stuck` never goes away. */
function queueOf(waiting: string[], stuck: string[] = []) {
  const calls: string[][] = [];
  let patience = Infinity;
  const ports: AttributionPorts = {
    listSales: ({ transaction_refs, limit }) =>
      Promise.resolve({ transaction_refs: transaction_refs ?? [...stuck, ...waiting].slice(0, limit), people: [] }),
    attribute: ({ transaction_refs }) => {
      calls.push(transaction_refs);
      for (const ref of transaction_refs) {
        if (waiting.includes(ref)) waiting.splice(waiting.indexOf(ref), 1);
      }
      return Promise.resolve({ attributed: transaction_refs.length, unattributed: 0, waiting: 0 });
    },
    exhausted: () => --patience < 0,
    measure: (work) => work(),
  };
  return { ports, calls, giveUpAfter: (batches: number) => patience = batches };
}

const refs = (count: number) => Array.from({ length: count }, (_, index) => `sale-${index}`);

Deno.test("attributeInBatches() goes on until nothing waits", async () => {
  const { ports, calls } = queueOf(refs(SALES_PER_BATCH * 2 + 1));
  assertEquals(await attributeInBatches(ports, OPTIONS), { attributed: 1_001, unattributed: 0, waiting: 0 });
  assertEquals(calls.map((call) => call.length), [500, 500, 1]);
});

Deno.test("attributeInBatches() takes named sales once each, in batches", async () => {
  const { ports, calls } = queueOf([]);
  const transaction_refs = [...refs(600), ...refs(600)];
  assertEquals((await attributeInBatches(ports, { ...OPTIONS, transaction_refs })).attributed, 600);
  assertEquals(calls.map((call) => call.length), [500, 100]);
  assertEquals(await attributeInBatches(ports, { ...OPTIONS, transaction_refs: [] }), {
    attributed: 0,
    unattributed: 0,
    waiting: 0,
  });
});

Deno.test("attributeInBatches() does not run in a circle over a sale that comes again", async () => {
  const { ports, calls } = queueOf(["fine"], ["stuck"]);
  await attributeInBatches(ports, OPTIONS);
  assertEquals(calls, [["stuck", "fine"]]);
});

Deno.test("attributeInBatches() halves a batch that takes too long, and tells of the sale that always does after all others", async () => {
  const waiting = refs(8);
  const { ports, calls } = queueOf(waiting);
  const timeout = new DatabaseError("database_unavailable", "fb_attribute_purchases", "57014");
  const { attribute } = ports;
  ports.attribute = (request) =>
    request.transaction_refs.includes("sale-5") ? Promise.reject(timeout) : attribute(request);
  const error = await assertRejects(() => attributeInBatches(ports, OPTIONS));
  assertEquals(error, timeout);
  assertEquals(waiting, ["sale-5"]);
  assertEquals(calls, [["sale-0", "sale-1", "sale-2", "sale-3"], ["sale-4"], ["sale-6", "sale-7"]]);
});

Deno.test("attributeInBatches() ends with any other error at once", async () => {
  const { ports } = queueOf(refs(8));
  const failure = new DatabaseError("database_unavailable", "fb_attribute_purchases", "57P01");
  ports.attribute = () => Promise.reject(failure);
  assertEquals(await assertRejects(() => attributeInBatches(ports, OPTIONS)), failure);
});

Deno.test("attributeInBatches() stops when the time is up", async () => {
  const { ports, giveUpAfter } = queueOf(refs(SALES_PER_BATCH * 3));
  giveUpAfter(1);
  assertEquals((await attributeInBatches(ports, OPTIONS)).attributed, 500);
});

Deno.test("digestBuyers() hashes as for Meta and leaves out what is no address or number", () => {
  const buyer = { transaction_ref: "sale-1", country: null };
  assertEquals(
    digestBuyers([
      { ...buyer, email: " Siti@Example.com ", phone: "0812-3456-7890" },
      { ...buyer, email: "nobody", phone: "12" },
    ], OPTIONS),
    [
      // printf '%s' siti@example.com | sha256sum; printf '%s' 6281234567890 | sha256sum
      {
        transaction_ref: "sale-1",
        email_digests: ["3684a581ce82ee39a1541130095759584e4c574d3db3e88b193256c20fae9747"],
        phone_digests: ["dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
      },
      { transaction_ref: "sale-1", email_digests: [], phone_digests: [] },
    ],
  );
});

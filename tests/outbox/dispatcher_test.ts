/**
 * Tests of `shared/outbox/dispatcher.ts`.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { createCoalescer } from "../../shared/outbox/dispatcher.ts";

Deno.test("createCoalescer() runs once for all who call before a run begins, and once more for who comes later", async () => {
  const ran: string[] = [];
  const coalescer = createCoalescer<string>(() => Promise.resolve());
  const run = (name: string) =>
    coalescer.run(() => {
      ran.push(name);
      return Promise.resolve(name);
    });
  assertEquals(await Promise.all([run("a"), run("b"), run("c")]), ["c", "c", "c"]);
  assertEquals(await run("d"), "d");
  assertEquals(ran, ["c", "d"]);
});

Deno.test("createCoalescer() never runs twice at once, and goes on after a failure", async () => {
  let live = 0;
  let most = 0;
  const coalescer = createCoalescer<number>(() => Promise.resolve());
  const work = async () => {
    live += 1;
    most = Math.max(most, live);
    await new Promise((resolve) => setTimeout(resolve, 5));
    live -= 1;
    return live;
  };
  const first = coalescer.run(work);
  await new Promise((resolve) => setTimeout(resolve, 1));
  const second = coalescer.run(() => Promise.reject(new Error("down")));
  await first;
  await assertRejects(() => second, Error, "down");
  await Promise.all([coalescer.run(work), coalescer.run(work)]);
  assertEquals(most, 1);
});

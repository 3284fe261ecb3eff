/**
 * How long a function goes by what the database said of its project.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import type { ProjectIdentity } from "../../shared/database/project.ts";
import { createKnownIdentity } from "../../shared/edge/project_identity.ts";
import { digestKey } from "../../shared/edge/project_keys.ts";
import { SCHEDULE_DIGEST, SCHEDULE_KEY } from "./edge_environment.ts";

const KEY = digestKey(SCHEDULE_KEY);
const NEW_KEY = digestKey("a new key");
/** `printf 'a new key' | sha256sum` */
const NEW_DIGEST = "69e899ee1a6bcc1ab41d3485cf98169bc2de8aedaf3f863c468247e4cb19da7e";
const STRANGER = digestKey("a guess");

function setUp() {
  let now_ms = Date.UTC(2026, 10, 22);
  let answer: ProjectIdentity | Error = { key_sha256: SCHEDULE_DIGEST, copy_of: null };
  let questions = 0;
  const identity = createKnownIdentity(() => {
    questions += 1;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }, { now: () => new Date(now_ms) });
  return {
    identity,
    questions: () => questions,
    pass: (ms: number) => now_ms += ms,
    answer: (next: ProjectIdentity | Error) => answer = next,
  };
}

Deno.test("isScheduleKey() asks the database once a minute for a key that fits", async () => {
  const { identity, questions, pass } = setUp();
  assertEquals([await identity.isScheduleKey(KEY), questions()], [true, 1]);
  pass(59_999);
  assertEquals([await identity.isScheduleKey(KEY), questions()], [true, 1]);
  pass(1);
  assertEquals([await identity.isScheduleKey(KEY), questions()], [true, 2]);
});

Deno.test("isScheduleKey() asks at most every five seconds, however many keys do not fit", async () => {
  const { identity, questions, pass } = setUp();
  for (let second = 0; second < 5; second++) {
    for (let guess = 0; guess < 100; guess++) assertEquals(await identity.isScheduleKey(STRANGER), false);
    pass(1_000);
  }
  assertEquals(questions(), 1);
  const guesses = await Promise.all(Array.from({ length: 100 }, () => identity.isScheduleKey(STRANGER)));
  assertEquals([guesses.includes(true), questions()], [false, 2]);
});

Deno.test("isScheduleKey() knows a new key within five seconds, and then no longer the old one", async () => {
  const { identity, questions, pass, answer } = setUp();
  await identity.isScheduleKey(KEY);
  answer({ key_sha256: NEW_DIGEST, copy_of: null });
  assertEquals([await identity.isScheduleKey(NEW_KEY), questions()], [false, 1]);
  pass(5_000);
  assertEquals([await identity.isScheduleKey(NEW_KEY), await identity.isScheduleKey(KEY), questions()], [
    true,
    false,
    2,
  ]);
});

Deno.test("isScheduleKey() takes no key where Vault has none", async () => {
  const { identity, answer } = setUp();
  answer({ key_sha256: null, copy_of: null });
  assertEquals(await identity.isScheduleKey(KEY), false);
});

Deno.test("current() serves on with what it knows while the database does not answer", async () => {
  const { identity, questions, pass, answer } = setUp();
  const known = await identity.current();
  answer(new Error("no answer"));
  pass(60_000);
  assertEquals([await identity.current(), questions()], [known, 2]);
  await assertRejects(() => identity.fresh(), Error, "no answer");
});

Deno.test("a database that never answered is nobody's yes, and is not asked again for every guess", async () => {
  const { identity, questions, pass, answer } = setUp();
  answer(new Error("no answer"));
  await assertRejects(() => identity.current(), Error, "no answer");
  for (let guess = 0; guess < 10; guess++) {
    await assertRejects(() => identity.isScheduleKey(KEY), Error, "no answer");
  }
  assertEquals(questions(), 1);
  pass(5_000);
  await assertRejects(() => identity.isScheduleKey(KEY), Error, "no answer");
  assertEquals(questions(), 2);
});

Deno.test("fresh() asks the database every time, once for questions at the same time", async () => {
  const { identity, questions } = setUp();
  await identity.fresh();
  await Promise.all([identity.fresh(), identity.fresh(), identity.current()]);
  assertEquals(questions(), 2);
});

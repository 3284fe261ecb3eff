/**
 * Which database a command works on, and that a password is no argument.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../scripts/cli/command_errors.ts";
import { readTarget } from "../../scripts/cli/operator/connection.ts";

const REF = "abcdefghijklmnopqrst";
const POOLER = `postgresql://postgres.${REF}@aws-0-eu-west-1.pooler.supabase.com:5432/postgres`;

Deno.test("`readTarget()` takes the password from the environment, and out of the address", () => {
  const local = "postgresql://postgres@127.0.0.1:5432/postgres";
  assertEquals(readTarget({ dbUrl: local }, { PGPASSWORD: "one", SUPABASE_DB_PASSWORD: "two" }), {
    ref: null,
    url: local,
    password: "one",
  });
  assertEquals(readTarget({ dbUrl: local }, { SUPABASE_DB_PASSWORD: "two" }).password, "two");
  const whole = { DB_URL: "postgresql://postgres:t%40ree@127.0.0.1:5432/postgres?sslmode=disable", PGPASSWORD: "one" };
  assertEquals(readTarget({}, whole), { ref: null, url: `${local}?sslmode=disable`, password: "t@ree" });
  assertEquals(readTarget({}, { DB_URL: `${local}?password=four&sslmode=disable` }), {
    ref: null,
    url: `${local}?sslmode=disable`,
    password: "four",
  });
  assertEquals(readTarget({ projectRef: REF }, {}), { ref: REF, url: null, password: undefined });
});

Deno.test("`readTarget()` refuses a password in --db-url, and repeats no address", () => {
  for (
    const dbUrl of [
      "postgresql://me:hunter2@h/d",
      "postgresql://h/d?password=hunter2",
      "mysql://hunter2@h/d",
      "hunter2",
    ]
  ) {
    const error = assertThrows(() => readTarget({ dbUrl }, {}), UsageError);
    assertEquals(error.message.includes("hunter2"), false);
  }
  const error = assertThrows(() => readTarget({}, { DB_URL: "hunter2" }), UsageError, "DB_URL in the environment");
  assertEquals(error.message.includes("hunter2"), false);
});

Deno.test("`readTarget()` takes no DB_URL of another database for the project that is named", () => {
  const named = { projectRef: REF };
  assertEquals(readTarget(named, { DB_URL: POOLER }).url, POOLER);
  const direct = `postgresql://postgres@db.${REF}.supabase.co:5432/postgres`;
  assertEquals(readTarget(named, { DB_URL: direct }).url, direct);
  const other = "postgresql://postgres@db.zyxwvutsrqponmlkjihg.supabase.co:5432/postgres";
  for (const DB_URL of [other, "postgresql://postgres@127.0.0.1:5432/postgres"]) {
    assertThrows(() => readTarget(named, { DB_URL }), UsageError, `no database of the project ${REF}`);
    assertEquals(readTarget({ ...named, dbUrl: DB_URL }, { DB_URL: POOLER }), {
      ref: REF,
      url: DB_URL,
      password: undefined,
    });
  }
});

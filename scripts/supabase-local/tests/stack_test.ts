/**
 * `npm run stack`: says where everything is, and ends in order.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { Program } from "./fixtures/program.ts";

Deno.test("`npm run stack` prints its addresses and ends in order at SIGINT and SIGTERM", async () => {
  await Promise.all((["SIGINT", "SIGTERM"] as const).map(async (signal) => {
    await using program = new Program("node", ["scripts/deno.mjs", "run", "-A", "scripts/dev/stack.ts"]);
    await program.waitFor("\nready\n");
    for (const name of ["API_URL", "FUNCTIONS_URL", "DB_URL", "PUBLISHABLE_KEY", "SECRET_KEY", "GRAPH_URL"]) {
      assertMatch(program.text, new RegExp(`^${name}="[^"\n]+"$`, "m"));
    }
    program.process.kill(signal);
    assertEquals((await program.process.status).code, 0);
    await program.leavesNothing();
  }));
});

Deno.test("`npm run stack` ends when the process that started it is killed", async () => {
  await using program = new Program("node", ["scripts/deno.mjs", "run", "-A", "scripts/dev/stack.ts"]);
  await program.waitFor("\nready\n");
  program.process.kill("SIGKILL");
  await program.leavesNothing();
});

/**
 * The emulator as a process of its own, so that a bench can tell its CPU from the product's. Prints one JSON line with
 * its address and tokens when it listens, and runs until SIGINT or SIGTERM.
 *
 *     deno run --allow-net=127.0.0.1 scripts/meta-emulator/main.ts --port 0 --preset small
 *
 * Options: `--port`, `--preset small|currencies|many|big`, `--seed`, `--accounts`, `--ads`, `--days`, `--plain`, `--token`,
 * `--capi-token`, `--at <instant>` (stops the clock there).
 * @module
 */

import { makeWorld } from "./control/world_control.ts";
import { startGraphEmulator } from "./emulator.ts";
import type { JsonRecord } from "./json_value.ts";

function readOptions(args: string[]): JsonRecord {
  const options: JsonRecord = {};
  for (let index = 0; index < args.length; index++) {
    const [name, inline] = (args[index] ?? "").replace(/^--/, "").split("=", 2);
    if (name === undefined || name === "") continue;
    if (name === "plain") options[name] = true;
    else options[name] = inline ?? args[++index] ?? "";
  }
  return options;
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  const at = typeof options["at"] === "string" ? new Date(options["at"]) : null;
  const { token, "capi-token": capiToken } = options;
  const emulator = await startGraphEmulator({
    port: Number(options["port"] ?? 0),
    world: makeWorld(options, at?.getTime() ?? Date.now()),
    ...(typeof token === "string" ? { token } : {}),
    ...(typeof capiToken === "string" ? { capiToken } : {}),
  });
  if (at) emulator.clock.stopAt(at);
  console.log(JSON.stringify({
    url: emulator.url,
    control: `${emulator.url}/__control`,
    token: emulator.token,
    capi_token: emulator.capiToken,
    pixels: [...emulator.world.pixels],
    accounts: emulator.world.accounts.slice(0, 10).map(({ plan }) => plan.account_id),
  }));
  const stop = async (): Promise<void> => {
    await emulator.close();
    Deno.exit(0);
  };
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGTERM", stop);
}

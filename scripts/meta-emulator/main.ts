/**
 * The emulator as a process of its own, for clients in any language and for benches that tell its CPU from theirs.
 * `--help` says what it takes.
 * @module
 */

import { parseArgs } from "node:util";
import { makeWorld } from "./control/world_control.ts";
import { startGraphEmulator } from "./emulator.ts";

const HELP = `Meta's Graph API, emulated on 127.0.0.1 with invented ad accounts.

    deno run --allow-net=127.0.0.1 main.ts [options]

Prints one line of JSON when it listens (url, control, token, capi_token, pixels, accounts) and runs until SIGINT or
SIGTERM. Put url in place of https://graph.facebook.com; control is ruled over HTTP (GET it for its routes).

  --port <number>        port to listen on; a free one by default
  --preset <name>        small (default): two accounts of a shop; currencies: five accounts in five time zones;
                         many: accounts of a few ads each; big: one account of thousands of ads
  --seed <number>        another world of the same kind
  --accounts <number>    accounts of "many"
  --ads <number>         ads of "big", or of each account of "many"
  --days <number>        days on which the ads of "big" deliver
  --plain                "many" without archived, deleted and hidden objects
  --token <text>         Marketing API token; emulator-marketing-token by default
  --capi-token <text>    Conversions API token; emulator-capi-token by default
  --no-token-in-url      refuse tokens in query and body, which Meta takes and a careful client does not send
  --at <instant>         stop the clock there, such as 2026-11-22T04:00:00Z
  --help                 this text
`;

const OPTIONS = {
  port: { type: "string", default: "0" },
  preset: { type: "string", default: "small" },
  seed: { type: "string" },
  accounts: { type: "string" },
  ads: { type: "string" },
  days: { type: "string" },
  plain: { type: "boolean", default: false },
  token: { type: "string" },
  "capi-token": { type: "string" },
  "no-token-in-url": { type: "boolean", default: false },
  at: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

type Given = ReturnType<typeof readOptions>;

function readOptions(args: string[]) {
  return parseArgs({ args, options: OPTIONS }).values;
}

function readInstant(text: string | undefined): Date | null {
  if (text === undefined) return null;
  const instant = new Date(text);
  if (Number.isNaN(instant.getTime())) throw new RangeError(`--at must be an instant, found ${text}`);
  return instant;
}

function readWhole(name: string, text: string | undefined): Record<string, number> {
  if (text === undefined) return {};
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} must be a whole number, found ${text}`);
  return { [name]: Number(text) };
}

async function serve(given: Given): Promise<void> {
  const at = readInstant(given.at);
  const size = {
    ...readWhole("seed", given.seed),
    ...readWhole("accounts", given.accounts),
    ...readWhole("ads", given.ads),
    ...readWhole("days", given.days),
  };
  const { token, "capi-token": capiToken, preset, plain } = given;
  const emulator = await startGraphEmulator({
    port: readWhole("port", given.port)["port"] ?? 0,
    world: makeWorld({ ...size, preset, plain }, at?.getTime() ?? Date.now()),
    settings: { refuse_token_in_url: given["no-token-in-url"] },
    ...(token === undefined ? {} : { token }),
    ...(capiToken === undefined ? {} : { capiToken }),
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

if (import.meta.main) {
  try {
    const given = readOptions(Deno.args);
    if (given.help) console.log(HELP);
    else await serve(given);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error), '\n"--help" says what it takes.');
    Deno.exit(2);
  }
}

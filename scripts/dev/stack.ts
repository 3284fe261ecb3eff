/**
 * `npm run stack`: the local platform alone. Prints its addresses and keys as `NAME="value"` lines, then `ready`, and
 * runs until it is interrupted; what the functions print goes to standard error. Without `META_GRAPH_URL` it brings the
 * Graph API emulator, with the given tokens and pixels or the emulator's own. `--path` serves the repo of a host that
 * the suite was added to, with the host's own migrations and functions.
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
import { UsageError } from "../cli/command_errors.ts";
import { findHost } from "../cli/installer/host_repo.ts";
import { pathFromUser } from "../cli/terminal.ts";
import { readProjectEnvironment } from "../supabase-local/environment.ts";
import { PlatformError, startPlatform } from "../supabase-local/mod.ts";
import { untilInterrupted } from "../supabase-local/parent.ts";

async function startEmulator(vault: Record<string, string>, pixel_ids: string | undefined) {
  const { startGraphEmulator } = await import("../meta-emulator/mod.ts");
  const { meta_marketing_api_token: token, meta_capi_access_token: capiToken } = vault;
  const emulator = await startGraphEmulator({ ...(token ? { token } : {}), ...(capiToken ? { capiToken } : {}) });
  vault.meta_marketing_api_token ??= emulator.token;
  vault.meta_capi_access_token ??= emulator.capiToken;
  for (const id of pixel_ids?.split(",") ?? []) emulator.world.pixels.add(id.trim());
  return emulator;
}

function milliseconds(name: string): number | undefined {
  const text = Deno.env.get(name);
  if (!text) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new PlatformError(`${name} is "${text}"; a number of milliseconds is expected.`);
  }
  return Number(text);
}

async function main(): Promise<void> {
  const { path } = readArguments({
    call: "npm run stack [-- --path <repo>]",
    does:
      "Boots the local platform alone, prints its addresses, and runs until interrupted. --path: with the migrations " +
      "and functions of a repo that the suite was added to.",
    takesPath: true,
  });
  const host = path === undefined ? null : findHost(pathFromUser(path));
  const interrupted = untilInterrupted();
  const { functionEnv, vault } = readProjectEnvironment(Deno.env.toObject());
  const emulator = functionEnv.META_GRAPH_URL ? null : await startEmulator(vault, functionEnv.META_PIXEL_ID);
  const graphUrl = functionEnv.META_GRAPH_URL ?? emulator?.url ?? "";
  const wallClockMs = milliseconds("PLATFORM_WALL_CLOCK_MS");
  const cpuSoftMs = milliseconds("PLATFORM_CPU_SOFT_MS");
  const cpuHardMs = milliseconds("PLATFORM_CPU_HARD_MS");
  const starting = startPlatform({
    ...(host === null ? {} : { projectRoot: host, isHost: true }),
    graphUrl,
    functionEnv,
    vault,
    onFunctionLog: (slug, line) => console.error(`[${slug}] ${line}`),
    ...(wallClockMs === undefined ? {} : { wallClockMs }),
    ...(cpuSoftMs === undefined ? {} : { cpuSoftMs }),
    ...(cpuHardMs === undefined ? {} : { cpuHardMs }),
  });
  const platform = await Promise.race([starting, interrupted]);
  if (platform) {
    const values: Record<string, string> = {
      API_URL: platform.apiUrl,
      FUNCTIONS_URL: platform.functionsUrl,
      DB_URL: platform.dbUrl,
      PUBLISHABLE_KEY: platform.publishableKey,
      SECRET_KEY: platform.secretKey,
      GRAPH_URL: graphUrl,
      // What the functions were given; else what the emulator knows, under the names by which they would be given it.
      META_PIXEL_ID: functionEnv.META_PIXEL_ID ?? [...emulator?.world.pixels ?? []].join(","),
      FB_ADS_ACCOUNT_IDS: functionEnv.FB_ADS_ACCOUNT_IDS ??
        (emulator?.world.accounts ?? []).map(({ plan }) => plan.account_id).join(","),
    };
    for (const [name, value] of Object.entries(values)) console.log(`${name}="${value}"`);
    console.log("ready");
    await interrupted;
    await platform.stop();
  }
  await emulator?.close();
}

try {
  await main();
  Deno.exit(0);
} catch (error) {
  const isOurs = error instanceof PlatformError || error instanceof UsageError;
  console.error(isOurs ? error.message : error);
  Deno.exit(error instanceof UsageError ? 2 : 1);
}

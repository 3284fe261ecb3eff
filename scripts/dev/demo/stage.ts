/**
 * The stage of `npm start`: the platform with its Graph API, either the emulator or, with real credentials, Meta's own.
 *
 * @module
 */

import { parseEnv } from "node:util";
import postgres from "postgres";
import { META_GRAPH_URL } from "../../../shared/edge/config.ts";
import { type GraphEmulator, startGraphEmulator } from "../../meta-emulator/mod.ts";
import { makeShopWorld, type PlacedAd } from "./invented/world.ts";
import { type Shop, shopOrigin, startShop } from "./shop/mod.ts";
import { findFreePort } from "../../supabase-local/ports.ts";
import { readProjectEnvironment } from "../../supabase-local/environment.ts";
import { type Platform, PlatformError, repositoryRoot, startPlatform } from "../../supabase-local/mod.ts";

/** The web shop that the demo's shoppers visit. */
export const SHOP_ORIGIN = "https://shop.example";

/** What the functions are told when account, shop and buyers are invented; real settings are for a real account. */
export const DEMO_SETTINGS = {
  FB_ADS_ACCOUNT_IDS: "*",
  FB_ADS_DEFAULT_COUNTRY: "ID",
  META_PIXEL_ID: "900000000000001",
};

/** The running demo. `graph` and `shop` are null, and `ads` empty, when the real Meta is read. */
export interface Stage {
  /** The local platform. */
  platform: Platform;
  /** The emulator with the invented account. */
  graph: GraphEmulator | null;
  /** Where the functions find the Graph API. */
  graphUrl: string;
  /** The ads of the invented shop. */
  ads: readonly PlacedAd[];
  /** The demo shop for a browser of one's own. */
  shop: Shop | null;
  /** Ends everything. */
  close(): Promise<void>;
}

/** The environment of this process, and under it what `.env` says. */
function readSettings(): Record<string, string> {
  const path = `${repositoryRoot}/.env`;
  let fromFile: object = {};
  try {
    fromFile = parseEnv(Deno.readTextFileSync(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...fromFile, ...Deno.env.toObject() })) {
    if (typeof value === "string" && value !== "") settings[name] = value;
  }
  return settings;
}

/** Gives the demo its host application's tables, made by the host's own role. */
export async function seedHost(platform: Platform): Promise<void> {
  const host = postgres(platform.hostDbUrl, { max: 1, onnotice: () => undefined });
  try {
    await host.file(`${repositoryRoot}/supabase/seed.sql`);
  } finally {
    await host.end();
  }
}

/** Boots the platform with the emulator, the demo's host tables and the demo shop. */
async function setInventedStage(port: number): Promise<Stage> {
  const { world, ads } = makeShopWorld(new Date());
  const graph = await startGraphEmulator({ world });
  try {
    const platform = await startPlatform({
      functionEnv: { ...DEMO_SETTINGS, FB_ADS_ALLOWED_ORIGINS: `${SHOP_ORIGIN},${shopOrigin(port)}` },
      vault: { meta_marketing_api_token: graph.token, meta_capi_access_token: graph.capiToken },
      graphUrl: graph.url,
    });
    graph.world.pixels.add(DEMO_SETTINGS.META_PIXEL_ID);
    await seedHost(platform);
    const shop = startShop({ platform, port });
    const close = async () => {
      await shop.close();
      await platform.stop();
      await graph.close();
    };
    return { platform, graph, graphUrl: graph.url, ads, shop, close };
  } catch (error) {
    await graph.close();
    throw error;
  }
}

/** Where the demo shop is when nobody names a port and this one is free: a bookmark of the report then stays good. */
const USUAL_PORT = 4_321;

/** The port that was asked for, else the usual one, else any. */
function choosePort(wanted: number | undefined): number {
  try {
    const port = wanted ?? USUAL_PORT;
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return port;
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    if (wanted !== undefined) throw new PlatformError(`Port ${wanted} is taken: --port names another.`);
    return findFreePort();
  }
}

/** How the stage is set. */
export interface StageOptions {
  /** The environment, and under it what `.env` says, unless named here. */
  settings?: Record<string, string>;
  /** The demo shop's port. */
  port?: number | undefined;
}

/**
 * Boots the platform, with the emulator unless the settings hold a Marketing API token. The hosted project that they
 * may name besides is never called: the schedule calls the functions that run here.
 */
export async function setStage({ settings = readSettings(), port }: StageOptions = {}): Promise<Stage> {
  const { functionEnv, vault } = readProjectEnvironment(settings);
  if (vault.meta_marketing_api_token === undefined) return await setInventedStage(choosePort(port));
  const { fb_ads_project_url: _url, fb_ads_function_key: _key, ...secrets } = vault;
  const graphUrl = functionEnv.META_GRAPH_URL ?? META_GRAPH_URL;
  const platform = await startPlatform({ functionEnv, vault: secrets, graphUrl });
  return { platform, graph: null, graphUrl, ads: [], shop: null, close: () => platform.stop() };
}

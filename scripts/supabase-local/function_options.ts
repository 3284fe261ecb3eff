/**
 * What the functions of a platform are given: variables, hosts that they may reach, limits.
 *
 * @module
 */

import { join } from "node:path";
import { cacheDirectory } from "./cache.ts";
import type { FunctionHostOptions } from "./functions.ts";
import type { PlatformKeys } from "./keys.ts";
import type { PlatformOptions } from "./platform_options.ts";
import { findDeno, PlatformError } from "./project.ts";

/** Where a platform is. */
export interface Place {
  /** Its keys. */
  keys: PlatformKeys;
  /** The gateway's address. */
  apiUrl: string;
  /** The gateway's port. */
  port: number;
  /** The project that it runs. */
  projectRoot: string;
  /** Directory of its files. */
  directory: string;
  /** The database, as the role `postgres`. */
  dbUrl: string;
}

/** Works it out. */
export function functionOptions(options: PlatformOptions, place: Place): FunctionHostOptions {
  const { keys, apiUrl } = place;
  const graphUrl = options.graphUrl ?? options.functionEnv?.META_GRAPH_URL;
  const graph = graphHost(graphUrl ?? "https://graph.facebook.com");
  const graphPort = graph.port || (graph.protocol === "https:" ? "443" : "80");
  const denoPath = options.denoPath ?? findDeno();
  return {
    projectRoot: place.projectRoot,
    denoPath,
    denoDirectory: join(cacheDirectory(), "deno"),
    env: {
      ...options.functionEnv,
      ...(graphUrl ? { META_GRAPH_URL: graphUrl } : {}),
      SUPABASE_URL: apiUrl,
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify(keys.publishable),
      SUPABASE_SECRET_KEYS: JSON.stringify(keys.secret),
      SUPABASE_JWKS: JSON.stringify(keys.jwks),
      SB_REGION: "local",
    },
    allowNet: [`127.0.0.1:${place.port}`, `${graph.hostname}:${graphPort}`, ...(options.allowNet ?? [])],
    workDirectory: place.directory,
    onLog: options.onFunctionLog,
    hostEnv: options.isHost === true
      ? {
        // The names by which functions that are older than the new keys know them.
        SUPABASE_ANON_KEY: keys.publishable.default ?? "",
        SUPABASE_SERVICE_ROLE_KEY: keys.secret.default,
        SUPABASE_DB_URL: place.dbUrl,
      }
      : undefined,
    limits: {
      wallClockMs: options.wallClockMs ?? 150_000,
      cpuSoftMs: options.cpuSoftMs ?? 1_000,
      cpuHardMs: options.cpuHardMs ?? 2_000,
    },
  };
}

function graphHost(url: string): URL {
  if (!URL.canParse(url)) throw new PlatformError(`META_GRAPH_URL is "${url}", which is no URL.`);
  return new URL(url);
}

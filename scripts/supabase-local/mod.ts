/**
 * The local platform: a real PostgreSQL, the real PostgREST, a gateway, the functions, and pg_cron, pg_net and Vault,
 * from npm packages alone. `startPlatform()` gives a fresh one in a second, with the project's migrations applied.
 *
 * Everything belongs to the process that started it: when that ends, in whatever way, nothing of the platform is left.
 *
 * @module
 */

import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDirectory } from "./cache.ts";
import { type CronRun, runJob } from "./cron_job.ts";
import { type CronWorker, startCronWorker } from "./cron_worker.ts";
import { functionOptions } from "./function_options.ts";
import type { PlatformOptions } from "./platform_options.ts";
import { FunctionHost } from "./functions.ts";
import { type Gateway, startGateway, type Upstreams } from "./gateway.ts";
import { type Installation, prepareInstallation } from "./installation.ts";
import { PlatformKeys, type UserTokenOptions } from "./keys.ts";
import { type NetWorker, startNetWorker } from "./net_worker.ts";
import { DataApi } from "./postgrest.ts";
import { exists, findPostgrest, repositoryRoot } from "./project.ts";
import { Reaper } from "./reaper.ts";
import { type Server, type Sql, startServer } from "./server.ts";
import { serverMayEnter } from "./server_user.ts";
import { baseTemplate, copyData, migratedTemplate } from "./template.ts";

export type { Sql } from "./server.ts";
export type { TokenSigning, UserTokenOptions } from "./keys.ts";
export type { CronRun } from "./cron_job.ts";
export type { PlatformOptions } from "./platform_options.ts";
export { movedClock } from "./moved_clock.ts";
export { type CliResult, runSupabaseCli } from "./cli.ts";
export { findDenoPackage, PlatformError, repositoryRoot } from "./project.ts";

/** A running platform. */
export interface Platform extends AsyncDisposable {
  /** `SUPABASE_URL`. */
  apiUrl: string;
  /** Base URL of the functions. */
  functionsUrl: string;
  /** Connection URL of the superuser. */
  dbUrl: string;
  /** Connection URL of the role `postgres`, which owns the host's tables and is no superuser. */
  hostDbUrl: string;
  /** The publishable key. */
  publishableKey: string;
  /** The secret key, named `default`. */
  secretKey: string;
  /** All secret keys by name. */
  secretKeys: Readonly<Record<string, string>>;
  /** A client as the superuser. */
  sql: Sql;
  /** Major version of the server. */
  pgMajor: number;
  /** The extensions that are the real thing here, not stand-ins. */
  realExtensions: ReadonlySet<string>;
  /** Calls a function with the secret key. An object is sent as JSON. */
  invoke(slug: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Kills a function's worker with SIGKILL; resolves when it is gone. The next request boots another. */
  killFunction(slug: string): Promise<void>;
  /** Kills PostgREST with SIGKILL, if it runs; resolves when it is gone. The next request starts another. */
  killDataApi(): Promise<void>;
  /** The worker that the next request would reach, with the CPU that its life has used, or null when there is none. */
  functionProcess(slug: string): { pid: number; cpuMs: number | null } | null;
  /** CPU milliseconds that all workers of the function have used since the start, ended ones too. */
  functionCpuMs(slug: string): number;
  /** Lines that the function printed so far. */
  functionLogs(slug: string): string[];
  /** Runs a job's command once, as its user, in one transaction; rejects when the command fails. */
  runCronJob(jobname: string): Promise<CronRun>;
  /** A user's token, signed with a key of the platform's JWKS. */
  userToken(options?: UserTokenOptions): Promise<string>;
  /** Ends everything; resolves when nothing is left. */
  stop(): Promise<void>;
}

/** Parts that were started, ended in the opposite order. */
interface Parts {
  reaper: Reaper;
  server?: Server;
  sql?: Sql;
  gateway?: Gateway;
  functions?: FunctionHost;
  net?: NetWorker;
  cron?: CronWorker;
}

/** Starts a platform. A failed start leaves nothing behind. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  // What root makes must be readable by the server's user, whatever root's own mask says; secrets name their mode.
  if (Deno.uid() === 0) Deno.umask(0o022);
  const parts: Parts = { reaper: new Reaper() };
  try {
    return await assemble(parts, options);
  } catch (error) {
    await stopParts(parts);
    throw error;
  }
}

async function assemble(parts: Parts, options: PlatformOptions): Promise<Platform> {
  const { reaper } = parts;
  const projectRoot = options.projectRoot ?? repositoryRoot;
  const keys = await PlatformKeys.generate(options.tokenSigning, options.secretKeyRoles);
  const installation = await prepareInstallation(reaper, options.pgBin);
  const directory = await makeDirectory(reaper);
  const server = await startDatabase(parts, directory, installation, projectRoot, options);
  const sql = parts.sql = server.connect();

  const upstreams: Upstreams = { keys };
  const gateway = parts.gateway = await startGateway(upstreams);
  const apiUrl = `http://127.0.0.1:${gateway.port}`;
  const functions = parts.functions = upstreams.functions = new FunctionHost(
    reaper,
    functionOptions(options, {
      keys,
      apiUrl,
      port: gateway.port,
      projectRoot,
      directory,
      dbUrl: server.url("postgres"),
    }),
  );
  await storeSecrets(sql, { fb_ads_project_url: apiUrl, ...options.vault });
  const dataApi = new DataApi(reaper, {
    program: findPostgrest(),
    databaseUrl: server.url("authenticator"),
    jwtSecret: keys.postgrestSecret,
    // A Data API that is off knows no schema of anybody's.
    schemas: options.exposedSchemas?.length === 0 ? ["pgrst_no_exposed_schemas"] : options.exposedSchemas ?? ["public"],
    directory,
  });
  upstreams.dataApi = () => dataApi.url();
  if (!installation.real.has("pg_net")) parts.net = await startNetWorker(server);
  if (!installation.real.has("pg_cron") && options.schedule !== false) {
    parts.cron = await startCronWorker(server, options.cronClock);
  }

  const functionsUrl = `${apiUrl}/functions/v1`;
  let stopped: Promise<void> | undefined;
  const stop = () => stopped ??= stopParts(parts);
  return {
    apiUrl,
    functionsUrl,
    dbUrl: server.url("supabase_admin"),
    hostDbUrl: server.url("postgres"),
    publishableKey: keys.publishable.default ?? "",
    secretKey: keys.secret.default,
    secretKeys: keys.secret,
    sql,
    pgMajor: installation.major,
    realExtensions: installation.real,
    invoke: (slug, body, headers) => invoke(`${functionsUrl}/${slug}`, keys.secret.default, body, headers),
    killFunction: (slug) => functions.kill(slug),
    killDataApi: () => dataApi.kill(),
    functionProcess: (slug) => functions.process(slug),
    functionCpuMs: (slug) => functions.cpuMs(slug),
    functionLogs: (slug) => functions.logs(slug),
    runCronJob: (jobname) => runCronJob(server, sql, jobname),
    userToken: (tokenOptions) => keys.userToken(tokenOptions),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Stores Vault secrets by name; what a migration has stored under one of the names gives way. */
async function storeSecrets(sql: Sql, secrets: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(secrets)) {
    const [known] = await sql<{ id: string }[]>`select id from vault.secrets where name = ${name}`;
    if (known) await sql`select vault.update_secret(${known.id}, ${value})`;
    else await sql`select vault.create_secret(${value}, ${name})`;
  }
}

async function makeDirectory(reaper: Reaper): Promise<string> {
  const parent = [tmpdir(), "/tmp", "/var/tmp"].find((path) => exists(path) && serverMayEnter(path));
  const directory = join(parent ?? cacheDirectory(), `supabase-meta-ads-${crypto.randomUUID()}`);
  await reaper.own(directory);
  await Deno.mkdir(directory, { mode: 0o711 });
  return directory;
}

async function startDatabase(
  parts: Parts,
  directory: string,
  installation: Installation,
  projectRoot: string,
  options: PlatformOptions,
): Promise<Server> {
  const template = options.migrations === false
    ? await baseTemplate(parts.reaper, installation)
    : await migratedTemplate(parts.reaper, installation, projectRoot);
  const dataDirectory = await copyData(parts.reaper, template, directory);
  return parts.server = await startServer(parts.reaper, {
    installation,
    dataDirectory,
    password: template.password,
    schedule: options.schedule !== false,
    durable: options.durable === true,
  });
}

async function invoke(url: string, key: string, body?: unknown, headers?: Record<string, string>): Promise<Response> {
  return await fetch(url, {
    method: "POST",
    headers: { apikey: key, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body ?? {}),
  });
}

async function runCronJob(server: Server, sql: Sql, jobname: string): Promise<CronRun> {
  const [job] = await sql<{ jobid: string; command: string; database: string; username: string }[]>`
    select jobid, command, database, username from cron.job where jobname = ${jobname}`;
  if (!job) throw new Error(`There is no cron job named ${jobname}.`);
  const run = await runJob(server, sql, job);
  if (run.status === "failed") throw new Error(`The cron job ${jobname} failed: ${run.return_message}`);
  return run;
}

async function stopParts(parts: Parts): Promise<void> {
  await parts.cron?.stop();
  await parts.functions?.stop();
  await parts.net?.stop();
  await parts.gateway?.stop();
  await parts.sql?.end({ timeout: 1 });
  await parts.reaper.end();
}

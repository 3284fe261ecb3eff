/**
 * The functions of a project, each in worker processes of its own: booted by the first request, booted again when dead,
 * given the variables, files and hosts that they need and nothing else.
 *
 * @module
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseEnv } from "node:util";
import { parse } from "@std/toml";
import { FunctionProcess, type WorkerLimits } from "./function_process.ts";
import { pause } from "./pause.ts";
import { exists, platformDirectory, repositoryRoot } from "./project.ts";
import type { Reaper } from "./reaper.ts";

const IDLE_TIMEOUT_MS = 150_000;
const MEMORY_MB = 256;
/** A connection that breaks is seen before the end of the process that held it. */
const END_SEEN_WITHIN_MS = 1_000;
const KEPT_LOG_LINES = 20_000;

/** What all functions of a platform share. */
export interface FunctionHostOptions {
  /** The project: `supabase/functions`, `supabase/config.toml` and `shared` are inside. */
  projectRoot: string;
  /** Deno binary that runs the functions. */
  denoPath: string;
  /** Where that Deno keeps its compiled modules. */
  denoDirectory: string;
  /** The variables that a function sees, and no others. */
  env: Record<string, string>;
  /** `host:port` that a function may reach. */
  allowNet: string[];
  /** Directory for generated files, removed with the platform. */
  workDirectory: string;
  /** Life of a worker. */
  limits: WorkerLimits;
  /** Of a host's repo: more variables for its own functions, which also reach every host and package. */
  hostEnv?: Record<string, string> | undefined;
  /** Told of every line that a function prints. */
  onLog?: ((slug: string, line: string) => void) | undefined;
}

/** A function's entry in `supabase/config.toml`, with the platform's defaults. */
export interface FunctionConfig {
  /** False: as if it did not exist. */
  enabled: boolean;
  /** Whether the gateway asks for a token or key. */
  verify_jwt: boolean;
}

/** Runs the functions of one project. */
export class FunctionHost {
  readonly #reaper: Reaper;
  readonly #options: FunctionHostOptions;
  readonly #workers = new Map<string, FunctionProcess>();
  readonly #booting = new Map<string, Promise<FunctionProcess>>();
  readonly #all = new Map<FunctionProcess, string>();
  readonly #logs = new Map<string, string[]>();
  /** What the ended workers of each function have used. */
  readonly #endedCpuMs = new Map<string, number>();
  readonly #client = Deno.createHttpClient({ poolMaxIdlePerHost: 64 });
  #stopped = false;

  /** Starts nothing yet. */
  constructor(reaper: Reaper, options: FunctionHostOptions) {
    this.#reaper = reaper;
    this.#options = options;
  }

  /** The slugs of the project's functions. */
  get slugs(): string[] {
    return listFunctions(this.#options.projectRoot);
  }

  /** The configuration of a function, or null when there is none of this name. */
  config(slug: string): FunctionConfig | null {
    if (!this.slugs.includes(slug)) return null;
    const config = readFunctionConfig(this.#options.projectRoot, slug);
    return config.enabled ? config : null;
  }

  /** Lines that a function printed so far, over all its workers. */
  logs(slug: string): string[] {
    const lines = this.#logs.get(slug) ?? [];
    this.#logs.set(slug, lines);
    return lines;
  }

  /** The worker that the next request would reach, with the CPU that its life has used, or null. */
  process(slug: string): { pid: number; cpuMs: number | null } | null {
    const worker = this.#workers.get(slug);
    return worker && !worker.retired ? { pid: worker.pid, cpuMs: worker.cpuMs } : null;
  }

  /**
   * CPU milliseconds that all workers of a function have used, ended ones too: of those as they were last looked at,
   * before they were told to leave. 0 where the system does not tell.
   */
  cpuMs(slug: string): number {
    const living = [...this.#all].filter(([, owner]) => owner === slug).map(([worker]) => worker.cpuMs ?? 0);
    return living.reduce((sum, used) => sum + used, this.#endedCpuMs.get(slug) ?? 0);
  }

  /** Kills every worker of a function with SIGKILL; resolves when they are gone. */
  async kill(slug: string): Promise<void> {
    await this.#booting.get(slug)?.catch(() => undefined);
    const workers = [...this.#all].filter(([, owner]) => owner === slug).map(([worker]) => worker);
    for (const worker of workers) worker.kill("killed");
    await Promise.all(workers.map((worker) => worker.ended));
  }

  /** Sends a request to a function's worker, booting one when there is none. `path` starts with `/<slug>`. */
  async fetch(slug: string, path: string, request: Request, headers: Headers): Promise<Response> {
    const body = request.body ? await request.arrayBuffer() : null;
    let worker = await this.#worker(slug);
    while (!worker.beginRequest()) worker = await this.#worker(slug);
    const port = await worker.port.catch(() => null);
    if (port === null) return failure(503, "BOOT_ERROR", "Function failed to start (please check logs)");
    const timeout = AbortSignal.timeout(IDLE_TIMEOUT_MS);
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: request.method,
        headers,
        body,
        redirect: "manual",
        client: this.#client,
        signal: timeout,
      });
      return whenPassedOn(response, () => worker.endRequest());
    } catch {
      worker.endRequest();
      if (timeout.aborted) return failure(504, "IDLE_TIMEOUT", "Function did not answer in time");
      const patience = new AbortController();
      await Promise.race([worker.ended, pause(END_SEEN_WITHIN_MS, patience.signal)]);
      patience.abort();
      return worker.endedBy === "wall_clock" || worker.endedBy === "cpu"
        ? failure(546, "WORKER_LIMIT", "Function failed due to not having enough compute resources (please check logs)")
        : failure(500, "WORKER_ERROR", "Function exited due to an error (please check logs)");
    }
  }

  #log(slug: string, line: string): void {
    const lines = this.logs(slug);
    if (lines.push(line) > KEPT_LOG_LINES) lines.shift();
    this.#options.onLog?.(slug, line);
  }

  /** Ends every worker. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#booting.values());
    const workers = [...this.#all.keys()];
    for (const worker of workers) worker.kill("killed");
    await Promise.all(workers.map((worker) => worker.ended));
    this.#client.close();
  }

  async #worker(slug: string): Promise<FunctionProcess> {
    const worker = this.#workers.get(slug);
    if (worker && await worker.isServing()) return worker;
    if (worker !== this.#workers.get(slug)) return await this.#worker(slug);
    const booting = this.#booting.get(slug) ?? this.#boot(slug).finally(() => this.#booting.delete(slug));
    this.#booting.set(slug, booting);
    return await booting;
  }

  async #boot(slug: string): Promise<FunctionProcess> {
    if (this.#stopped) throw new Error("The platform has stopped.");
    const { projectRoot, denoPath, denoDirectory, workDirectory, limits, hostEnv } = this.#options;
    const folder = join(projectRoot, "supabase/functions", slug);
    // The suite's packages are here; what a host's own function imports, Deno fetches.
    const isOwn = hostEnv !== undefined && !listFunctions(repositoryRoot).includes(slug);
    const variables: Record<string, string> = {
      ...this.#options.env,
      ...(isOwn ? { ...hostEnv, ...readDotEnv(projectRoot) } : {}),
      SB_EXECUTION_ID: crypto.randomUUID(),
    };
    const entry = join(workDirectory, `${slug}.entry.ts`);
    const importMap = join(workDirectory, `${slug}.import_map.json`);
    await Deno.writeTextFile(entry, entryModule(join(folder, "index.ts")));
    await Deno.writeTextFile(importMap, JSON.stringify(readImportMap(folder)));
    const readable = hostEnv === undefined ? [folder, join(projectRoot, "shared")] : [projectRoot];
    const child = await this.#reaper.spawn({
      command: [
        denoPath,
        "run",
        "--quiet",
        "--no-prompt",
        "--no-lock",
        "--no-check",
        ...(isOwn
          ? ["--node-modules-dir=none", "--allow-net"]
          : ["--no-remote", `--allow-net=${["127.0.0.1:0", ...this.#options.allowNet].join(",")}`]),
        `--config=${join(repositoryRoot, "deno.json")}`,
        `--import-map=${importMap}`,
        `--v8-flags=--max-old-space-size=${MEMORY_MB}`,
        `--allow-env=${[...Object.keys(variables), "PLATFORM_VARIABLES"].join(",")}`,
        `--allow-read=${[...readable, join(repositoryRoot, "node_modules")].join(",")}`,
        "--allow-sys=hostname",
        entry,
      ],
      cwd: folder,
      env: {
        ...variables,
        PLATFORM_VARIABLES: JSON.stringify(Object.keys(variables)),
        DENO_DIR: denoDirectory,
        DENO_NO_UPDATE_CHECK: "1",
        NO_COLOR: "1",
      },
    });
    const worker = new FunctionProcess(child, limits, (line) => this.#log(slug, line));
    this.#all.set(worker, slug);
    worker.ended.then(() => {
      this.#endedCpuMs.set(slug, (this.#endedCpuMs.get(slug) ?? 0) + (worker.cpuMs ?? 0));
      this.#all.delete(worker);
    });
    this.#workers.set(slug, worker);
    return worker;
  }
}

/** Secrets for a host's functions on its developer's machine, where `supabase functions serve` finds them, too. */
function readDotEnv(projectRoot: string): Record<string, string> {
  const path = join(projectRoot, "supabase/functions/.env");
  return exists(path) ? { ...parseEnv(Deno.readTextFileSync(path)) } : {};
}

/** The functions of a project: folders with an `index.ts`, as the CLI sees them. */
export function listFunctions(projectRoot: string): string[] {
  const directory = join(projectRoot, "supabase/functions");
  if (!exists(directory)) return [];
  return [...Deno.readDirSync(directory)]
    .filter((entry) => entry.isDirectory && /^[A-Za-z]/.test(entry.name))
    .map((entry) => entry.name)
    .filter((name) => exists(join(directory, name, "index.ts")))
    .sort();
}

/** What `supabase/config.toml` says of a function. */
export function readFunctionConfig(projectRoot: string, slug: string): FunctionConfig {
  const path = join(projectRoot, "supabase/config.toml");
  const config: unknown = exists(path) ? parse(Deno.readTextFileSync(path)) : {};
  const entry = field(field(config, "functions"), slug);
  return { enabled: field(entry, "enabled") !== false, verify_jwt: field(entry, "verify_jwt") !== false };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}

/** The function's own import map alone: what it forgets to name is missing here as it would be when deployed. */
function readImportMap(folder: string): { imports: Record<string, string> } {
  const path = join(folder, "deno.json");
  const imports: Record<string, string> = {};
  const config: unknown = exists(path) ? JSON.parse(Deno.readTextFileSync(path)) : {};
  for (const [name, target] of Object.entries(field(config, "imports") ?? {})) {
    const relative = String(target).startsWith(".");
    imports[name] = relative ? new URL(String(target), pathToFileURL(path)).href : String(target);
  }
  return { imports };
}

function entryModule(index: string): string {
  return [
    `import { serveFunction } from ${
      JSON.stringify(pathToFileURL(join(platformDirectory, "function_prelude.ts")).href)
    };`,
    `await serveFunction(() => import(${JSON.stringify(pathToFileURL(index).href)}));`,
    "",
  ].join("\n");
}

/** The same answer, which tells when all of it has been read or given up. */
function whenPassedOn(response: Response, done: () => void): Response {
  if (response.body === null) {
    done();
    return response;
  }
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  response.body.pipeTo(writable).catch(() => undefined).finally(done);
  return new Response(readable, response);
}

function failure(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}

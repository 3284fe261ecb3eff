/**
 * The real PostgREST, configured as on a hosted project: the exposed schemas, at most 1,000 rows, roles by token.
 *
 * @module
 */

import { PlatformError } from "./project.ts";
import { withFreePort } from "./ports.ts";
import type { Child, Reaper } from "./reaper.ts";

const READY_WITHIN_MS = 30_000;

/** What PostgREST is to serve. */
export interface PostgrestOptions {
  /** The program. */
  program: string;
  /** Connection URL of the role `authenticator`. */
  databaseUrl: string;
  /** Keys of the tokens that it accepts, as a JWK set. */
  jwtSecret: string;
  /** Schemas of the Data API. */
  schemas: readonly string[];
  /** The platform's directory, in which it runs. */
  directory: string;
}

interface Postgrest {
  url: string;
  child: Child;
}

/** PostgREST, started by the first request, and anew by the first after it has ended. */
export class DataApi {
  readonly #reaper: Reaper;
  readonly #options: PostgrestOptions;
  #running: Promise<Postgrest> | null = null;

  /** Starts nothing yet; what it starts is the reaper's. */
  constructor(reaper: Reaper, options: PostgrestOptions) {
    this.#reaper = reaper;
    this.#options = options;
  }

  /** Its URL, once it has read the schema. */
  async url(): Promise<string> {
    this.#running ??= this.#start();
    return (await this.#running).url;
  }

  /** Kills it with SIGKILL, if it runs; resolves when it is gone. */
  async kill(): Promise<void> {
    const running = await this.#running;
    this.#running = null;
    running?.child.kill("SIGKILL");
    await running?.child.ended;
  }

  #start(): Promise<Postgrest> {
    const starting = withFreePort((port) => startOn(port, this.#reaper, this.#options));
    const forget = () => {
      if (this.#running === starting) this.#running = null;
    };
    starting.then(({ child }) => child.ended).then(forget, forget);
    return starting;
  }
}

async function startOn(port: number, reaper: Reaper, options: PostgrestOptions): Promise<Postgrest> {
  const configuration = `${options.directory}/postgrest.conf`;
  await Deno.writeTextFile(configuration, 'log-level = "error"\n');
  const child = await reaper.spawn({
    command: [options.program, configuration],
    cwd: options.directory,
    env: {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      LC_ALL: "C.UTF-8",
      PGRST_DB_URI: options.databaseUrl,
      PGRST_DB_SCHEMAS: options.schemas.join(","),
      PGRST_DB_EXTRA_SEARCH_PATH: "public,extensions",
      PGRST_DB_ANON_ROLE: "anon",
      PGRST_DB_MAX_ROWS: "1000",
      PGRST_DB_POOL: "20",
      PGRST_JWT_SECRET: options.jwtSecret,
      PGRST_SERVER_HOST: "127.0.0.1",
      PGRST_SERVER_PORT: String(port),
    },
  });
  const lines: string[] = [];
  (async () => {
    for await (const line of child.output) {
      lines.push(line);
      if (lines.length > 100) lines.shift();
    }
  })();
  const failed = child.ended.then(() => {
    throw new PlatformError(`PostgREST did not start:\n${lines.join("\n")}`);
  });
  failed.catch(() => undefined);
  const url = `http://127.0.0.1:${port}`;
  await Promise.race([waitUntilReady(url, lines), failed]);
  return { url, child };
}

async function waitUntilReady(url: string, lines: string[]): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const status = await fetch(url, { method: "HEAD" }).then((response) => response.status, () => 0);
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  throw new PlatformError(`PostgREST was not ready in ${READY_WITHIN_MS} ms:\n${lines.join("\n")}`);
}

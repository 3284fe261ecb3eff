/**
 * One PostgreSQL server on a data directory: started, waited for, and never outliving the platform. Speed is bought
 * with `fsync = off`, which a throw-away cluster may unless it is measured; everything else is as a server comes.
 *
 * @module
 */

import { join } from "node:path";
import postgres from "postgres";
import type { Installation } from "./installation.ts";
import { PlatformError } from "./project.ts";
import { withFreePort } from "./ports.ts";
import type { Child, Reaper } from "./reaper.ts";
import { serverUser } from "./server_user.ts";

/** A client of the `postgres` library. */
export type Sql = postgres.Sql;

/** A running server. */
export interface Server {
  /** Port on 127.0.0.1. */
  port: number;
  /** Connection URL of a role; works with the Supabase CLI too, which needs `sslmode=disable`. */
  url(role: string): string;
  /**
   * A client as the superuser `supabase_admin`, without the project's limit on statements unless `connection` has one.
   */
  connect(options?: Record<string, unknown> & { connection?: Record<string, string | number> }): Sql;
  /** The last lines of its log. */
  lastLines(): string[];
  /** Shuts down in order, so that the data directory needs no recovery. */
  shutDown(): Promise<void>;
}

const KEPT_LOG_LINES = 20;
/** A server that has to recover first may take long; one that crashes again and again is given up. */
const READY_WITHIN_MS = 120_000;

/** Hosted projects end every statement then, whatever its role, unless the role has a limit of its own. */
export const STATEMENT_TIMEOUT = "2min";

/** A directory of sockets that is not there. */
const NOWHERE = "/nowhere";

/** How to start a server. */
export interface ServerOptions {
  /** The programs. */
  installation: Installation;
  /** Data directory, owned by {@linkcode serverUser}. */
  dataDirectory: string;
  /** Password of every role that logs in. */
  password: string;
  /** Whether the clock of a real pg_cron starts jobs. */
  schedule: boolean;
  /** Whether a commit waits for the disk; only a bench asks for it. */
  durable?: boolean;
}

/** Starts a server and resolves when it accepts connections. */
export async function startServer(reaper: Reaper, options: ServerOptions): Promise<Server> {
  return await withFreePort((port) => startOn(port, reaper, options));
}

async function startOn(port: number, reaper: Reaper, options: ServerOptions): Promise<Server> {
  const { installation, dataDirectory, password } = options;
  const settings = serverSettings(port, options);
  const child = await reaper.spawn({
    command: [
      join(installation.bin, "postgres"),
      "-D",
      dataDirectory,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    env: { ...installation.env, PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C.UTF-8", TZ: "UTC" },
    cwd: dataDirectory,
    user: serverUser(),
    gentle: true,
  });
  const lines = await waitUntilReady(child);
  const connect: Server["connect"] = ({ connection, ...more } = {}) =>
    postgres({
      host: "127.0.0.1",
      port,
      database: "postgres",
      username: "supabase_admin",
      password,
      max: 4,
      onnotice: () => undefined,
      ...more,
      // The platform's own hand is not a role of the project: it may take its time.
      connection: { statement_timeout: 0, ...connection },
    });
  return {
    port,
    url: (role) => `postgresql://${role}:${password}@127.0.0.1:${port}/postgres?sslmode=disable`,
    connect,
    lastLines: () => [...lines],
    async shutDown() {
      child.kill("SIGINT");
      await child.ended;
    },
  };
}

function serverSettings(
  port: number,
  { installation, dataDirectory, schedule, durable = false }: ServerOptions,
): Record<string, string> {
  const { real } = installation;
  return {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: durable ? "on" : "off",
    jit: "off",
    statement_timeout: STATEMENT_TIMEOUT,
    max_connections: "120",
    max_worker_processes: "24",
    timezone: "UTC",
    log_timezone: "UTC",
    ...(real.size > 0 ? { shared_preload_libraries: [...real].join(",") } : {}),
    ...(real.has("pg_cron")
      ? {
        "cron.database_name": "postgres",
        "cron.use_background_workers": schedule ? "on" : "off",
        // No setting of 1.4 stops its clock (0 running jobs are taken as 1): it reaches no server, and does not write
        // so.
        ...(schedule ? {} : { "cron.host": NOWHERE, "cron.log_run": "off", "cron.log_statement": "off" }),
      }
      : {}),
    ...(real.has("pg_net") ? { "pg_net.database_name": "postgres" } : {}),
    ...(real.has("supabase_vault") ? { "vault.getkey_script": join(dataDirectory, "vault_getkey") } : {}),
  };
}

/** Reads the server's log until it accepts connections, and from then on keeps its last lines. */
async function waitUntilReady(child: Child): Promise<string[]> {
  const lines: string[] = [];
  const reader = child.output.getReader();
  const keep = (line: string) => {
    lines.push(line);
    if (lines.length > KEPT_LOG_LINES) lines.shift();
  };
  const failed = (what: string) => new PlatformError(`PostgreSQL ${what}:\n${lines.join("\n")}`);
  const isLate = setTimeout(() => child.kill("SIGKILL"), READY_WITHIN_MS);
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw failed("did not start");
      keep(value);
      if (value.includes("database system is ready to accept connections")) break;
    }
  } finally {
    clearTimeout(isLate);
  }
  (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) keep(next.value);
  })();
  return lines;
}

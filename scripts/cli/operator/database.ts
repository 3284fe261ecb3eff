/**
 * The database as an operator's command reaches it: by a connection string, where secrets travel as parameters, or by a
 * project's ref through the CLI and Supabase's Management API. Both give rows as JSON.
 *
 * @module
 */

import postgres from "postgres";
import { PlatformError } from "../../supabase-local/project.ts";
import { runHostedCli } from "./supabase_cli.ts";

/** A row, as JSON has it: times and numerics are text. */
export type Row = Record<string, unknown>;

/** A database that an operator works on. */
export interface OperatorDatabase extends AsyncDisposable {
  /** What to call it in what is shown. */
  name: string;
  /** The project's ref; null for a connection string. */
  ref: string | null;
  /** Runs one query that changes nothing. */
  query(text: string): Promise<Row[]>;
  /** Stores a Vault secret under its name, whether it is there or not. */
  storeSecret(name: string, value: string): Promise<void>;
}

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;

function decodeRows(value: unknown): Row[] {
  if (!Array.isArray(value)) throw new PlatformError("The query's answer is no list of rows.");
  return value as Row[];
}

/** Connects by a connection string. */
export function connectDatabase(url: string): OperatorDatabase {
  const sql = postgres(url, { max: 1, onnotice: () => undefined, connect_timeout: 15 });
  const { host } = new URL(url);
  /** Tells an unreachable database from a query that went wrong, without the connection string. */
  async function reach<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof postgres.PostgresError) throw new PlatformError(`The database refuses: ${error.message}`);
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
      throw new PlatformError(`The database at ${host} cannot be reached: ${code}`);
    }
  }
  return {
    name: host,
    ref: null,
    async query(text) {
      const [row] = await reach(() =>
        sql.unsafe(`select coalesce(jsonb_agg(to_jsonb(q)), '[]') as rows from (${text}) as q`)
      );
      return decodeRows(row?.rows);
    },
    async storeSecret(name, value) {
      await reach(async () => {
        const [known] = await sql`select id from vault.secrets where name = ${name}`;
        if (known) await sql`select vault.update_secret(${known.id}::uuid, ${value})`;
        else await sql`select vault.create_secret(${value}, ${name})`;
      });
    },
    [Symbol.asyncDispose]: () => sql.end(),
  };
}

/** Reaches a hosted project through the CLI, with the log-in of whoever runs this. */
export function connectProject(ref: string): OperatorDatabase {
  // Not the CLI's read-only mode: its role may not decrypt Vault nor ask our functions.
  async function run(text: string, hide = ""): Promise<Row[]> {
    // A file and not an argument: arguments can be seen by everyone on the machine.
    const file = await Deno.makeTempFile({ suffix: ".sql" });
    try {
      await Deno.writeTextFile(file, text, { mode: 0o600 });
      const args = ["db", "query", `--remote=${ref}`, "--yes", "--output-format", "json", "--file", file];
      return decodeRows(JSON.parse(await runHostedCli(args, { quiet: true, hide })));
    } finally {
      await Deno.remove(file);
    }
  }
  return {
    name: ref,
    ref,
    query: (text) =>
      run(`select to_jsonb(q) as row from (${text}) as q`).then((rows) => rows.map((row) => decodeRow(row.row))),
    async storeSecret(name, value) {
      const [known] = await run(`select id from vault.secrets where name = ${quote(name)}`);
      await run(
        known === undefined
          ? `select vault.create_secret(${quote(value)}, ${quote(name)}) is not null as stored`
          : `select vault.update_secret(${quote(String(known.id))}::uuid, ${quote(value)}) is not null as stored`,
        value,
      );
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function decodeRow(value: unknown): Row {
  return value as Row;
}

/** The database that options and environment name: `--project-ref`, `--db-url`, or `DB_URL`. Throws when none does. */
export function connectNamed(options: { ref?: string | undefined; url?: string | undefined }): OperatorDatabase {
  const url = options.url ?? (Deno.env.get("DB_URL") || undefined);
  if (options.ref !== undefined && options.url === undefined) {
    if (!/^[a-z]{20}$/.test(options.ref)) throw new PlatformError("A project's ref is 20 small letters.");
    return url === undefined ? connectProject(options.ref) : { ...connectDatabase(url), ref: options.ref };
  }
  if (url === undefined) throw new PlatformError("Name a database: --project-ref <ref>, --db-url <url>, or DB_URL.");
  if (!URL.canParse(url)) throw new PlatformError("The database's address is no connection string.");
  return connectDatabase(url);
}

/**
 * The database as an operator's command reaches it: by a connection string, where secrets travel as parameters, or by a
 * project's ref through the CLI and Supabase's Management API. Both give rows as JSON.
 *
 * @module
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { CommandError } from "../command_errors.ts";
import { networkCause } from "./network.ts";
import { runHostedCli } from "./supabase_cli.ts";

/** A row, as JSON has it: times and numerics are text. */
export type Row = Record<string, unknown>;

/** What may stand in a query as a value. */
export type SqlValue = string | number | readonly string[];

/** Runs a query that changes nothing; values become literals. The rows are as JSON has them. */
export type Sql = <T extends readonly object[] = Row[]>(
  text: TemplateStringsArray,
  ...values: SqlValue[]
) => Promise<T>;

/** A database that an operator works on. */
export interface OperatorDatabase extends AsyncDisposable {
  /** What to call it in what is shown. */
  name: string;
  /** The project's ref; null where none was named. */
  ref: string | null;
  /** Runs one query that changes nothing. */
  query(text: string): Promise<Row[]>;
  /** The same, with values. */
  sql: Sql;
  /** Runs statements that change something, one after the other. */
  execute(statements: string): Promise<void>;
  /** Stores a Vault secret under its name, whether it is there or not. */
  storeSecret(name: string, value: string): Promise<void>;
}

const NOT_INSTALLED =
  "Is the suite installed there, in this version? meta-ads doctor says so; meta-ads deploy brings it.";

/** Longer than the driver takes to connect. */
const ANSWER_MS = 20_000;

/** A text as an SQL literal. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function literalOf(value: SqlValue): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return quoteLiteral(value);
  return `array[${value.map(quoteLiteral).join(", ")}]::text[]`;
}

/** Makes the tagged form of a query function. */
function makeSql(query: (text: string) => Promise<Row[]>): Sql {
  return (text, ...values) =>
    query(String.raw({ raw: text.raw }, ...values.map(literalOf))).then((rows) => decode(rows));
}

function decode<T>(value: unknown): T {
  return value as T;
}

function decodeRows(value: unknown): Row[] {
  if (!Array.isArray(value)) throw new CommandError("The query's answer is no list of rows.");
  return value;
}

/** What to do about an error of PostgreSQL's, by its code: a wrong log-in; no such schema, table or function. */
const REMEDIES: Readonly<Record<string, string>> = {
  "28000": "The password is taken from DB_URL, PGPASSWORD or SUPABASE_DB_PASSWORD.",
  "28P01": "The password is taken from DB_URL, PGPASSWORD or SUPABASE_DB_PASSWORD.",
  "3F000": NOT_INSTALLED,
  "42P01": NOT_INSTALLED,
  "42883": NOT_INSTALLED,
};

/** Says what went wrong without the connection string. */
function describeFailure(error: unknown, host: string): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof postgres.PostgresError) {
    const known = REMEDIES[error.code];
    const remedy = known === undefined ? "" : `\n${known}`;
    const hint = error.hint === undefined ? "" : `\n${error.hint}`;
    return new CommandError(`The database at ${host} refuses: ${error.message}${hint}${remedy}`);
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
  return new CommandError(`The database at ${host} cannot be reached: ${networkCause(error) ?? code}.`);
}

/** Connects by a connection string without password. */
export function connectDatabase(
  url: string,
  { password, ref = null, answer_ms = ANSWER_MS }: {
    password?: string | undefined;
    ref?: string | null;
    answer_ms?: number;
  } = {},
): OperatorDatabase {
  const { host } = new URL(url);
  const connection = postgres(url, {
    max: 1,
    onnotice: () => undefined,
    connect_timeout: 15,
    ...(password === undefined ? {} : { password }),
  });
  let answered: Promise<void> | null = null;
  /** Where a server cuts every connection without a word of PostgreSQL's, the driver connects again for ever. */
  async function waitForAnswer(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const words = `The database at ${host} cannot be reached: what listens there does not answer as PostgreSQL does.`;
      timer = setTimeout(() => reject(new CommandError(words)), answer_ms);
    });
    try {
      await Promise.race([connection`select 1`, late]);
    } finally {
      clearTimeout(timer);
    }
  }
  async function reach<T>(work: () => Promise<T>): Promise<T> {
    try {
      await (answered ??= waitForAnswer());
      return await work();
    } catch (error) {
      throw describeFailure(error, host);
    }
  }
  async function query(text: string): Promise<Row[]> {
    const [row] = await reach(() =>
      connection.unsafe(`select coalesce(jsonb_agg(to_jsonb(q)), '[]') as rows from (${text}) as q`)
    );
    return decodeRows(row?.rows);
  }
  return {
    name: host,
    ref,
    query,
    sql: makeSql(query),
    async execute(statements) {
      await reach(() => connection.unsafe(statements).simple());
    },
    async storeSecret(name, value) {
      await reach(async () => {
        const [known] = await connection`select id from vault.secrets where name = ${name}`;
        if (known) await connection`select vault.update_secret(${known.id}::uuid, ${value})`;
        else await connection`select vault.create_secret(${value}, ${name})`;
      });
    },
    [Symbol.asyncDispose]: () => connection.end({ timeout: 1 }),
  };
}

/** Reaches a hosted project through the CLI, with the log-in of whoever runs this. */
export function connectProject(ref: string): OperatorDatabase {
  // Not the CLI's read-only mode: its role may not decrypt Vault nor ask our functions.
  async function run(text: string, hide: readonly string[] = []): Promise<string> {
    // A file and not an argument: arguments can be seen by everyone on the machine.
    const directory = await mkdtemp(join(tmpdir(), "meta-ads-"));
    const file = join(directory, "query.sql");
    try {
      await writeFile(file, text, { mode: 0o600 });
      const args = ["db", "query", `--remote=${ref}`, "--yes", "--output-format", "json", "--file", file];
      return await runHostedCli(args, { quiet: true, hide });
    } finally {
      await rm(directory, { recursive: true });
    }
  }
  const rowsOf = async (text: string, hide?: readonly string[]) => decodeRows(JSON.parse(await run(text, hide)));
  async function query(text: string): Promise<Row[]> {
    const rows = await rowsOf(`select to_jsonb(q) as row from (${text}) as q`);
    return rows.map((row) => decode<Row>(row.row));
  }
  return {
    name: `project ${ref}`,
    ref,
    query,
    sql: makeSql(query),
    async execute(statements) {
      await run(statements);
    },
    async storeSecret(name, value) {
      const [known] = await rowsOf(`select id from vault.secrets where name = ${quoteLiteral(name)}`);
      await rowsOf(
        known === undefined
          ? `select vault.create_secret(${quoteLiteral(value)}, ${quoteLiteral(name)}) is not null as stored`
          : `select vault.update_secret(${quoteLiteral(String(known.id))}::uuid, ${
            quoteLiteral(value)
          }) is not null as stored`,
        [value, quoteLiteral(value)],
      );
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

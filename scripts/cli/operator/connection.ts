/**
 * Which database a command works on: the same two options and the same environment for every verb. A password is never
 * an argument, for arguments can be read by everybody on the machine.
 *
 * @module
 */

import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import process from "node:process";
import { UsageError } from "../command_errors.ts";
import { connectDatabase, connectProject, type OperatorDatabase } from "./database.ts";

function parseRef(text: string): string {
  if (!/^[a-z]{20}$/.test(text)) throw new InvalidArgumentError("A project's ref is 20 small letters.");
  return text;
}

/** `--project-ref`. */
export const PROJECT_REF = new Option("--project-ref <ref>", "a hosted project, by its ref").argParser(parseRef);

/** `--db-url`. */
export const DB_URL = new Option("--db-url <url>", "a database, by its connection string without the password");

/** What every verb with these options says about them. */
export const CONNECTION_HELP = `
Which database:
  --project-ref   the hosted project, through the Supabase CLI ("supabase login", or SUPABASE_ACCESS_TOKEN)
  --db-url        the database itself; DB_URL in the environment stands for it
The password comes from the environment: inside DB_URL, PGPASSWORD or SUPABASE_DB_PASSWORD.
`;

/** What the options and the environment name. */
export interface ConnectionTarget {
  /** The hosted project; null where none is named. */
  ref: string | null;
  /** Connection string without password; null: through the CLI. */
  url: string | null;
  /** The database's password; undefined where none is set. */
  password: string | undefined;
}

/** The two options as commander gives them. */
export interface ConnectionOptions {
  /** `--project-ref`. */
  projectRef?: string | undefined;
  /** `--db-url`. */
  dbUrl?: string | undefined;
}

type Environment = Record<string, string | undefined>;

function parseUrl(text: string, source: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== "") return url;
  throw new UsageError(
    `${source} is no connection string; it looks like postgresql://postgres@db.example.com:5432/postgres`,
  );
}

/** Takes the password out of a connection string. */
function takePassword(url: URL): string | undefined {
  const password = decodeURIComponent(url.password) || url.searchParams.get("password") || undefined;
  url.password = "";
  url.searchParams.delete("password");
  return password;
}

function isOfProject(url: URL, ref: string): boolean {
  return [url.hostname, url.username].some((name) => name.split(".").includes(ref));
}

/** Reads options and environment. Throws a `UsageError` that holds no value of theirs. */
export function readTarget({ projectRef, dbUrl }: ConnectionOptions, env: Environment): ConnectionTarget {
  const ref = projectRef ?? null;
  const password = env.PGPASSWORD || env.SUPABASE_DB_PASSWORD || undefined;
  if (dbUrl !== undefined) {
    const url = parseUrl(dbUrl, "--db-url");
    if (takePassword(url) !== undefined) {
      throw new UsageError(
        "--db-url holds a password, and arguments can be read by everybody on this machine. Leave it out of the " +
          "address and set PGPASSWORD, or set DB_URL to the whole address; both in the environment.",
      );
    }
    return { ref, url: url.href, password };
  }
  if (!env.DB_URL) return { ref, url: null, password };
  const url = parseUrl(env.DB_URL, "DB_URL in the environment");
  if (ref !== null && !isOfProject(url, ref)) {
    throw new UsageError(
      `DB_URL in the environment is no database of the project ${ref}. Unset it, or name the database with --db-url.`,
    );
  }
  const own = takePassword(url);
  return { ref, url: url.href, password: own ?? password };
}

/** Connects to what the options and the environment name. */
export function connect(options: ConnectionOptions, env: Environment = process.env): OperatorDatabase {
  const { ref, url, password } = readTarget(options, env);
  if (url !== null) return connectDatabase(url, { password, ref });
  if (ref !== null) return connectProject(ref);
  throw new UsageError("Which database? Give --project-ref or --db-url, or set DB_URL in the environment.");
}

/**
 * A secret key of the project, for commands that ask a function for more than waiting work: the environment's
 * `SECRET_KEY`, as `npm run stack` and `supabase status -o env` print it, else one of the hosted project's own.
 *
 * @module
 */

import { CommandError, UsageError } from "../command_errors.ts";
import { runHostedCli } from "./supabase_cli.ts";

/** Finds a secret key; `default` before others. Rejects where there is none, and says what to set. */
export async function findSecretKey(
  ref: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (env.SECRET_KEY) return env.SECRET_KEY;
  if (ref === undefined) {
    throw new UsageError("Set SECRET_KEY to a secret key of the project (dashboard > Project Settings > API Keys).");
  }
  const args = ["projects", "api-keys", "--reveal", "--output-format", "json", `--remote=${ref}`];
  const listed: unknown = JSON.parse(await runHostedCli(args, { quiet: true }));
  const all = (listed as { keys?: { name?: string; type?: string; api_key?: string }[] }).keys ?? [];
  const revealed = all.filter(({ type, api_key = "" }) => type === "secret" && /^sb_secret_[\w-]+$/.test(api_key));
  const key = (revealed.find(({ name }) => name === "default") ?? revealed[0])?.api_key;
  if (key !== undefined) return key;
  throw new CommandError(
    "The project has no secret key. Make one (dashboard > Project Settings > API Keys > Secret keys > New).",
  );
}

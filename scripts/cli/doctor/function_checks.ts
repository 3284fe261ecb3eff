/**
 * Whether the functions are deployed, boot, take the key that the database sends, and reach the database: GET asks for
 * no work, and is answered after one round trip.
 *
 * @module
 */

import { z } from "zod";
import { networkCause } from "../operator/network.ts";
import type { Finding, Patient } from "./finding.ts";

const TIMEOUT_MS = 20_000;
const SLUGS = ["fb-sync-metadata", "fb-sync-insights", "capi-event", "attribute-purchase"];

/** Where the functions are, and the key they are called with. */
export interface FunctionAccess {
  /** The project's URL and `/functions/v1`. */
  url: string;
  /** The key of the schedule. */
  key: string;
}

const AccessSchema = z.array(z.object({ name: z.string(), value: z.string() }));
const ErrorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string().optional(),
    details: z.array(z.object({ path: z.string(), message: z.string().optional() })).optional(),
  }),
});
type FunctionError = z.infer<typeof ErrorSchema>["error"];

/** Reads address and key as the database has them; null when one is missing or the address is not of this project. */
export async function readAccess({ database }: Patient): Promise<FunctionAccess | null> {
  const rows = AccessSchema.parse(
    await database.query(`select name, value
      from unnest(array['fb_ads_project_url', 'fb_ads_function_key']) as wanted (name)
      cross join lateral (select fb_ads.read_vault_text(name) as value) as stored
      where value is not null and (name <> 'fb_ads_project_url' or fb_ads.is_project_url(value))`),
  );
  const value = (name: string) => rows.find((row) => row.name === name)?.value;
  const [url, key] = [value("fb_ads_project_url"), value("fb_ads_function_key")];
  return url && key ? { url: `${url.replace(/\/$/, "")}/functions/v1`, key } : null;
}

function fault(slug: string, found: string, remedy: string): Finding {
  return { check: `function:${slug}`, severity: "error", found, cost: "What it does is not done.", remedy };
}

/** A setting is an environment variable of the functions; names in small letters are of Vault secrets. */
function findConfiguration(slug: string, { details = [], message }: FunctionError): Finding {
  const names = details.map(({ path, message: what = "" }) => `${path} ${what}`.trim());
  const ofVault = details.some(({ path }) => /^[a-z]/.test(path));
  return fault(
    slug,
    `Its configuration is wrong: ${names.join("; ") || message || "see its log"}.`,
    ofVault ? "Store it in Vault (meta-ads deploy does)." : "supabase secrets set <NAME>=<value>",
  );
}

function findFailure(slug: string, status: number, error: FunctionError | undefined): Finding {
  const own = error === undefined ? "" : `: ${error.message ?? error.code}`;
  const log = "See its log (dashboard > Edge Functions > Logs).";
  if (!error?.code.startsWith("database_")) return fault(slug, `It answers HTTP ${status}${own}.`, log);
  return fault(
    slug,
    `It boots, but its call of the database fails${own}.`,
    "See whether the migrations are pushed; then its log (dashboard > Edge Functions > Logs).",
  );
}

function findingOf(slug: string, status: number, body: unknown): Finding {
  const error = ErrorSchema.safeParse(body).data?.error;
  const check = `function:${slug}`;
  if (status === 200) {
    return { check, severity: "ok", found: "deployed, boots, takes the key and reaches the database" };
  }
  if (status === 401 || status === 403) {
    return fault(
      slug,
      "It does not take the key in the Vault secret fb_ads_function_key.",
      "select fb_ads.renew_function_key(); and deploy with verify_jwt = false.",
    );
  }
  if (status === 404) return fault(slug, "It is not deployed.", `supabase functions deploy ${slug} --use-api`);
  if (error?.code === "data_api_closed") {
    return fault(
      slug,
      "It cannot reach the database: the Data API is off, or does not expose the schema public.",
      "Enable it, and expose public (dashboard > Project Settings > Data API > Exposed schemas).",
    );
  }
  if (error?.code === "config_invalid") return findConfiguration(slug, error);
  return findFailure(slug, status, error);
}

function findSilence(slug: string, host: string, error: unknown): Finding {
  if (error instanceof Error && error.name === "TimeoutError") {
    return {
      check: `function:${slug}`,
      severity: "warning",
      found: `It did not answer within ${TIMEOUT_MS / 1_000} s.`,
      cost: "Nothing is known: it may be at work on much that waited, or hang.",
      remedy: "Run the doctor again in some minutes; then see its log (dashboard > Edge Functions > Logs).",
    };
  }
  return fault(
    slug,
    `${host} cannot be reached: ${networkCause(error) ?? "unknown reason"}.`,
    "See whether the project is paused, and whether the Vault secret fb_ads_project_url is right.",
  );
}

/** Calls each function once. */
export async function checkFunctions(patient: Patient): Promise<Finding[]> {
  const access = await readAccess(patient);
  if (access === null) return [];
  return await Promise.all(SLUGS.map(async (slug): Promise<Finding> => {
    try {
      const response = await patient.fetch(`${access.url}/${slug}`, {
        headers: { apikey: access.key },
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return findingOf(slug, response.status, parse(await response.text()));
    } catch (error) {
      return findSilence(slug, new URL(access.url).host, error);
    }
  }));
}

function parse(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return null;
  }
}

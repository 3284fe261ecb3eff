/**
 * Whether the functions are deployed, boot, take the key that the database sends, and reach the database. Each is asked
 * what the tick asks every minute: whether work waits. Where the tick is switched off, work is meant to rest: then a
 * function gets a body that it refuses.
 *
 * @module
 */

import { z } from "zod";
import { networkCause } from "../operator/network.ts";
import type { Finding, Patient } from "./finding.ts";

const TIMEOUT_MS = 20_000;
const REFUSED = ["not an object"];
/** The tick's requests; answered at once where the first step is in the database, else when the work is done. */
const PROBES: readonly { slug: string; body: unknown; prefer?: "respond-async" }[] = [
  { slug: "fb-sync-metadata", body: { resume: true }, prefer: "respond-async" },
  { slug: "fb-sync-insights", body: { resume: true }, prefer: "respond-async" },
  { slug: "capi-event", body: { dispatch: true } },
  { slug: "attribute-purchase", body: {} },
];

/** Where the functions are, and the key they are called with. */
export interface FunctionAccess {
  /** The project's URL and `/functions/v1`. */
  url: string;
  /** The secret key named `fb_ads`. */
  key: string;
}

const AccessSchema = z.array(z.object({ name: z.string(), decrypted_secret: z.string() }));
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
    await database.query(`select name, decrypted_secret from vault.decrypted_secrets
      where name in ('fb_ads_project_url', 'fb_ads_function_key')
        and (name <> 'fb_ads_project_url' or fb_ads.is_project_url(decrypted_secret))`),
  );
  const value = (name: string) => rows.find((row) => row.name === name)?.decrypted_secret;
  const [url, key] = [value("fb_ads_project_url"), value("fb_ads_function_key")];
  return url && key ? { url: `${url.replace(/\/$/, "")}/functions/v1`, key } : null;
}

async function isTickOff({ database }: Patient): Promise<boolean> {
  const rows = await database.query("select 1 as off from cron.job where jobname = 'fb-ads-tick' and not active");
  return rows.length > 0;
}

function fault(slug: string, found: string, remedy: string): Finding {
  return { check: `function:${slug}`, severity: "error", found, cost: "What it does is not done.", remedy };
}

/** A setting is an environment variable of the functions; names in small letters are of Vault secrets. */
function judgeConfiguration(slug: string, { details = [], message }: FunctionError): Finding {
  const names = details.map(({ path, message: what = "" }) => `${path} ${what}`.trim());
  const ofVault = details.some(({ path }) => /^[a-z]/.test(path));
  return fault(
    slug,
    `Its configuration is wrong: ${names.join("; ") || message || "see its log"}.`,
    ofVault ? "Store it in Vault (meta-ads deploy does)." : "supabase secrets set <NAME>=<value>",
  );
}

function judgeFailure(slug: string, status: number, error: FunctionError | undefined): Finding {
  const own = error === undefined ? "" : `: ${error.message ?? error.code}`;
  const log = "See its log (dashboard > Edge Functions > Logs).";
  if (!error?.code.startsWith("database_")) return fault(slug, `It answers HTTP ${status}${own}.`, log);
  return fault(
    slug,
    `It boots, but its call of the database fails${own}.`,
    "See whether the Data API is on and exposes the schema public (dashboard > Project Settings > Data API); " +
      "whether the migrations are pushed; then its log (dashboard > Edge Functions > Logs).",
  );
}

function judge(slug: string, status: number, body: unknown, wasAsked: boolean): Finding {
  const error = ErrorSchema.safeParse(body).data?.error;
  const check = `function:${slug}`;
  if (wasAsked && status >= 200 && status < 300) {
    return { check, severity: "ok", found: "deployed, boots, takes the key, reaches the database" };
  }
  if (!wasAsked && status === 400 && error !== undefined) {
    return {
      check,
      severity: "ok",
      found: "deployed, boots, takes the key (the tick is off, so it was not asked to work)",
    };
  }
  if (status === 401 || status === 403) {
    return fault(
      slug,
      "It does not take the key in the Vault secret fb_ads_function_key.",
      "Store the project's secret key named fb_ads there (meta-ads deploy does), and deploy with verify_jwt = false.",
    );
  }
  if (status === 404) return fault(slug, "It is not deployed.", `supabase functions deploy ${slug} --use-api`);
  if (error?.code === "config_invalid") return judgeConfiguration(slug, error);
  return judgeFailure(slug, status, error);
}

function judgeSilence(slug: string, host: string, error: unknown): Finding {
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
  const wasAsked = !await isTickOff(patient);
  return await Promise.all(PROBES.map(async ({ slug, body, prefer }): Promise<Finding> => {
    try {
      const response = await patient.fetch(`${access.url}/${slug}`, {
        method: "POST",
        headers: { apikey: access.key, "content-type": "application/json", ...(prefer ? { prefer } : {}) },
        body: JSON.stringify(wasAsked ? body : REFUSED),
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return judge(slug, response.status, parse(await response.text()), wasAsked);
    } catch (error) {
      return judgeSilence(slug, new URL(access.url).host, error);
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

/**
 * Whether the functions are deployed, boot, take the key that the database sends, and reach the database: GET asks for no
 * work, and is answered after one round trip.
 *
 * @module
 */

import { z } from "zod";
import type { Finding, Patient } from "./finding.ts";

const SLUGS = ["fb-sync-metadata", "fb-sync-insights", "capi-event", "attribute-purchase"];
const TIMEOUT_MS = 20_000;

/** Where the functions are, and the key they are called with. */
export interface FunctionAccess {
  /** The project's URL and `/functions/v1`. */
  url: string;
  /** The key of the schedule. */
  key: string;
}

const AccessSchema = z.array(z.object({ name: z.string(), decrypted_secret: z.string() }));
const ErrorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string().optional(),
    details: z.array(z.object({ path: z.string() })).optional(),
  }),
});

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

function judge(slug: string, status: number, body: unknown): Finding {
  const check = `function:${slug}`;
  const error = ErrorSchema.safeParse(body).data?.error;
  if (status === 200) {
    return { check, severity: "ok", found: "deployed, boots, takes the key and reaches the database" };
  }
  const cost = "What it does is not done.";
  if (status === 401 || status === 403) {
    return {
      check,
      severity: "error",
      found: "It does not take the key in the Vault secret fb_ads_function_key.",
      cost,
      remedy: "select fb_ads.renew_function_key(); and deploy with verify_jwt = false.",
    };
  }
  if (status === 404) {
    return {
      check,
      severity: "error",
      found: "It is not deployed.",
      cost,
      remedy: `supabase functions deploy ${slug} --use-api`,
    };
  }
  if (error?.code === "config_invalid") {
    const names = (error.details ?? []).map(({ path }) => path).join(", ");
    return {
      check,
      severity: "error",
      found: `Its configuration is wrong: ${names || error.message || "see its log"}.`,
      cost,
      remedy: "supabase secrets set <NAME>=<value>",
    };
  }
  if (error?.code === "data_api_closed") {
    return {
      check,
      severity: "error",
      found: "It cannot reach the database: the Data API is off, or does not expose the schema public.",
      cost,
      remedy: "Enable it, and expose public (dashboard > Project Settings > Data API > Exposed schemas).",
    };
  }
  if (error !== undefined) {
    return {
      check,
      severity: "error",
      found: `It answers HTTP ${status}: ${error.message ?? error.code}`,
      cost,
      remedy: "Do as its answer says.",
    };
  }
  return {
    check,
    severity: "error",
    found: `It answers HTTP ${status}.`,
    cost,
    remedy: "See its log (dashboard > Edge Functions > Logs).",
  };
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
      const answer = await response.text();
      return judge(slug, response.status, parse(answer));
    } catch {
      return {
        check: `function:${slug}`,
        severity: "error",
        found: "It cannot be reached at the address in the Vault secret fb_ads_project_url.",
        cost: "What it does is not done.",
        remedy: "See whether the project is paused, and whether that address is right.",
      };
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

/**
 * What Meta says: whether each token lives, what it may do and until when, whether the API version lives, whether
 * accounts and pixels can be reached. Tokens travel in the `Authorization` header and stand in no finding.
 *
 * @module
 */

import { z } from "zod";
import { DEFAULT_API_VERSION, META_GRAPH_URL } from "../../../shared/edge/config.ts";
import { systemClock } from "../../../shared/edge/system_clock.ts";
import { GraphApiError } from "../../../shared/errors.ts";
import { createGraphClient, type GraphClient } from "../../../shared/meta/graph_client.ts";
import { fetchGrantedPermissions, fetchTokenInfo, probeToken } from "../../../shared/meta/tokens.ts";
import { networkCause } from "../operator/network.ts";
import type { Finding, Patient } from "./finding.ts";

const TIMEOUT_MS = 20_000;
const ACCOUNTS = 25;
const DAY_MS = 86_400_000;
/** The least that reading needs; `business_management` or `ads_management` would let a leaked token change ads. */
const LEAST_SCOPE = "ads_read";

const SecretsSchema = z.array(z.object({ name: z.string(), value: z.string() }));

interface Token {
  name: string;
  client: GraphClient;
  secret: string;
  /** Why Meta could not be reached by the last call, in words; null where it was. */
  unreached: () => string | null;
}

/** Name of the Vault secret that proves the app of a token. */
const appSecretOf = (name: string) =>
  name === "meta_marketing_api_token" ? "meta_marketing_app_secret" : "meta_capi_app_secret";

/** What the alert would say of it; reason and name are words of ours. */
async function remedyOf({ database }: Patient, name: string, reason: string | null): Promise<string> {
  const [row] = await database.query(`select fb_ads.refusal_remedy('${reason ?? ""}', '${name}') as remedy`);
  return String(row?.remedy);
}

function reasonOf(error: unknown, { unreached }: Token): string {
  if (!(error instanceof GraphApiError)) return error instanceof Error ? error.message : "unknown reason";
  if (error.meta_code === null) return unreached() ?? error.reason;
  return `${error.reason} (code ${error.meta_code})`;
}

/** Remembers why a request came to nothing: the client leaves it out, for the platform's words may hold the URL. */
function watchNetwork(carry: typeof fetch): { fetch: typeof fetch; unreached: () => string | null } {
  let unreached: string | null = null;
  return {
    unreached: () => unreached,
    fetch: async (input, init) => {
      try {
        const response = await carry(input, init);
        unreached = null;
        return response;
      } catch (error) {
        const { host } = new URL(input instanceof Request ? input.url : input);
        unreached = `${host} cannot be reached: ${networkCause(error) ?? "unknown reason"}`;
        throw error;
      }
    },
  };
}

async function readTokens({ database, env, fetch }: Patient): Promise<Token[]> {
  const rows = SecretsSchema.parse(
    await database.query(`select stored.name, stored.value
      from (
        select secret.name, fb_ads.read_token(secret.name) as value from vault.secrets as secret
        where secret.name ~ '^meta_(marketing_api_token|capi_access_token(_[0-9]+)?|(marketing|capi)_app_secret)$'
      ) as stored
      where stored.value is not null
      order by stored.name`),
  );
  const isAppSecret = ({ name }: { name: string }) => name.endsWith("_app_secret");
  const appSecrets = new Map(rows.filter(isAppSecret).map((row) => [row.name, row.value]));
  const network = watchNetwork(fetch);
  return rows.filter((row) => !isAppSecret(row)).map(({ name, value: secret }) => ({
    name,
    secret,
    unreached: network.unreached,
    client: createGraphClient({
      fetch: network.fetch,
      token: secret,
      app_secret: appSecrets.get(appSecretOf(name)),
      api_version: env.META_API_VERSION || DEFAULT_API_VERSION,
      graph_url: (env.META_GRAPH_URL || env.GRAPH_URL || META_GRAPH_URL).replace(/\/+$/, ""),
      clock: systemClock,
      timeout_ms: TIMEOUT_MS,
    }),
  }));
}

/** Found at an ad account: the rest of Graph outlives the Marketing API's part of a version by a year and more. */
const DEAD_VERSION: Finding = {
  check: "api_version",
  severity: "error",
  found: "The API version is dead: Meta refuses it.",
  cost: "Nothing is read from Meta.",
  remedy: "supabase secrets set META_API_VERSION=v<n>.0 with a living version",
};

const isDeadVersion = (error: unknown) => error instanceof GraphApiError && error.reason === "version_dead";

async function checkScopes(token: Token): Promise<Finding> {
  const { name, client } = token;
  const check = `scopes:${name}`;
  try {
    const scopes = await fetchGrantedPermissions(client);
    const writes = scopes.filter((scope) => scope === "ads_management" || scope === "business_management");
    if (!scopes.includes(LEAST_SCOPE)) {
      return {
        check,
        severity: scopes.includes("ads_management") ? "warning" : "error",
        found: `It has ${scopes.join(", ") || "no permission"}, and not ${LEAST_SCOPE}.`,
        cost: "Campaigns and spend cannot be read.",
        remedy: `Make the token anew with ${LEAST_SCOPE} (Business settings > System users > Generate token).`,
      };
    }
    if (writes.length === 0) return { check, severity: "ok", found: scopes.join(", ") };
    return {
      check,
      severity: "warning",
      found: `It has ${writes.join(" and ")} too; ${LEAST_SCOPE} is all that is needed.`,
      cost: "Whoever gets hold of it could change your ads.",
      remedy: `Make the token anew with ${LEAST_SCOPE} alone.`,
    };
  } catch (error) {
    return {
      check,
      severity: "warning",
      found: `Meta does not say which permissions it has: ${reasonOf(error, token)}.`,
      cost: "Nothing is known about it.",
      remedy: `See Business settings > System users; ${LEAST_SCOPE} is the least that is needed.`,
    };
  }
}

async function checkExpiry(token: Token): Promise<Finding[]> {
  const { name, client, secret } = token;
  const check = `expiry:${name}`;
  const unknown = (found: string): Finding[] => [{
    check,
    severity: "warning",
    found,
    cost: "It may end without notice, and then nothing is read or sent with it.",
    remedy: "See Business settings > System users whether an end was chosen for it; a token without end is best.",
  }];
  try {
    const { expires_at } = await fetchTokenInfo(client, secret);
    if (expires_at === "never") return [{ check, severity: "ok", found: "it does not expire" }];
    if (expires_at === "unknown") return unknown("Meta does not say when it ends.");
    const days = Math.floor((expires_at.getTime() - Date.now()) / DAY_MS);
    const until = expires_at.toISOString().slice(0, 10);
    if (days > 14) return [{ check, severity: "ok", found: `until ${until}` }];
    return [{
      check,
      severity: days < 3 ? "error" : "warning",
      found: `It expires on ${until}, in ${days} days.`,
      cost: "From then on nothing is read or sent with it.",
      remedy: "Make a token without end for the system user, and store it in Vault under the same name.",
    }];
  } catch (error) {
    return unknown(`Meta does not say when it ends: ${reasonOf(error, token)}.`);
  }
}

async function checkToken(patient: Patient, token: Token): Promise<{ findings: Finding[]; lives: boolean }> {
  const check = `token:${token.name}`;
  try {
    const { is_valid, reason } = await probeToken(token.client);
    if (!is_valid) {
      const finding: Finding = {
        check,
        severity: "error",
        found: `Meta refuses it: ${reason}.`,
        cost: token.name === "meta_marketing_api_token" ? "Nothing is read from Meta." : "Meta gets no events.",
        remedy: await remedyOf(patient, token.name, reason),
      };
      return { findings: [finding], lives: false };
    }
    const findings: Finding[] = [{ check, severity: "ok", found: "it lives" }];
    if (token.name === "meta_marketing_api_token") findings.push(await checkScopes(token));
    return { findings: [...findings, ...await checkExpiry(token)], lives: true };
  } catch (error) {
    const finding: Finding = isDeadVersion(error) ? DEAD_VERSION : {
      check,
      severity: "warning",
      found: `Meta could not be asked: ${reasonOf(error, token)}.`,
      cost: "Nothing is known about it.",
      remedy: "Run the doctor again where Meta can be reached.",
    };
    return { findings: [finding], lives: false };
  }
}

async function checkAccounts({ database, env }: Patient, token: Token): Promise<Finding[]> {
  const rows = await database.query(
    `select fb_account_id from public.ad_accounts where enabled order by fb_account_id limit ${ACCOUNTS}`,
  );
  const findings: Finding[] = [];
  let warned: string | undefined;
  for (const row of rows) {
    const fb_account_id = String(row.fb_account_id);
    try {
      const answer = await token.client.get(`act_${fb_account_id}`, { fields: "id" });
      warned ??= answer.api_version_warning;
    } catch (error) {
      if (isDeadVersion(error)) return [DEAD_VERSION];
      findings.push({
        check: `account:${fb_account_id}`,
        severity: "error",
        found: `It cannot be read: ${reasonOf(error, token)}.`,
        cost: "Its campaigns and spend are not read.",
        remedy:
          "Assign the account to the token's system user (Business settings > Ad accounts), or take it out of FB_ADS_ACCOUNT_IDS.",
      });
    }
  }
  const readable = rows.length - findings.length;
  if (readable > 0) {
    findings.push({ check: "accounts", severity: "ok", found: `${readable} of ${rows.length} can be read` });
  }
  const version = env.META_API_VERSION || DEFAULT_API_VERSION;
  return [
    ...findings,
    warned === undefined ? { check: "api_version", severity: "ok", found: `${version} lives` } : {
      check: "api_version",
      severity: "warning",
      found: `Meta warns of ${version}: ${warned}`,
      cost: "When it has ended nothing is read any more.",
      remedy: "supabase secrets set META_API_VERSION=v<n>.0 with a newer version",
    },
  ];
}

/**
 * Looks at the pixels. Of one whose token does not live, or could not be asked about, the token's finding says it all.
 */
async function checkPixels({ database, env }: Patient, tokens: Token[], living: Token[]): Promise<Finding[]> {
  const stored = await database.query("select pixel_id from fb_ads.pixels order by pixel_id");
  const configured = (env.META_PIXEL_ID ?? "").split(/[\s,]+/).filter((id) => /^\d+$/.test(id));
  const ids = [...new Set([...configured, ...stored.map((row) => String(row.pixel_id))])];
  if (ids.length === 0) {
    return [{
      check: "pixels",
      severity: "ok",
      found: "none is known here yet; META_PIXEL_ID in the environment has one looked at",
    }];
  }
  const findings = await Promise.all(ids.map(async (id): Promise<Finding[]> => {
    const check = `pixel:${id}`;
    const token = tokens.find(({ name }) => name === `meta_capi_access_token_${id}`) ??
      tokens.find(({ name }) => name === "meta_capi_access_token");
    const remedy =
      "See Events Manager > Data sources whether the id is right, and give the token's system user the pixel.";
    if (token === undefined) {
      return [{
        check,
        severity: "error",
        found: "Vault has no token for it.",
        cost: "It gets no events.",
        remedy: `Store meta_capi_access_token_${id}.`,
      }];
    }
    if (!living.includes(token)) return [];
    try {
      await token.client.get(id, { fields: "id" });
      return [{ check, severity: "ok", found: "it can be reached" }];
    } catch (error) {
      return [{
        check,
        severity: "error",
        found: `It cannot be reached with ${token.name}: ${reasonOf(error, token)}.`,
        cost: "It gets no events.",
        remedy,
      }];
    }
  }));
  return findings.flat();
}

/** Asks Meta about tokens, accounts and pixels: a handful of calls. */
export async function checkMeta(patient: Patient): Promise<Finding[]> {
  const tokens = await readTokens(patient);
  const findings: Finding[] = [];
  const living: Token[] = [];
  for (const token of tokens) {
    const { findings: found, lives } = await checkToken(patient, token);
    findings.push(...found);
    if (lives) living.push(token);
  }
  const marketing = living.find(({ name }) => name === "meta_marketing_api_token");
  if (marketing !== undefined) findings.push(...await checkAccounts(patient, marketing));
  findings.push(...await checkPixels(patient, tokens, living));
  return findings;
}

/**
 * Which of the caller's environment variables are function secrets and which are Vault secrets: the names of the
 * project's configuration, as `npm run stack` and `npm start` take them.
 *
 * @module
 */

const VAULT_SECRET =
  /^(META_MARKETING_API_TOKEN|META_CAPI_ACCESS_TOKEN(_\d+)?|FB_ADS_PROJECT_URL|FB_ADS_FUNCTION_KEY|FB_ADS_ALERT_WEBHOOK)$/;
const FUNCTION_SECRET = /^(META|FB_ADS)_[A-Z0-9_]+$/;

/** The project's configuration, taken from the environment. */
export interface ProjectEnvironment {
  /** Variables of the functions. */
  functionEnv: Record<string, string>;
  /** Vault secrets under their own names, in small letters. */
  vault: Record<string, string>;
}

/** Sorts an environment; empty values count as absent. */
export function readProjectEnvironment(environment: Record<string, string>): ProjectEnvironment {
  const functionEnv: Record<string, string> = {};
  const vault: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value === "") continue;
    if (VAULT_SECRET.test(name)) vault[name.toLowerCase()] = value;
    else if (FUNCTION_SECRET.test(name)) functionEnv[name] = value;
  }
  return { functionEnv, vault };
}

/**
 * Names that a deployment sets: function secrets and Vault secrets.
 *
 * @module
 */

/** Function secrets (environment variables of the functions). None of them is confidential. */
export const FUNCTION_SECRETS = [
  "META_PIXEL_ID",
  "META_API_VERSION",
  "META_TEST_EVENT_CODE",
  "FB_ADS_ACCOUNT_IDS",
  "FB_ADS_ALLOWED_ORIGINS",
  "FB_ADS_DEFAULT_COUNTRY",
  "FB_ADS_REQUIRE_CONSENT",
] as const;

/** Vault secrets that a person brings, with what each is. Their environment variables are the names in capitals. */
export const VAULT_SECRETS: readonly { name: string; is: string; required: boolean }[] = [
  { name: "meta_marketing_api_token", is: "the system user's token with ads_read", required: true },
  { name: "meta_capi_access_token", is: "the pixel's Conversions API token", required: true },
  { name: "meta_marketing_app_secret", is: "the app's secret, if it requires one (optional)", required: false },
  { name: "meta_capi_app_secret", is: "the same of the pixel token's app (optional)", required: false },
  { name: "fb_ads_alert_webhook", is: "a Slack-compatible webhook for alerts (optional)", required: false },
];

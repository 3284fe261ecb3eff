/**
 * Meta's usage headers, in their exact shapes and units. They go on every answer about an ad account, errors included;
 * the worst entry is put last, because it is not always first.
 * @module
 */

import type { HeaderMode, Settings } from "./settings.ts";
import type { QuotaModel, UseCase } from "./quota.ts";
import type { AdAccount } from "./world/account.ts";

/** A header as name and text. */
export type Header = [name: string, value: string];

/** Makes the usage headers of an answer. */
export function usageHeaders(
  quota: QuotaModel,
  settings: Settings,
  account: AdAccount | null,
  useCase: UseCase | null,
): Header[] {
  const app = quota.appPercent();
  const headers: Header[] = [
    ["x-app-usage", JSON.stringify({ call_count: app, total_time: app, total_cputime: app })],
  ];
  if (account && useCase) {
    const tier = settings.quota.tier;
    const score = quota.accountScore(account);
    headers.push([
      "x-ad-account-usage",
      JSON.stringify({
        acc_id_util_pct: score.percent,
        reset_time_duration: score.reset_seconds,
        ads_api_access_tier: tier,
      }),
    ]);
    const entries = [quota.entry(account, "ads_insights"), quota.entry(account, "ads_management")];
    entries.sort((left, right) => left.call_count - right.call_count);
    headers.push(["x-business-use-case-usage", JSON.stringify({ [account.plan.account_id]: entries })]);
    if (useCase === "ads_insights") {
      headers.push([
        "x-fb-ads-insights-throttle",
        JSON.stringify({
          app_id_util_pct: app,
          acc_id_util_pct: quota.entry(account, "ads_insights").call_count,
          ads_api_access_tier: tier,
        }),
      ]);
    }
  }
  return headers.flatMap(([name, value]) => applyMode(name, value, settings.headers[name] ?? "normal"));
}

function applyMode(name: string, value: string, mode: HeaderMode): Header[] {
  if (mode === "missing") return [];
  if (mode === "malformed") return [[name, value.slice(0, Math.ceil(value.length / 2))]];
  return [[name, mode === "normal" ? value : mode.value]];
}

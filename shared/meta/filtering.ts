/**
 * The `filtering` parameter. Meta's lists leave archived objects out unless every status is asked for by name, and
 * insights leave out deleted ones too: that is how spend goes missing silently.
 * https://developers.facebook.com/docs/marketing-api/best-practices/storing_adobjects
 *
 * @module
 */

/** Every status a campaign can have in a list. `DELETED` cannot be listed, only read by id. */
export const CAMPAIGN_STATUSES = ["ACTIVE", "PAUSED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES"] as const;

/** Every status an ad set can have in a list. */
export const ADSET_STATUSES = [
  "ACTIVE",
  "PAUSED",
  "ARCHIVED",
  "CAMPAIGN_PAUSED",
  "IN_PROCESS",
  "WITH_ISSUES",
] as const;

/** Every status an ad can have in a list. */
export const AD_STATUSES = [
  "ACTIVE",
  "ADSET_PAUSED",
  "ARCHIVED",
  "CAMPAIGN_PAUSED",
  "DISAPPROVED",
  "IN_PROCESS",
  "PAUSED",
  "PENDING_BILLING_INFO",
  "PENDING_REVIEW",
  "PREAPPROVED",
  "WITH_ISSUES",
] as const;

/** Every status an ad can have in insights, where deleted ones keep reporting for 28 days and stay readable. */
export const INSIGHT_AD_STATUSES = [...AD_STATUSES, "DELETED"] as const;

/** One condition of a `filtering` parameter. */
export interface Filter {
  /** Meta's field, with its level in front, e.g. `ad.id`. */
  field: string;
  /** How the field is compared. */
  operator: "IN" | "NOT_IN" | "GREATER_THAN";
  /** What it is compared with. */
  value: readonly string[] | number;
}

/** Conditions for a list: all statuses, and optionally only what changed after an instant. */
export function listFilters(
  level: "campaign" | "adset" | "ad",
  statuses: readonly string[],
  updated_since: Date | null | undefined,
): Filter[] {
  const filters: Filter[] = [{ field: `${level}.effective_status`, operator: "IN", value: statuses }];
  if (updated_since) {
    const seconds = Math.floor(updated_since.getTime() / 1000);
    filters.push({ field: `${level}.updated_time`, operator: "GREATER_THAN", value: seconds });
  }
  return filters;
}

/**
 * What an ad does on a day, and how Meta changes it afterwards.
 *
 * @module
 */

/** What one ad did on one local day. */
export interface DailyMetrics {
  /** Spend in minor units. */
  spend: number;
  /** Times shown. */
  impressions: number;
  /** All clicks. */
  clicks: number;
  /** People reached. */
  reach: number;
  /** Clicks on the link. */
  inline_link_clicks: number;
  /** Purchases that Meta claims. */
  purchases: number;
  /** Their value in minor units. */
  purchase_value: number;
}

/** A change of figures that Meta makes after the fact, in force from an instant on. */
export interface Restatement {
  /** Epoch milliseconds of the clock from which it holds. */
  at: number;
  /** First local day concerned. */
  since: number;
  /** Last local day concerned. */
  until: number;
  /** The ads concerned; all when absent. */
  ad_ids?: string[];
  /** Concerns only every nth ad, by a hash of ad and day. */
  every?: number;
  /** True when the rows disappear. */
  vanish?: boolean;
  /** New spend in per cent of the old, rounded down to minor units. */
  percent?: number;
  /** Minor units added to the spend. */
  add_spend?: number;
  /** Figures that replace the generated ones; makes a row where there was none. */
  set?: Partial<DailyMetrics>;
}

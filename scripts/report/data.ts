/**
 * What the report shows, as plain data: the queries make it, the page is made from it, and tests make it by hand. Amounts
 * are decimal texts in major units; a null amount is one that is not known.
 *
 * @module
 */

/** A day of one currency. Net revenue is after refunds, once by the day of the click and once by that of the payment. */
export interface DayFigures {
  /** Calendar day in the ad account's time zone, `YYYY-MM-DD`. */
  date: string;
  spend: string;
  click_sales: number;
  /** Null where a sale has no value or no exchange rate. */
  click_revenue: string | null;
  paid_sales: number;
  paid_revenue: string | null;
}

/** An ad over the whole range. */
export interface AdFigures {
  fb_ad_id: string;
  ad_name: string | null;
  campaign_name: string | null;
  spend: string;
  impressions: number;
  clicks: number;
  sales: number;
  /** Net revenue by the day of the click; null where it is not known. */
  revenue: string | null;
}

/** A campaign beside what Meta claims for it. */
export interface CampaignClaims {
  campaign_name: string | null;
  our_sales: number;
  our_revenue: string | null;
  meta_purchases: string | null;
  meta_purchase_value: string | null;
}

/** Everything in one currency: currencies are never added up. */
export interface CurrencyFigures {
  /** ISO 4217. */
  currency: string;
  /** Every day of the range, oldest first. */
  days: DayFigures[];
  /** Ranked by spend. */
  ads: AdFigures[];
  /** Ranked by Meta's claim. */
  claims: CampaignClaims[];
}

/** Events of one name. */
export interface FunnelStep {
  event_name: string;
  events: number;
  /** Of them, those of people who had not agreed: nothing about them was kept or sent. */
  suppressed: number;
}

/** Sales that were not credited, or are waiting, by reason. */
export interface CoverageReason {
  reason: string;
  sales: number;
}

/** How many sales found their ad. */
export interface Coverage {
  sales: number;
  attributed_to_ads: number;
  attributed_to_adsets: number;
  attributed_to_campaigns: number;
  reasons: CoverageReason[];
}

/** A run of a sync. */
export interface RunSummary {
  function_slug: string;
  /** ISO 8601. */
  started_at: string;
  /** Null while it runs. */
  seconds: number | null;
  jobs_done: number;
  jobs_failed: number;
  rows: number;
  graph_calls: number;
  error: string | null;
}

/** A number of things in one state. */
export interface QueueState {
  queue: string;
  state: string;
  count: number;
}

/** What a person must act on. */
export interface AlertSummary {
  severity: string;
  problem: string;
  cost: string;
  remedy: string;
  since: string | null;
}

/** A quota that is used up, or access that is lost. */
export interface ParkedScope {
  scope: string;
  name: string;
  parked_until: string | null;
  stopped_at: string | null;
}

/** A day on which our sum is not Meta's. */
export interface DifferingDay {
  account_name: string;
  date: string;
  currency: string;
  our_spend: string;
  meta_spend: string;
}

/** The state of the machinery. */
export interface PipelineHealth {
  alerts: AlertSummary[];
  runs: RunSummary[];
  queues: QueueState[];
  parked: ParkedScope[];
  differing_days: DifferingDay[];
  /** The newest change of any day's spend, ISO 8601. */
  newest_insight_at: string | null;
}

/** The whole report. */
export interface ReportData {
  /** ISO 8601. */
  generated_at: string;
  /** First and last day, inclusive. */
  since: string;
  until: string;
  /** The one with the most spend first. */
  currencies: CurrencyFigures[];
  /** Days that the funnel covers: as long as page views are kept. */
  funnel_days: number;
  funnel: FunnelStep[];
  coverage: Coverage;
  why_claims_differ: string;
  health: PipelineHealth;
}

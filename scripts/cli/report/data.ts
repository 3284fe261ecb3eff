/**
 * What the report shows, as plain data: the queries make it, the page is made from it, and tests make it by hand.
 * Amounts are decimal texts in major units; a null amount is one that is not known.
 *
 * @module
 */

import type { PipelineHealth } from "./health_data.ts";

/** By what the figures are added up. A week begins on Monday. */
export type Period = "day" | "week" | "month";

/**
 * A day, week or month of one currency, cut to the range. Net revenue is after refunds, once by the day of the click
 * and once by that of the payment.
 */
export interface PeriodFigures {
  /** First calendar day in the ad account's time zone, `YYYY-MM-DD`. */
  since: string;
  /** Last day, inclusive; of a day the same. */
  until: string;
  /** Spend of these days. */
  spend: string;
  /** Sales whose credited click fell on these days. */
  click_sales: number;
  /** Null where a sale has no value or no exchange rate. */
  click_revenue: string | null;
  /** Credited sales that were paid on these days. */
  paid_sales: number;
  /** Null where a sale has no value or no exchange rate. */
  paid_revenue: string | null;
}

/** What Ads Manager has three levels of. */
export type Level = "ad" | "adset" | "campaign";

/** What spends money, over the whole range: an ad, an ad set or a campaign. Sales count on the day of their click. */
export interface Spender {
  /** Meta's id. */
  fb_id: string;
  /** Null while it is a stub. */
  name: string | null;
  /** Its ad set's name; null of an ad set or a campaign. */
  adset_name: string | null;
  /** Its campaign's name; null of a campaign. */
  campaign_name: string | null;
  /** Meta's id of the ad account. */
  fb_account_id: string;
  /** Whether it runs, as Meta says now; null while it is a stub. */
  effective_status: string | null;
  /** Spend of the range. */
  spend: string;
  /** Impressions of the range. */
  impressions: number;
  /** Clicks on its link; null where Meta told none. */
  link_clicks: number | null;
  /** People who saw it on each day, days added up; null where Meta told none. */
  daily_reach: number | null;
  /** Credited sales. */
  sales: number;
  /** Their net revenue; null where it is not known. */
  revenue: string | null;
  /** Purchases that Meta claims; null where it told none. */
  meta_purchases: string | null;
  /** What Meta says they were worth. */
  meta_purchase_value: string | null;
  /** The first day since which it has lost money without ever making up for it; null where it has not. */
  losing_since: string | null;
  /** How much it has lost since then. */
  lost_since: string | null;
  /** Spend of as many days before. */
  spend_before: string;
  /** Net revenue of as many days before; null where it is not known. */
  revenue_before: string | null;
}

/** What all ads of a currency did in as many days before. */
export interface TotalsBefore {
  /** Spend. */
  spend: string;
  /** Credited sales. */
  sales: number;
  /** Their net revenue; null where it is not known. */
  revenue: string | null;
}

/** Everything in one currency: that of some accounts, or the home currency into which all were converted. */
export interface CurrencyFigures {
  /** ISO 4217. */
  currency: string;
  /** Every day, week and month of the range, oldest first. */
  periods: Readonly<Record<Period, PeriodFigures[]>>;
  /** The days before. */
  before: TotalsBefore;
  /** Those with the most spend. */
  ads: Spender[];
  /** The same by ad set. */
  adsets: Spender[];
  /** The same by campaign, with the sales that name no single ad. */
  campaigns: Spender[];
}

/** Days of one currency for which no exchange rate into the home currency is known. */
export interface MissingRates {
  /** ISO 4217 of the ad accounts; `?` where it is not known. */
  from_currency: string;
  /** The first of these days, `YYYY-MM-DD`. */
  first_date: string;
  /** How many they are. */
  days: number;
}

/** What became of amounts in other currencies than the home currency. */
export interface HomeCurrency {
  /** ISO 4217. */
  currency: string;
  /** The currencies that were converted, by the rate of each day; none where a rate is missing. */
  converted: string[];
  /** Where there is any, the currencies stay apart. */
  missing_rates: MissingRates[];
}

/** Events of one name. */
export interface FunnelStep {
  /** Meta's name of the event. */
  event_name: string;
  /** How many there were. */
  events: number;
  /** Of them, those of people who had not agreed: nothing about them was kept or sent. */
  suppressed: number;
}

/** Sales that were not credited, or are waiting, by reason. */
export interface CoverageReason {
  /** A column of `fb_attribution_coverage`, such as `no_touch` or `waiting`. */
  reason: string;
  /** How many sales have it. */
  sales: number;
}

/** How many sales found their ad. */
export interface Coverage {
  /** Sales of the range. */
  sales: number;
  /** Credited to an ad. */
  attributed_to_ads: number;
  /** Credited to an ad set, the ad unknown. */
  attributed_to_adsets: number;
  /** Credited to a campaign, ad and ad set unknown. */
  attributed_to_campaigns: number;
  /** Why the others were not, the commonest first. */
  reasons: CoverageReason[];
}

/** How many of an event's people Meta can tell by one key, in per cent of the events. */
export interface KeyShare {
  /** In the words of Meta's Dataset Quality API, such as `email`. */
  key: string;
  /** As Meta counts; null where it says nothing. */
  meta: number | null;
  /** As the shop sent them; null where none carried it. */
  sent: number | null;
}

/** How well Meta recognises the people behind one event of a pixel. Percentages are 0 to 100. */
export interface EventRecognition {
  /** Meta's id. */
  pixel_id: string;
  /** Meta's name of the event. */
  event_name: string;
  /** Day in UTC on which Meta said so, `YYYY-MM-DD`. */
  date: string;
  /** 0 to 10; null where Meta gave none. */
  composite_score: number | null;
  /** The median of the seven days before; null without any. */
  score_before: number | null;
  /** How much of what the browser sends the server sent too; null where no Pixel runs. */
  event_coverage: number | null;
  /** What Meta wants that to be. */
  event_coverage_goal: number | null;
  /** How late events arrive, in Meta's words. */
  upload_frequency: string | null;
  /** Those that most events carry first. */
  keys: KeyShare[];
  /** What Meta finds wrong. */
  diagnostics: { name: string; description: string | null; solution: string | null }[];
}

/** The whole report. */
export interface ReportData {
  /** ISO 8601. */
  generated_at: string;
  /** First and last day, inclusive. */
  since: string;
  /** The last day, inclusive. */
  until: string;
  /** First day of the as many days before, with which the range is compared. */
  before_since: string;
  /** The ROAS from which an ad earns its money back. */
  break_even_roas: number;
  /** IANA time zone of the account that spends the most: times are shown in it. */
  timezone_name: string;
  /** Null where no figures are known. */
  home: HomeCurrency | null;
  /** The home currency alone; without its rates each currency, the one with the most figures first. */
  currencies: CurrencyFigures[];
  /** Events by name, in the order of a visit. */
  funnel: FunnelStep[];
  /** How many sales found their ad. */
  coverage: Coverage;
  /** How well Meta recognises the people behind the events. */
  recognition: EventRecognition[];
  /** Why ours and Meta's figures can never be equal. */
  why_claims_differ: string;
  /** The state of the machinery. */
  health: PipelineHealth;
}

/** First and last day, `YYYY-MM-DD`, inclusive. */
export interface ReportRange {
  /** First day. */
  since: string;
  /** Last day, inclusive. */
  until: string;
  /** ISO 4217, into which amounts are converted. @default that of most figures */
  home_currency?: string | undefined;
}

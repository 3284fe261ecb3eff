/**
 * One ad account of the world. Its campaigns, ad sets and ads are made when somebody first asks, as small records;
 * everything else about them is computed when it is answered.
 * @module
 */

import { localDay } from "../calendar.ts";
import { mix, pick } from "../random.ts";
import type { Restatement } from "./figures.ts";
import { AD_NAMES, ADSET_NAMES, CAMPAIGN_NAMES } from "./names.ts";
import { type AdNode, type AdSetNode, type AdTreeNode, type CampaignNode, effectiveStatus } from "./objects.ts";

/** What an account is to look like. */
export interface AccountPlan {
  /** Digits, without `act_`. */
  account_id: string;
  /** Name of the account. */
  name: string;
  /** ISO 4217 code. */
  currency: string;
  /** IANA time zone. */
  timezone_name: string;
  /** 1 is active, 2 disabled, 3 unsettled, 101 closed. */
  account_status: number;
  /** How many campaigns. */
  campaigns: number;
  /** How many ad sets, spread over the campaigns. */
  adsets: number;
  /** How many ads, spread over the ad sets. */
  ads: number;
  /** Per cent of an ad's days that have an insights row. */
  density: number;
  /** True gives every object the status ACTIVE and every ad delivery from `history_days` ago on. */
  plain: boolean;
  /** How many days back the oldest delivery lies. */
  history_days: number;
}

/** What an id can stand for; each ad has a creative of its own. */
export type ObjectKind = "campaign" | "adset" | "ad" | "creative";

const KIND_DIGIT: Record<ObjectKind, number> = { campaign: 1, adset: 2, ad: 3, creative: 4 };
const REVIEWS = ["PENDING_REVIEW", "WITH_ISSUES", "DISAPPROVED", "PREAPPROVED", "IN_PROCESS"] as const;
const FAR_DAY = 1_000_000;
const DAY_SECONDS = 86_400;

/** Makes an 18-digit id that tells its kind, account and number, so that an object is found without a search. */
export function makeId(kind: ObjectKind, accountSeq: number, seq: number): string {
  return `1202${KIND_DIGIT[kind]}${String(accountSeq).padStart(4, "0")}${String(seq).padStart(9, "0")}`;
}

/** An ad account and its lazily made tree. */
export class AdAccount {
  /** Position in the world, from 0. */
  readonly seq: number;
  /** What it looks like; a test may change any of it. */
  readonly plan: AccountPlan;
  /** The account's own seed. */
  readonly seed: number;
  /** Changes of figures after the fact, in the order in which they apply. */
  readonly restatements: Restatement[] = [];
  /** Instant from which the generator counts ages, epoch milliseconds. */
  readonly baseMs: number;
  /** Local day of that instant, from which the generator counts days. */
  readonly today: number;
  #campaigns: CampaignNode[] | null = null;
  #adsets: AdSetNode[] = [];
  #ads: AdNode[] = [];

  /** Plans an account; nothing is made yet. */
  constructor(seq: number, plan: AccountPlan, worldSeed: number, baseMs: number) {
    this.seq = seq;
    this.plan = plan;
    this.seed = mix(worldSeed, seq, 77);
    this.baseMs = baseMs;
    this.today = localDay(plan.timezone_name, baseMs);
  }

  /** All campaigns, deleted ones too, in order of creation. */
  get campaigns(): CampaignNode[] {
    return this.#grow();
  }

  /** All ad sets, deleted ones too, in order of creation. */
  get adsets(): AdSetNode[] {
    this.#grow();
    return this.#adsets;
  }

  /** All ads, deleted and hidden ones too, in order of creation. */
  get ads(): AdNode[] {
    this.#grow();
    return this.#ads;
  }

  /** Finds an object by id. */
  find(id: string): AdTreeNode | undefined {
    const list: readonly AdTreeNode[] | undefined = ({ 1: this.campaigns, 2: this.adsets, 3: this.ads })[id[4] ?? ""];
    const found = list?.[Number(id.slice(9))];
    return found?.id === id ? found : undefined;
  }

  /** Counts the ads that are ACTIVE in effect, which Meta's quotas grow with. */
  activeAds(): number {
    return this.ads.filter((ad) => effectiveStatus(ad) === "ACTIVE").length;
  }

  /** Adds a campaign; `changes` override its fields. */
  addCampaign(changes: Partial<CampaignNode> = {}): CampaignNode {
    const node = { ...this.#makeCampaign(this.campaigns.length), ...changes };
    this.campaigns.push(node);
    return node;
  }

  /** Adds an ad set to a campaign. */
  addAdSet(campaign: CampaignNode, changes: Partial<AdSetNode> = {}): AdSetNode {
    const node = { ...this.#makeAdSet(this.adsets.length, campaign), ...changes };
    this.adsets.push(node);
    return node;
  }

  /** Adds an ad to an ad set. */
  addAd(adset: AdSetNode, changes: Partial<AdNode> = {}): AdNode {
    const node = { ...this.#makeAd(this.ads.length, adset), ...changes };
    this.ads.push(node);
    return node;
  }

  #grow(): CampaignNode[] {
    if (this.#campaigns) return this.#campaigns;
    const campaigns = Array.from({ length: this.plan.campaigns }, (_, seq) => this.#makeCampaign(seq));
    this.#campaigns = campaigns;
    for (let seq = 0; seq < this.plan.adsets; seq++) {
      const campaign = campaigns[seq % campaigns.length];
      if (campaign) this.#adsets.push(this.#makeAdSet(seq, campaign));
    }
    for (let seq = 0; seq < this.plan.ads; seq++) {
      const adset = this.#adsets[seq % this.#adsets.length];
      if (adset) this.#ads.push(this.#makeAd(seq, adset));
    }
    const last = this.#ads.at(-1);
    if (last && !this.plan.plain) {
      // Meta's lists leave some ads out for good, though their spend is real: one per account is enough to fall over.
      last.hidden = true;
      last.status = "ACTIVE";
      last.last_day = FAR_DAY;
    }
    return campaigns;
  }

  #base(kind: ObjectKind, seq: number, names: readonly [string, ...string[]]): {
    roll: number;
    node: Omit<CampaignNode, "kind" | "daily_budget" | "lifetime_budget" | "start" | "stop">;
  } {
    const roll = mix(this.seed, KIND_DIGIT[kind], seq);
    const baseSeconds = Math.floor(this.baseMs / 1000);
    const age = DAY_SECONDS + roll % (DAY_SECONDS * Math.max(2, this.plan.history_days));
    const created = baseSeconds - age;
    return {
      roll,
      node: {
        seq,
        id: makeId(kind, this.seq, seq),
        name: `${pick(names, seq)} #${seq + 1}`,
        status: "ACTIVE",
        review: null,
        created,
        updated: created + roll % Math.max(1, age - 3600),
        hidden: false,
        unreadable: false,
        extra: {},
      },
    };
  }

  #makeCampaign(seq: number): CampaignNode {
    const { roll, node } = this.#base("campaign", seq, CAMPAIGN_NAMES);
    const status = this.plan.plain
      ? "ACTIVE"
      : seq % 6 === 3
      ? "ARCHIVED"
      : seq % 6 === 4
      ? "PAUSED"
      : seq % 12 === 5
      ? "DELETED"
      : "ACTIVE";
    const budget = seq % 3 === 0 ? String(50_000 + roll % 9_950_000) : null;
    return {
      ...node,
      kind: "campaign",
      status,
      daily_budget: seq % 6 === 0 ? budget : null,
      lifetime_budget: seq % 6 === 3 ? budget : null,
      start: node.created + 3600,
      stop: seq % 4 === 1 ? node.created + 400 * DAY_SECONDS : null,
    };
  }

  #makeAdSet(seq: number, campaign: CampaignNode): AdSetNode {
    const { roll, node } = this.#base("adset", seq, ADSET_NAMES);
    const ofCampaign = campaign.daily_budget !== null || campaign.lifetime_budget !== null;
    // Under a campaign budget Meta answers "0" for some ad sets and no field at all for others.
    const daily = ofCampaign ? (seq % 2 === 0 ? "0" : null) : seq % 5 === 4 ? "0" : String(10_000 + roll % 990_000);
    return {
      ...node,
      kind: "adset",
      campaign,
      status: !this.plan.plain && roll % 9 === 0 ? "PAUSED" : "ACTIVE",
      daily_budget: daily,
      lifetime_budget: ofCampaign ? (seq % 2 === 0 ? "0" : null) : seq % 5 === 4 ? String(roll % 99_000_000) : "0",
      start: node.created + 7200,
      stop: seq % 5 === 4 ? node.created + 200 * DAY_SECONDS : null,
    };
  }

  #makeAd(seq: number, adset: AdSetNode): AdNode {
    const { roll, node } = this.#base("ad", seq, AD_NAMES);
    const { today } = this;
    const first = this.plan.plain ? today - this.plan.history_days : today - 10 - roll % this.plan.history_days;
    const ad: AdNode = { ...node, kind: "ad", adset, first_day: first, last_day: FAR_DAY };
    if (this.plan.plain) return ad;
    const fate = roll % 20;
    if (fate === 0 || fate === 10) ad.status = "PAUSED";
    if (fate === 1 || fate === 11) ad.status = "ARCHIVED";
    if (fate === 2) ad.status = "DELETED";
    if (fate === 5) ad.review = pick(REVIEWS, roll >>> 8);
    const ended = ad.status !== "ACTIVE" || effectiveStatus(adset) !== "ACTIVE";
    return ended ? { ...ad, last_day: today - 2 - roll % 24 } : ad;
  }
}

/**
 * What can be switched about the emulator as a whole. Everything has a default that acts like Meta on an ordinary day;
 * tests change single members in place, or by the control surface.
 * @module
 */

import { type GraphVersion, knownVersions } from "./versions.ts";

/** How a header is sent: as computed, not at all, as broken JSON, or as this text. */
export type HeaderMode = "normal" | "missing" | "malformed" | { value: string };

/** Switches of the emulator. */
export interface Settings {
  /** Refuses a token in the query or the body. Meta takes it; a product that must not send it switches this on. */
  refuse_token_in_url: boolean;
  /** Refuses what new apps may not use since 2026-11-04: see `removed_features.ts`. */
  refuse_removed_features: boolean;
  /** What the cursor of the last page gives: error 2642 or an empty page. */
  past_end: "error" | "empty";
  /** Versions of the API, oldest first, and until when each answers. */
  versions: GraphVersion[];
  /** Real milliseconds that each answer takes, drawn between the two by a seed. */
  latency_ms: { min: number; max: number };
  /** Headers by their lower-case name. */
  headers: Record<string, HeaderMode>;
  /** "Please reduce the amount of data" for a `limit` above this, by route name (`ads`, `insights.read`, or `*`). */
  reduce_above: Record<string, number>;
  /** Rows of a synchronous insights request above which it times out with 100/1504018; 0 is never. */
  sync_max_rows: number;
  /** Rows of any insights request above which it is refused with 100/1487534; 0 is never. */
  call_max_rows: number;
  /** Rows of a report above which the run fails with -2/2490547; 0 is never. */
  report_max_rows: number;
  /** Ads of a report above which the run fails with -2/2490547; 0 is never. */
  report_max_ads: number;
  /** Days of a report above which the run fails likewise; 0 is never. */
  report_max_days: number;
  /** A field that cannot be given of one ad: insights of it that ask for the field are refused with 100/1487534. */
  spoiled?: { ad: string; field: string };
  /** Breakdowns that give no rows until they are switched on, by the digits of the account for which they are. */
  switched_on_breakdowns: Record<string, string[]>;
  /** How reports advance. */
  reports: {
    /** Polls that it takes until 100 %, when they advance by polls. */
    polls: number;
    /** Polls that still say `Job Running` at 100 %. */
    polls_at_100: number;
    /** Milliseconds of the clock that it takes instead, when above 0. */
    duration_ms: number;
    /** What the results of a run that is not done give: an error's key, or `empty` for an empty list. */
    early_read: string;
  };
  /** The quota model. */
  quota: {
    /** Whether calls are refused at 100 %. The headers move in any case. */
    enforced: boolean;
    /** Whether the ad-account score (17/2446079) is enforced too. */
    score_enforced: boolean;
    /** `development_access` is Meta's limited tier, `standard_access` the full one. */
    tier: "development_access" | "standard_access";
    /** Factor on the documented limits. */
    scale: number;
    /** Whether a call counts for an hour and then leaves at once, as at Meta, instead of leaking away evenly. */
    rolling: boolean;
    /** Minutes of a block. */
    block_minutes: number;
    /** Minutes by which each call during a block prolongs it. */
    prolong_minutes: number;
    /** Per cent of the CPU quota that 1,000 answered rows cost. */
    cpu_per_1000_rows: number;
    /** Daily users of the app, of which its own limit is made. */
    app_users: number;
  };
}

/** Returns the defaults, fresh. */
export function defaultSettings(): Settings {
  return {
    refuse_token_in_url: false,
    refuse_removed_features: true,
    past_end: "error",
    versions: knownVersions(),
    latency_ms: { min: 0, max: 0 },
    headers: {},
    reduce_above: {},
    sync_max_rows: 0,
    call_max_rows: 0,
    report_max_rows: 0,
    report_max_ads: 0,
    report_max_days: 0,
    switched_on_breakdowns: {},
    reports: { polls: 2, polls_at_100: 1, duration_ms: 0, early_read: "2601/1815107" },
    quota: {
      enforced: true,
      score_enforced: false,
      tier: "standard_access",
      scale: 1,
      rolling: false,
      block_minutes: 5,
      prolong_minutes: 1,
      cpu_per_1000_rows: 0.01,
      app_users: 100_000,
    },
  };
}

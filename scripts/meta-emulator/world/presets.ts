/**
 * The worlds that tests, benches and `npm start` ask for by name.
 * @module
 */

import type { AccountPlan } from "./account.ts";
import { World } from "./world.ts";

const FIRST_ACCOUNT = 102_938_475_000_001;

/** Fills an account plan; `seq` numbers the account from 0. */
export function planAccount(seq: number, plan: Partial<AccountPlan> = {}): AccountPlan {
  return {
    account_id: String(FIRST_ACCOUNT + seq),
    name: `Toko Belajar ${seq + 1}`,
    currency: "IDR",
    timezone_name: "Asia/Jakarta",
    account_status: 1,
    campaigns: 6,
    adsets: 12,
    ads: 24,
    density: 80,
    plain: false,
    history_days: 120,
    ...plan,
  };
}

const FIVE: [string, string, string][] = [
  ["IDR", "Asia/Jakarta", "Kelas Canva Indonesia"],
  ["PHP", "Asia/Manila", "Bili't Benta PH 🇵🇭"],
  ["JPY", "Asia/Tokyo", "キャンバ講座 日本"],
  ["USD", "America/Los_Angeles", "Course Shop US"],
  ["NZD", "Pacific/Auckland", "Kiwi Marketplace"],
];

function five(seq: number): Partial<AccountPlan> {
  const [currency, timezone_name, name] = FIVE[seq % FIVE.length] ?? ["USD", "UTC", "Course Shop"];
  return { currency, timezone_name, name };
}

/** Two accounts (IDR and PHP), 12 campaigns, 120 ads: what `npm start` shows. */
export function smallWorld(now: Date, seed?: number): World {
  const accounts = [
    planAccount(0, { ...five(0), campaigns: 7, adsets: 18, ads: 70 }),
    planAccount(1, { ...five(1), campaigns: 5, adsets: 12, ads: 50 }),
  ];
  return new World({ now, accounts, ...(seed === undefined ? {} : { seed }) });
}

/** Five accounts, one per currency and time zone. */
export function currenciesWorld(now: Date, seed?: number): World {
  return manyAccountsWorld(now, { accounts: 5, ads: 24, plain: false }, seed);
}

/** Many small accounts: `accounts` of them with `ads` each. */
export function manyAccountsWorld(
  now: Date,
  size: { accounts?: number; ads?: number; plain?: boolean } = {},
  seed?: number,
): World {
  const ads = size.ads ?? 10;
  const accounts = Array.from({ length: size.accounts ?? 1000 }, (_, seq) => {
    const { name, ...rest } = five(seq);
    return planAccount(seq, {
      ...rest,
      name: seq < FIVE.length ? name ?? "" : `${name} ${seq + 1}`,
      campaigns: Math.max(1, Math.ceil(ads / 4)),
      adsets: Math.max(1, Math.ceil(ads / 2)),
      ads,
      plain: size.plain ?? false,
    });
  });
  return new World({ now, accounts, ...(seed === undefined ? {} : { seed }) });
}

/** One account with `ads` ads that all deliver on each of the last `days` days: a row for every ad and day. */
export function bigAccountWorld(
  now: Date,
  size: { ads?: number; days?: number; currency?: string; timezone_name?: string } = {},
  seed?: number,
): World {
  const ads = size.ads ?? 50_000;
  const account = planAccount(0, {
    name: "Agency Mega Account",
    currency: size.currency ?? "USD",
    timezone_name: size.timezone_name ?? "America/Los_Angeles",
    campaigns: Math.max(1, Math.ceil(ads / 100)),
    adsets: Math.max(1, Math.ceil(ads / 10)),
    ads,
    density: 100,
    plain: true,
    history_days: size.days ?? 28,
  });
  return new World({ now, accounts: [account], ...(seed === undefined ? {} : { seed }) });
}

/**
 * The invented shop's ads: a course and a marketplace, advertised in Indonesia and in the Philippines. Some ads clearly
 * earn, some clearly lose, and one is too new to say. Days are counted back from today, never by the date.
 *
 * @module
 */

/** An ad and how it does. Amounts are in major units of its account's currency. */
export interface AdPlan {
  /** Its name in Ads Manager. */
  name: string;
  /** How many days ago it began. */
  from: number;
  /** How many days ago it ended; 0 while it runs. */
  until: number;
  /** What it spends on an ordinary day. */
  spend: number;
  /** What a click on its link costs. */
  link_click: number;
  /** Sales for each click on its link. */
  conversion: number;
  /** Clicks on its link for each time it is shown. */
  link_ctr: number;
  /** Purchases that Meta claims for each sale of ours: it counts views too. */
  claimed: number;
  /** What is sold. */
  source: "canva" | "p2p";
  /** What a sale is worth. */
  price: number;
}

/** An ad set. */
export interface AdSetPlan {
  /** Its name. */
  name: string;
  /** Budget of a day in major units. */
  daily_budget: number;
  /** Its ads; one that has ended is paused. */
  ads: AdPlan[];
}

/** A campaign. */
export interface CampaignPlan {
  /** Its name. */
  name: string;
  /** What the marketer set. */
  status: "ACTIVE" | "ARCHIVED";
  /** Its ad sets. */
  adsets: AdSetPlan[];
}

/** An ad account. */
export interface ShopAccount {
  /** Its name. */
  name: string;
  /** ISO 4217. */
  currency: "IDR" | "PHP";
  /** IANA time zone. */
  timezone_name: string;
  /** Sales of a day that no ad caused. */
  organic: number;
  /** Its campaigns. */
  campaigns: CampaignPlan[];
}

/** How many days back the shop's history goes: four weeks, and the four before to compare with. */
export const HISTORY_DAYS = 55;

const course = { source: "canva", price: 149_000 } as const;
const listing = { source: "p2p", price: 85_000 } as const;
const abroad = { source: "canva", price: 450 } as const;

const NEW_PEOPLE: CampaignPlan = {
  name: "Canva course, new people",
  status: "ACTIVE",
  adsets: [
    {
      name: "Jakarta and Bandung, 18–34",
      daily_budget: 700_000,
      ads: [
        {
          ...course,
          name: "Video 15 s, Rina’s first order",
          from: 55,
          until: 0,
          spend: 300_000,
          link_click: 4_200,
          conversion: .056,
          link_ctr: .013,
          claimed: 1.12,
        },
        {
          ...course,
          name: "Carousel, five free templates",
          from: 40,
          until: 0,
          spend: 170_000,
          link_click: 3_900,
          conversion: .043,
          link_ctr: .015,
          claimed: 1.15,
        },
        {
          ...course,
          name: "Picture, half price this week",
          from: 33,
          until: 0,
          spend: 150_000,
          link_click: 5_200,
          conversion: .011,
          link_ctr: .009,
          claimed: 1.6,
        },
      ],
    },
    {
      name: "Lookalike of buyers, 3 %",
      daily_budget: 200_000,
      ads: [
        {
          ...course,
          name: "Reels, before and after",
          from: 46,
          until: 0,
          spend: 110_000,
          link_click: 4_500,
          conversion: .034,
          link_ctr: .011,
          claimed: 1.2,
        },
        {
          ...course,
          name: "Story, learn on your phone",
          from: 4,
          until: 0,
          spend: 65_000,
          link_click: 5_000,
          conversion: .03,
          link_ctr: .008,
          claimed: 1.2,
        },
      ],
    },
  ],
};

const COME_BACK: CampaignPlan = {
  name: "Canva course, come back",
  status: "ACTIVE",
  adsets: [{
    name: "Left a basket, 14 days",
    daily_budget: 100_000,
    ads: [
      {
        ...course,
        name: "Reminder, your basket waits",
        from: 55,
        until: 0,
        spend: 45_000,
        link_click: 3_000,
        conversion: .085,
        link_ctr: .022,
        claimed: 1.05,
      },
      {
        ...course,
        name: "Reminder, last day of the offer",
        from: 38,
        until: 9,
        spend: 40_000,
        link_click: 4_800,
        conversion: .014,
        link_ctr: .012,
        claimed: 1.4,
      },
    ],
  }],
};

const SELLERS: CampaignPlan = {
  name: "Marketplace, new sellers",
  status: "ARCHIVED",
  adsets: [{
    name: "Interest: second-hand fashion",
    daily_budget: 120_000,
    ads: [{
      ...listing,
      name: "Carousel, sell your wardrobe",
      from: 50,
      until: 12,
      spend: 85_000,
      link_click: 3_600,
      conversion: .016,
      link_ctr: .01,
      claimed: 1.3,
    }],
  }],
};

const MANILA: CampaignPlan = {
  name: "Canva course, Philippines",
  status: "ACTIVE",
  adsets: [
    {
      name: "Metro Manila, 25–44",
      daily_budget: 1_800,
      ads: [
        {
          ...abroad,
          name: "Story of Ate Joy’s shop",
          from: 52,
          until: 0,
          spend: 900,
          link_click: 13,
          conversion: .044,
          link_ctr: .014,
          claimed: 1.1,
        },
        {
          ...abroad,
          name: "Reels, earn with Canva",
          from: 30,
          until: 0,
          spend: 500,
          link_click: 15,
          conversion: .011,
          link_ctr: .009,
          claimed: 1.5,
        },
      ],
    },
    {
      name: "Online sellers",
      daily_budget: 400,
      ads: [{
        ...abroad,
        name: "Carousel, templates for stores",
        from: 35,
        until: 0,
        spend: 300,
        link_click: 14,
        conversion: .034,
        link_ctr: .012,
        claimed: 1.2,
      }],
    },
  ],
};

/** The shop's ad accounts. */
export const ACCOUNTS: readonly ShopAccount[] = [
  {
    name: "Kelas Canva Indonesia",
    currency: "IDR",
    timezone_name: "Asia/Jakarta",
    organic: 2.4,
    campaigns: [NEW_PEOPLE, COME_BACK, SELLERS],
  },
  {
    name: "Kelas Canva Philippines",
    currency: "PHP",
    timezone_name: "Asia/Manila",
    organic: .7,
    campaigns: [MANILA],
  },
];

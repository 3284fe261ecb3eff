/**
 * Names and texts of the invented shop, in the scripts that its real counterpart would use. Some carry quotes, emoji,
 * combining marks and line separators, because such names exist and break naive code.
 * @module
 */

/** Campaign names. */
export const CAMPAIGN_NAMES: readonly [string, ...string[]] = [
  "Kelas Canva Pemula — Prospecting ID",
  "Pamasko Sale 🎄 Benta at Bili",
  "「春のセール」リターゲティング",
  "P2P Listing Growth | Q4",
  "Belajar Desain dari Nol (Lookalike 3%)",
  "Bagong Taon, Bagong Raket ✨",
  "キャンバ講座 — 新規",
  "Retargeting: keranjang ditinggalkan",
  "Kurso sa Canva: mga Nanay na Negosyante",
  'Brand "Always On" 50% off / ANZ',
  "Ramadan ربيع — Promo Spesial 🌙",
  "Advantage+ Shopping — Café São Paulo",
];

/** Ad set names. */
export const ADSET_NAMES: readonly [string, ...string[]] = [
  "ID 18-34 Jakarta + Bandung",
  "PH Metro Manila, 25-44, mobile",
  "東京 25–54 女性",
  "Lookalike (ID, 1%) — pembeli",
  "Interes: desain grafis, UMKM",
  "Mga nanay, online selling 👩‍👧",
  "Broad / Advantage+ audience",
  "Retarget 30 hari: lihat produk",
];

/** Ad names. */
export const AD_NAMES: readonly [string, ...string[]] = [
  "Video 15s - Testimoni Rina",
  "Carousel: 5 template Canva gratis",
  "Reels | Paano kumita sa Canva 💸",
  "静止画A「今だけ半額」",
  "UGC — Unboxing ni Ate Joy",
  "Static B: Diskon 70% s/d 31 Des",
  "Kolase foto “sebelum & sesudah”",
  "Story: swipe up, belajar sekarang 🚀",
  "Cafe\u0301 demo (combining accent)",
  "Link ad\u00a0— harga Rp99.000",
];

/** Creative texts. */
export const BODIES: readonly [string, ...string[]] = [
  "Belajar Canva dari nol sampai bisa terima pesanan. Cukup Rp99.000!",
  "Benta mo na 'yan! Mabilis, ligtas, walang hassle. 🛒",
  "今だけ半額。スマホひとつでデザインを仕事に。",
  "Join 12,000 students who sell what they design.",
];

/** Creative titles. */
export const TITLES: readonly [string, ...string[]] = [
  "Kelas Canva Online",
  "Magbenta sa kapwa",
  "キャンバ講座",
  "Start selling today",
];

/** Campaign objectives of the outcome-driven experience. */
export const OBJECTIVES: readonly [string, ...string[]] = [
  "OUTCOME_SALES",
  "OUTCOME_TRAFFIC",
  "OUTCOME_LEADS",
  "OUTCOME_ENGAGEMENT",
];

/** Url parameters of a creative; `null` is a creative without any, which a checker must find. */
export const URL_TAGS: readonly [string | null, ...(string | null)[]] = [
  "utm_source={{site_source_name}}&utm_medium=paid_social&utm_campaign={{campaign.id}}&utm_term={{adset.id}}&utm_content={{ad.id}}&ad_id={{ad.id}}&adset_id={{adset.id}}&campaign_id={{campaign.id}}&placement={{placement}}",
  "utm_source=facebook&utm_medium=cpc&utm_campaign={{campaign.name}}&utm_content={{ad.id}}",
  null,
  "utm_source=fb&utm_campaign=akhir-tahun",
];

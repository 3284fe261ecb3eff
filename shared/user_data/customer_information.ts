/**
 * Meta's minimum of customer information. An event below it is refused together with every other event of its request
 * (100/2804050), so it is checked before anything is stored.
 * Source: https://developers.facebook.com/docs/marketing-api/conversions-api/best-practices
 *
 * @module
 */

/** Combinations that match too many people to be of use; any part of one is too little as well. */
const TOO_LITTLE: readonly ReadonlySet<string>[] = [
  new Set(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
  new Set(["db", "client_user_agent"]),
  new Set(["fn", "ge"]),
  new Set(["ln", "ge"]),
];

/** Tells whether the fields that remain after normalising are enough for Meta. */
export function hasEnoughCustomerInformation(user_data: object): boolean {
  const fields = Object.keys(user_data);
  return !TOO_LITTLE.some((combination) => fields.every((field) => combination.has(field)));
}

/**
 * The short way for plain phone numbers, held against the library whose work it saves: numbers of every country, right
 * and wrong ones, with and without calling code and national prefix.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { getCountries, getCountryCallingCode, parsePhoneNumberFromString } from "libphonenumber-js/min";
import { plainE164Digits } from "../../shared/user_data/phone_plan.ts";
import { seededRandom } from "../seeded_random.ts";

Deno.test("plainE164Digits() gives the library's own answer or none", () => {
  const random = seededRandom(62);
  let answered = 0;
  for (const country of getCountries()) {
    const calling_code = getCountryCallingCode(country);
    for (let round = 0; round < 40; round += 1) {
      const digits = Array.from({ length: 5 + random(9) }, (_, place) => random(place === 0 ? 9 : 10)).join("");
      const front = ["", "0", "0", calling_code, `+${calling_code}`, `+${calling_code} 0`, "8", "00", "1"][random(9)];
      const written = front +
        (random(2) === 0 ? digits : `${digits.slice(0, 3)}-${digits.slice(3, 5)} ${digits.slice(5)}`);
      const plain = plainE164Digits(written, country);
      if (plain === undefined) continue;
      answered += 1;
      const parsed = parsePhoneNumberFromString(written, country);
      assertEquals(parsed?.isPossible() === true ? parsed.number : undefined, `+${plain}`, `${written} ${country}`);
    }
  }
  assert(answered > 500, `only ${answered} were answered`);
});

Deno.test("plainE164Digits() answers for the usual spellings of Indonesia, the Philippines and Singapore", () => {
  const cases: [string, string, string][] = [
    ["0812-3456-7890", "ID", "6281234567890"],
    ["+62 812 3456 7890", "PH", "6281234567890"],
    ["81234567890", "ID", "6281234567890"],
    ["0917 123 4567", "PH", "639171234567"],
    ["+65 9123 4567", "ID", "6591234567"],
    ["9123 4567", "SG", "6591234567"],
  ];
  for (const [written, country, digits] of cases) assertEquals(plainE164Digits(written, country), digits, written);
});

Deno.test("plainE164Digits() leaves what is not plain to the library", () => {
  const written = [
    "0000000000",
    "+62 0812 3456 7890",
    "0062 812 3456",
    "0812/3456789",
    "081234567 ext 9",
    "１２３４５６７",
    "",
  ];
  for (const number of written) assertEquals(plainE164Digits(number, "ID"), undefined, number);
  assertEquals(plainE164Digits("(415) 555-2671", "US"), undefined);
  assertEquals(plainE164Digits("0812-3456-7890", undefined), undefined);
  assertEquals(plainE164Digits("0812-3456-7890", "__proto__"), undefined);
});

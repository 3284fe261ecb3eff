/**
 * Minor units to major ones by Meta's own table of offsets.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { currencyOffset, majorUnits } from "../../shared/meta/currency_offset.ts";

const CASES: [minor: string | number | null | undefined, currency: string, major: string | null][] = [
  ["12345", "USD", "123.45"],
  ["5", "USD", "0.05"],
  ["50", "USD", "0.50"],
  ["100", "PHP", "1.00"],
  ["0", "USD", "0"],
  ["0", "JPY", "0"],
  ["000", "USD", "0"],
  ["007", "USD", "0.07"],
  [undefined, "USD", null],
  [null, "USD", null],
  ["", "USD", null],
  [2500, "NZD", "25.00"],
  ["150000", "IDR", "150000"],
  ["5000", "JPY", "5000"],
  ["1", "KWD", "0.01"],
  ["12345678901234567890", "USD", "123456789012345678.90"],
  ["-250", "USD", "-2.50"],
  ["250", "usd", "2.50"],
  ["250", "jpy", "250"],
];

for (const [minor, currency, major] of CASES) {
  Deno.test(`majorUnits() makes ${major} of ${minor} in ${currency}`, () => {
    assertEquals(majorUnits(minor, currency), major);
  });
}

for (const currency of ["CLP", "COP", "CRC", "HUF", "ISK", "IDR", "JPY", "KRW", "PYG", "TWD", "VND"]) {
  Deno.test(`currencyOffset() of ${currency} is 1`, () => assertEquals(currencyOffset(currency), 1));
}

for (const currency of ["USD", "EUR", "PHP", "NZD", "KWD", "BHD", "JOD", "MXN", "BRL", "CLF"]) {
  Deno.test(`currencyOffset() of ${currency} is 100`, () => assertEquals(currencyOffset(currency), 100));
}

for (const minor of ["12.5", "1e3", "abc", " 1", 12.5, 2 ** 60]) {
  Deno.test(`majorUnits() refuses ${minor}, without repeating it`, () => {
    const error = assertThrows(() => majorUnits(minor, "USD"), RangeError);
    assertEquals(error.message, "an amount in minor units is a whole number");
  });
}

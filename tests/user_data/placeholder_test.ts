/**
 * Written-out nothing is nothing, however it arrives; a spreadsheet's number is the number without its decimals, or
 * nothing, and never another one.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { buildUserData } from "../../shared/user_data/build_user_data.ts";

const TODAY = "2026-11-27";
const read = (input: Record<string, unknown>, default_country?: string) =>
  buildUserData(input, { today: TODAY, default_country });

const NOTHING = [
  ...["undefined", "null", "NaN", "(not set)", "not set", "N/A", "none", "None", "[object Object]", "nil"],
  ...["{{first_name}}", "{{ user.city }}", "%%FNAME%%", "%FNAME%", "${name}", "*|FNAME|*", "[[name]]", "<%= name %>"],
];
// printf '%s' <text> | sha256sum
const DIGESTS_OF_NOTHING = [
  "eb045d78d273107348b0300c01d29b7552d622abbc6faf81b3ec55359aa9950c", // undefined
  "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b", // null
  "34292f4267fcc40572e19d90988467838747a21321372edf934e1d1c0f3e65f2", // (not set)
  "6181738008c985a1b5f106b796c98e719efcc3c0ff68ddcd14a049825f4900a8", // notset
  "140bedbf9c3f6d56a9846d2ba7088798683f4da0c248231336e6a05679e4fdfe", // none
];

Deno.test("what programs write for no value is left out of every field, as a text, in a list and as a digest", () => {
  for (const field of ["em", "ph", "fn", "ln", "ct", "st", "zp", "country", "external_id", "subscription_id"]) {
    for (const text of NOTHING) {
      const { user_data, notes } = read({ [field]: text }, "ID");
      assertEquals(user_data, {}, `${field}: ${text}`);
      assertEquals(notes.map(({ path }) => path), [`user_data.${field}`]);
      assert(!notes[0]?.message.includes(text));
    }
  }
  for (const field of ["fn", "ln", "ct", "st", "external_id"]) {
    for (const digest of DIGESTS_OF_NOTHING) {
      assertEquals(read({ [field]: digest }).user_data, {});
      assertEquals(read({ [field]: digest.toUpperCase() }).user_data, {});
    }
  }
  const { user_data, notes } = read({ external_id: ["undefined", "1001", null] });
  assertEquals(user_data, { external_id: ["fe675fe7aaee830b6fed09b64e034f84dcbdaeb429d9cccd4ebb90e15af8dd71"] });
  assertEquals(notes.map(({ path }) => path), ["user_data.external_id[0]"]);
});

Deno.test("zero is nobody's id", () => {
  for (
    const id of [
      0,
      "0",
      "00",
      "-1",
      "true",
      "false",
      "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    ]
  ) {
    assertEquals(read({ external_id: id }).user_data, {}, String(id));
  }
  for (const name of ["Na", "Nan Li", "Nully", "Nonette", "Undset"]) assert(read({ fn: name }).user_data.fn, name);
});

Deno.test("a whole number with a spreadsheet's decimals is the number", () => {
  const cases: [string, unknown, string, string | undefined][] = [
    ["ph", "628123456789.0", "4ae87a9fd91110f0288ac5bea87a099ca5ee72e032908dbf5ee56f9512bbff43", "ID"],
    ["ph", "6281234567890.0", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725", "ID"],
    ["ph", "6281234567890.0", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725", undefined],
    ["ph", "6281234567890,00", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725", "ID"],
    ["ph", "081234567890.0", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725", "ID"],
    ["ph", "09171234567.0", "7b0f3460b105dfa9af1dc747e68f8ca571b88b5aaf88ceee486bd1e90adeb3ee", "PH"],
    ["zp", "12430.0", "e60825c137067932e0f956f0c6b700a55634143eb5abd57f26780b68d506a59a", undefined],
    ["external_id", "1001.0", "fe675fe7aaee830b6fed09b64e034f84dcbdaeb429d9cccd4ebb90e15af8dd71", undefined],
  ];
  for (const [field, given, digest, country] of cases) {
    const found = read({ [field]: given }, country).user_data;
    assertEquals(found, { [field]: digest }, `${field} ${given}`);
  }
  for (const field of ["ph", "zp", "external_id"]) {
    assertEquals(read({ [field]: "6.28123E+12" }, "ID").user_data, {}, field);
  }
});

Deno.test("a second number of one or two digits is no part of the first", () => {
  for (const ending of ["-2", " 2", "(2)", " (2)", "-12"]) {
    assertEquals(read({ ph: `081234567890${ending}` }, "ID").user_data, {
      ph: "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725",
    }, ending);
  }
  assertEquals(read({ ph: "0812-3456-7890-2" }, "ID").user_data, {});
});

Deno.test("digits with a country code and no plus are taken where they are a valid number of one country", () => {
  for (const written of ["6281234567890", 6281234567890, "62-812-3456-7890", "62 812 3456 7890"]) {
    assertEquals(read({ ph: written }).user_data, {
      ph: "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725",
    }, String(written));
  }
  assertEquals(read({ ph: "639171234567" }).user_data, {
    ph: "7b0f3460b105dfa9af1dc747e68f8ca571b88b5aaf88ceee486bd1e90adeb3ee",
  });
  assertEquals(read({ ph: "60123456789" }).user_data, {
    ph: "d78a684ac08e9e03856ded399b6f702c99c30d79f2afcf1850b3a3f8258b5cf4",
  });
  // An Indonesian number without its zero is not a Japanese one.
  for (const written of ["81234567890", "08123456789", "9171234567", "99999999999"]) {
    assertEquals(read({ ph: written }).user_data, {}, written);
  }
});

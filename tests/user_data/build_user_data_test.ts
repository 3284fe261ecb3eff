/**
 * What `buildUserData()` does over and above single values: digests, lists, emptiness, clear fields, notes, and that no
 * input makes it throw. Digests were worked out with Python's hashlib.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { buildUserData } from "../../shared/user_data/build_user_data.ts";
import { CLEAR_FIELDS, HASHED_FIELDS } from "../../shared/user_data/fields.ts";
import { hasEnoughCustomerInformation } from "../../shared/user_data/customer_information.ts";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { seededRandom } from "../seeded_random.ts";

const options = { today: "2026-11-22" };
/** SHA-256 of john@example.com. */
const JOHN = "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4";
/** SHA-256 of mary@example.com. */
const MARY = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79";
const MD5 = "d4c74594d841139328695756648b6bd6";

Deno.test("buildUserData() passes digests on in lower case for every hashed field", () => {
  for (const field of HASHED_FIELDS) {
    for (const given of [JOHN, JOHN.toUpperCase(), ` ${JOHN} `]) {
      assertEquals(buildUserData({ [field]: given }, options), { user_data: { [field]: JOHN }, notes: [] });
    }
  }
});

Deno.test("buildUserData() never touches a digest with the parameter builder's suffix", () => {
  for (const suffix of ["AbCdEfGh", "A1_-b2Cd", "BA", "Ag"]) {
    for (const digest of [JOHN, JOHN.toUpperCase()]) {
      const given = `${digest}.${suffix}`;
      assertEquals(buildUserData({ em: given, fn: [given] }, options).user_data, { em: given, fn: [given] });
    }
  }
});

Deno.test("buildUserData() refuses digests that Meta cannot match", () => {
  for (const field of HASHED_FIELDS) {
    for (const given of [MD5, MD5.toUpperCase(), `${MD5}.AbCdEfGh`]) {
      const { user_data, notes } = buildUserData({ [field]: given }, options);
      assertEquals(user_data, {});
      assertEquals(notes.map((note) => note.path), [`user_data.${field}`]);
    }
  }
});

Deno.test("buildUserData() leaves out the digest of the empty text", () => {
  const em = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
  assertEquals(buildUserData({ em }, options).user_data, {});
});

Deno.test("buildUserData() hashes a text one digit longer or shorter than a digest as text", () => {
  const { user_data } = buildUserData({ external_id: [`${"a".repeat(63)}`, `${"a".repeat(65)}`] }, options);
  assertEquals(user_data.external_id, [
    "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34",
    "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0",
  ]);
});

Deno.test("buildUserData() takes emptiness for absence, without a note", () => {
  for (const empty of ["", " ", "\u00a0", "\u200b", null, undefined, [], [""], [null, " "]]) {
    for (const field of [...HASHED_FIELDS, ...CLEAR_FIELDS]) {
      if (Array.isArray(empty) && empty.length > 0 && !HASHED_FIELDS.some((hashed) => hashed === field)) continue;
      assertEquals(buildUserData({ [field]: empty }, options), { user_data: {}, notes: [] }, `${field} ${empty}`);
    }
  }
});

Deno.test("buildUserData() keeps the good values of a list and names the bad ones", () => {
  const { user_data, notes } = buildUserData({
    em: ["John@Example.com", "nobody", JOHN, "mary@example.com", 7],
  }, options);
  assertEquals(user_data, { em: [JOHN, MARY] });
  assertEquals(notes.map((note) => note.path), ["user_data.em[1]", "user_data.em[4]"]);
});

Deno.test("buildUserData() takes a hundred values of a field and says that there were more", () => {
  const em = Array.from({ length: 101 }, (_, index) => `a${index}@example.com`);
  const { user_data, notes } = buildUserData({ em }, options);
  assertEquals(user_data.em?.length, 100);
  assertEquals(notes.map((note) => note.path), ["user_data.em"]);
});

Deno.test("buildUserData() never hashes the clear fields", () => {
  const given = {
    client_ip_address: "2001:db8::1",
    client_user_agent: "Mozilla/5.0 (Linux; Android 14)",
    fbc: "fb.1.1596403881668.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk",
    fbp: "fb.1.1596403881668.1116446470",
    subscription_id: "anID",
    fb_login_id: "1234567890",
    lead_id: "525645896321548",
    anon_id: "Anon-1",
    madid: "38400000-8CF0-11BD-B23E-10B96E40000D",
    page_id: "1",
    page_scoped_user_id: "2",
    ctwa_clid: "ARAkLkA8rmlFeiCktEJQ-QTwRiyYHAFDLMNDBH0CD3qpjd0HR4irJ6LEkR7JwFF4XvnO2E4Nx0-eM-GABDLOPaOdRMv-_zfUQ2a",
    ig_account_id: "3",
    ig_sid: "Sid-4",
  };
  assertEquals(Object.keys(given), [...CLEAR_FIELDS]);
  assertEquals(buildUserData(given, options), { user_data: given, notes: [] });
  assertEquals(buildUserData({ lead_id: 525645896321548 }, options).user_data, { lead_id: "525645896321548" });
});

Deno.test("buildUserData() takes valid addresses of the client alone", () => {
  const good = [
    ...["203.0.113.7", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::", "2001:DB8:0:0:8:800:200C:417A"],
    ...["::ffff:203.0.113.7", "64:ff9b::192.0.2.33", "fe80::1", "1:2:3:4:5:6:7:8", "1::8", "1:2:3:4:5:6:7::"],
    ...["203.0.113.7.AbCdEfGh", "203.0.113.7.BA", "2001:db8::1.AbCdEfGh"],
  ];
  const bad = [
    ...["203.0.113", "203.0.113.256", "203.0.113.07", "203.0.113.7:443", "203.0.113.7/24", "1.2.3.4.5", "1.2.3.4."],
    ...["[::1]", "fe80::1%eth0", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::1", ":1", "1:"],
    ...["unknown", "localhost", "203.0.113.7, 10.0.0.1", "::ffff:203.0.113.256", "203.0.113.7::", "1:2:3:4:5:6:7:8::"],
  ];
  for (const client_ip_address of good) {
    assertEquals(buildUserData({ client_ip_address: ` ${client_ip_address} ` }, options).user_data, {
      client_ip_address,
    });
  }
  for (const client_ip_address of bad) {
    const { user_data, notes } = buildUserData({ client_ip_address }, options);
    assertEquals([user_data, notes.length], [{}, 1], client_ip_address);
  }
});

Deno.test("buildUserData() notes unknown fields and not what is in them", () => {
  const { user_data, notes } = buildUserData({ email: "john@example.com", "john@example.com": 1 }, options);
  assertEquals(user_data, {});
  assertEquals(notes.map((note) => note.path), ["user_data.email", "user_data"]);
  assert(!JSON.stringify(notes).includes("john"));
});

Deno.test("buildUserData() refuses half a surrogate pair and NUL", () => {
  for (const broken of ["a\ud800b", "\udc00", "a\0b"]) {
    for (const field of [...HASHED_FIELDS, ...CLEAR_FIELDS]) {
      const { user_data, notes } = buildUserData({ [field]: broken }, options);
      assertEquals([user_data, notes.length], [{}, 1]);
    }
  }
});

Deno.test("hasEnoughCustomerInformation() follows Meta's list of combinations that match too many", () => {
  const tooLittle = [
    ...[[], ["client_user_agent"], ["ct"], ["country"], ["ct", "country", "st", "zp", "ge", "client_user_agent"], [
      "db",
    ]],
    ...[["db", "client_user_agent"], ["fn"], ["ln"], ["fn", "ge"], ["ln", "ge"], ["ge"], ["zp", "client_user_agent"]],
  ];
  const enough = [
    ...[["em"], ["ph"], ["external_id"], ["fbp"], ["fbc"], ["fn", "ln"], ["db", "zp"], ["db", "ge"], ["fn", "zp"]],
    ...[["client_ip_address", "client_user_agent"], ["client_ip_address"], ["lead_id"], ["fn", "ge", "ct"]],
  ];
  const person = (fields: readonly string[]) => Object.fromEntries(fields.map((field) => [field, "x"]));
  for (const fields of tooLittle) assertEquals(hasEnoughCustomerInformation(person(fields)), false, fields.join());
  for (const fields of enough) assertEquals(hasEnoughCustomerInformation(person(fields)), true, fields.join());
});

Deno.test("buildUserData() never throws, hashes or drops, and repeats no value in its notes", () => {
  const random = seededRandom(20261122);
  const pieces = [
    ...[
      "a",
      "Z",
      "é",
      "e\u0301",
      "’",
      " ",
      "\u200b",
      "0",
      "812",
      "+62",
      "(0)",
      "/",
      "@",
      ".",
      "-",
      "😀",
      "\ud83d",
      "\0",
    ],
    ...["ß", "İ", "東", "กุ", "١", "US", "IDN", "1990", "%", "{{", "\u202e", "ext", ";", ",", JOHN, MD5, "fb.1."],
  ];
  const rounds = howMany({ usually: 500, thoroughly: 5_000 });
  for (let round = 0; round < rounds; round++) {
    const input: Record<string, unknown> = {};
    for (const field of [...HASHED_FIELDS, ...CLEAR_FIELDS]) {
      const length = random(8);
      const text = Array.from({ length }, () => pieces[random(pieces.length)]).join("");
      input[field] = [text, [text, text], random(1e9), null, { text }, [[text]], true][random(9)] ?? text;
    }
    const { user_data, notes } = buildUserData(input, {
      ...options,
      default_country: ["ID", "", "nowhere"][random(3)],
    });
    for (const field of HASHED_FIELDS) {
      for (const digest of [user_data[field] ?? []].flat()) assert(/^[0-9a-f]{64}(\.[\w-]+)?$/i.test(digest));
    }
    for (const note of notes) assert(/^user_data\.\w+(\[\d+\])?$/.test(note.path), note.path);
    assert(JSON.stringify(user_data).isWellFormed());
  }
});

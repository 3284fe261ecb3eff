/**
 * Foreign numbers without a plus, and what must not be taken for one. Digests were worked out with Python's hashlib
 * from the text beside them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { normalisePhone } from "../../shared/user_data/phone.ts";
import { assertDigests, assertRefused } from "./assert_user_data.ts";

Deno.test("buildUserData() reads a foreign number without a plus in a Philippine shop", () => {
  assertDigests("ph", { "default_country": "PH" }, [
    ["16505551212", "16505551212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"],
    ["1 650 555 1212", "16505551212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"],
    ["16505551212 ext. 5", "16505551212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"],
    ["60123456789", "60123456789", "d78a684ac08e9e03856ded399b6f702c99c30d79f2afcf1850b3a3f8258b5cf4"],
    ["61412345678", "61412345678", "222e24d90b23ba2af558a2891bfa399f19a7eb9f33df34a7d6809b97c5a97246"],
    ["819012345678", "819012345678", "0ad07193350775c6d4377f8b039d32877e66c69a454ed886b05279771c0fca0b"],
    ["81 90 1234 5678", "819012345678", "0ad07193350775c6d4377f8b039d32877e66c69a454ed886b05279771c0fca0b"],
    ["821020000000", "821020000000", "fb20923ca063abdf74021b6b3948e9fce5156fc12b7f174aa3233c23e815450d"],
    ["886912345678", "886912345678", "cf676475cec2ee7b7591f39bdefe7ef3dca63b14c1cdba3b19ce4219cbda2b09"],
    ["447400123456", "447400123456", "d2db976dff17e6a44bd3a25a2ba91efc63ccb18de90db7a560e7cf93544934bd"],
    ["44 07400 123456", "447400123456", "d2db976dff17e6a44bd3a25a2ba91efc63ccb18de90db7a560e7cf93544934bd"],
    ["8613123456789", "8613123456789", "86079e2783d881ca61c4b80b06b97d039f6043d85e72d23b380fbe63655a33ef"],
  ]);
});

Deno.test("buildUserData() reads a foreign number without a plus in an Indonesian shop", () => {
  assertDigests("ph", { "default_country": "ID" }, [
    ["447400123456", "447400123456", "d2db976dff17e6a44bd3a25a2ba91efc63ccb18de90db7a560e7cf93544934bd"],
    ["919876543210", "919876543210", "92b5072176e723878b5e06ff3ca61898e4eb74e8c46642a0f2db800b17364ab0"],
    ["91 98765 43210", "919876543210", "92b5072176e723878b5e06ff3ca61898e4eb74e8c46642a0f2db800b17364ab0"],
    ["971501234567", "971501234567", "b7a8f5085aa733eb29857a02945bc84a5227e693708d469ec9fb21d34e9e44f5"],
    ["8613123456789", "8613123456789", "86079e2783d881ca61c4b80b06b97d039f6043d85e72d23b380fbe63655a33ef"],
    ["4915112345678", "4915112345678", "8efb96404be52f6109b9db0f687274a81e9e3cc23fabd6f0da5d38baa3d2facd"],
  ]);
});

Deno.test("buildUserData() reads an Indonesian mobile number without its zero as Indonesian in an Indonesian shop", () => {
  assertDigests("ph", { "default_country": "ID" }, [
    ["81234567890", "6281234567890", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
    ["812345678901", "62812345678901", "4cd2ae97dfd7f0494c8b336ff48dddfe231d1eeaac61433cdbd8f97f7a73469c"],
    ["819012345678", "62819012345678", "b098a4adc2936171a0ca500a93999f7fe822246a0ebe779aeabfca24801001a8"],
    ["85251234567", "6285251234567", "8a9bedce4323e44738f7c0c87f54d026674dd048287430609a1000b31743d171"],
  ]);
});

Deno.test("normalisePhone() makes no Indonesian mobile number without its zero a Japanese one or one of Hong Kong", () => {
  for (const country of ["PH", "US", "GB", "MY"]) {
    for (const written of ["81234567890", "812-3456-7890", "812345678901", "81901234567", "85251234567"]) {
      const read = normalisePhone(written, { phone_country: country });
      assertEquals(read, { refused: "is not a possible phone number" }, `${written} ${country}`);
    }
  }
  // Possible in Singapore by its length, as ever.
  assertEquals(normalisePhone("81234567890", { phone_country: "SG" }), { value: "6581234567890" });
});

Deno.test("buildUserData() leaves out what is neither a number of the Philippines nor a foreign one", () => {
  assertRefused("ph", { "default_country": "PH" }, [
    "6591234567",
    "91712345678",
    "(02) 812 3456",
    "5551234",
    "123456",
    "0917 123",
    "+63 917 123",
    "0063 917 123",
    "0917 123 456",
    "0917 123 45678",
    "+62 812 3456",
  ]);
});

Deno.test("buildUserData() leaves out what is neither a number of Indonesia nor a foreign one", () => {
  assertRefused("ph", { "default_country": "ID" }, [
    "0812 3456",
    "+62 812 3456",
    "0062 812 3456",
    "8123456789012",
    "081234567890123",
    "123456",
    "12345678",
    "5551234",
    "+63 917 123",
  ]);
});

Deno.test("buildUserData() takes numbers of other countries by their length", () => {
  assertDigests("ph", { "default_country": "US" }, [
    ["+1 (555) 123-4567", "15551234567", "d6736136ea896c1bfdc553e0e86e702c70d060d805696ca3e4e9e0961353860a"],
    ["15551234567", "15551234567", "d6736136ea896c1bfdc553e0e86e702c70d060d805696ca3e4e9e0961353860a"],
  ]);
});

Deno.test("buildUserData() drops an Indonesian extension", () => {
  assertDigests("ph", { "default_country": "ID" }, [
    ["+62 21 2345 6789 pes. 5", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
    ["021 2345 6789 pes 5", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
    ["021 2345 6789 pes5", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
    ["021 2345 6789 (Pes. 5)", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
    ["(021) 2345-6789, pes. 5", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
    ["021 2345 6789 pes. 101/102", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
    ["021 2345 6789 pesawat 12", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
    ["021 2345 6789 Ekst. 12", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
    ["021 2345 6789 ekstensi: 12", "622123456789", "974f63f540661b3e3afa4958055f514adef11e9a6584493f7838d6368cf0ae3e"],
  ]);
});

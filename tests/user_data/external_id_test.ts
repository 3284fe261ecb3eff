/**
 * Our own user ids: trimmed and lower-cased, the same text that the browser gives.
 * Digests were worked out with Python's hashlib from the normalised text beside them.
 *
 * @module
 */

import { assertDigests, assertRefused } from "./assert_user_data.ts";

Deno.test("buildUserData() hashes external ids trimmed and in lower case", () => {
  assertDigests("external_id", {}, [
    ["user-123", "user-123", "fcdec6df4d44dbc637c7c5b58efface52a7f8a88535423430255be0bb89bedd8"],
    [" User-123 ", "user-123", "fcdec6df4d44dbc637c7c5b58efface52a7f8a88535423430255be0bb89bedd8"],
    ["USER@EXAMPLE.COM", "user@example.com", "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"],
    [12345, "12345", "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"],
    ["00123", "00123", "918775ea5e8d79972d04a74a7ddc5e77d73b2461a685f6da2c0b33f69da30dfc"],
    ["a b", "a b", "c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65"],
    [
      "550E8400-E29B-41D4-A716-446655440000",
      "550e8400-e29b-41d4-a716-446655440000",
      "a3a9e1ed9732cab28868127be00f1ce921acaefdd5c3b23a6e9e0072bd9c1a34",
    ],
    [
      "550e8400e29b41d4a716446655440000",
      "550e8400e29b41d4a716446655440000",
      "140f39b05a2d9de451b9b7ad2d1f4a26b16fb5e5c8b7cbde6154679102614882",
    ],
    [
      "0193A5E0C1D27ABC8DEF0123456789AB",
      "0193a5e0c1d27abc8def0123456789ab",
      "595b9d70314c11203f68303276954b821dab78bd6431bb36d5e0400efe5ac429",
    ],
    ["Ü1", "ü1", "b18427c804338e3bb59fdf1d176c9f71f6ceb57cec4cec3f7278645982006434"],
    ["U\u03081", "ü1", "b18427c804338e3bb59fdf1d176c9f71f6ceb57cec4cec3f7278645982006434"],
  ]);
});

Deno.test("buildUserData() leaves out external ids that are no id", () => {
  assertRefused("external_id", {}, [
    "5d41402abc4b2a76b9719d911017c592",
    "d41d8cd98f00b204e9800998ecf8427e",
    1.5,
    -1,
    9007199254740993,
    true,
    {},
  ]);
});

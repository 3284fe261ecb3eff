/**
 * E-mail addresses: trimmed, lower-cased, and refused rather than repaired.
 * Digests were worked out with Python's hashlib from the normalised text beside them.
 *
 * @module
 */

import { assertDigests, assertRefused } from "./assert_user_data.ts";

Deno.test("buildUserData() hashes e-mail addresses trimmed and in lower case", () => {
  assertDigests("em", {}, [
    ["john@example.com", "john@example.com", "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4"],
    [" John@Example.COM ", "john@example.com", "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4"],
    ["\tjohn@example.com\r\n", "john@example.com", "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4"],
    [
      "\u00a0john@example.com\u00a0",
      "john@example.com",
      "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4",
    ],
    ["\u3000john@example.com", "john@example.com", "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4"],
    [
      "\u200bjohn@example.com\ufeff",
      "john@example.com",
      "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4",
    ],
    [
      "\u202ajohn@example.com\u202c",
      "john@example.com",
      "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4",
    ],
    [
      "John.Doe+Promo@Gmail.com",
      "john.doe+promo@gmail.com",
      "80f9126efd0446cb338c54ea6fe3d4af8fa3fe93db0024b14150441550e632a2",
    ],
    ["j.o.h.n@gmail.com", "j.o.h.n@gmail.com", "6e40ce239d40ae2d17ae2be97c08125e7444b315e9e16d2090d660a8a0cc39ad"],
    ["o'hara@example.ie", "o'hara@example.ie", "87465bfe686335d9f1d3de6cf7c8065c272ee9afd88ab1e8a11bf1782e3dc421"],
    [
      "first_last@sub.domain.co.id",
      "first_last@sub.domain.co.id",
      "98808dcf79362ed0aee3ce012d6bd8028423ded8034d2b93fd1d8d202e7949f8",
    ],
    ["USER-1@EXAMPLE.ph", "user-1@example.ph", "0d3c5c5f51f778c8c47cce978e5f0a9caff425cdd08ad0dd46a4c093ab7130a9"],
    ["x@1and1.de", "x@1and1.de", "b10c65ad85ed5e6b2cc80ccf56de6b90e9bd7a126e61f291cda3de1614c18c10"],
    ["a@b.co", "a@b.co", "80305c9bb1bb2480e03894350e0a8a366dcbdeb302e69e0817aa0743abd77054"],
    ["josé@example.com", "josé@example.com", "b0a53cf19e34d05b57bced7365c6b00ddbe38d62957e863de2a66a56c3b42cea"],
    ["jose\u0301@example.com", "josé@example.com", "b0a53cf19e34d05b57bced7365c6b00ddbe38d62957e863de2a66a56c3b42cea"],
    ["JOSÉ@example.com", "josé@example.com", "b0a53cf19e34d05b57bced7365c6b00ddbe38d62957e863de2a66a56c3b42cea"],
    ["user@bücher.de", "user@bücher.de", "a6667ab428f538753ae2bcb430005815a8dc028d87c4d53fe5ef7015a7a8e671"],
    ["用户@例子.广告", "用户@例子.广告", "47b40c8a3b16aa231eecd6e9e92f4b16818e2ff8f2531ae7ceedb0afbd9c0ab7"],
    [
      "user@xn--bcher-kva.de",
      "user@xn--bcher-kva.de",
      "fd50c2839b41cd1f68206c31e8f64cc68b7955d0a3474f81de792fc61e281cd8",
    ],
    ["0812@example.com", "0812@example.com", "fc238af1b17a4a985fbc41656b0d19acce17147373cde5d2998178f30f118df0"],
    [
      "!#$%&'*+/=?^_`{|}~-@example.com",
      "!#$%&'*+/=?^_`{|}~-@example.com",
      "16eba74dfa70b1c8fc235786706e38b25248fe90fc2c22d0318678cd6296885d",
    ],
  ]);
});

Deno.test("buildUserData() leaves out what is not exactly one e-mail address", () => {
  assertRefused("em", {}, [
    "john",
    "john@",
    "@example.com",
    "john@example",
    "john doe@example.com",
    "john@exam ple.com",
    "john@@example.com",
    "a@b@c.com",
    "john@example..com",
    ".john@example.com",
    "john.@example.com",
    "jo..hn@example.com",
    "john@-example.com",
    "john@example-.com",
    "john@.com",
    "john@example.com.",
    "a@x.com, b@x.com",
    "a@x.com;b@x.com",
    "John <john@example.com>",
    "mailto:john@example.com",
    "john(at)example.com",
    '"john doe"@example.com',
    "john@exa_mple.com",
    "john\u200b@example.com",
    "n/a",
    true,
    { "a": 1 },
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@example.com",
    "john@example,com",
  ]);
});

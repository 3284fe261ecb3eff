/**
 * Postcodes: whole, without spaces and dashes; five digits in the United States alone.
 * Digests were worked out with Python's hashlib from the normalised text beside them.
 *
 * @module
 */

import { assertDigests, assertRefused } from "./assert_user_data.ts";

Deno.test("buildUserData() hashes five digits of an American ZIP code", () => {
  assertDigests("zp", { "with": { "country": "US" } }, [
    ["94035", "94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"],
    ["94035-1234", "94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"],
    ["94035 1234", "94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"],
    ["940351234", "94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"],
    [" 94035 ", "94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"],
    ["02139", "02139", "37ee873de5c1aa94b4bd802ad204de983c221f35fc2c0c28259232eb329f36bf"],
    ["00501", "00501", "6c4a28966d10ff33ff7ca554dfaf73b4e95c205257aab5ced32abb442dcc1114"],
    [94035, "94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"],
    ["９４０３５", "94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"],
  ]);
});

Deno.test("buildUserData() hashes five digits of a ZIP code in a territory", () => {
  assertDigests("zp", { "with": { "country": "PR" } }, [
    ["00901-1234", "00901", "25f5b0da4123a07c43aa97202fde76019fa85949d1ef53f93ce7673a1091336e"],
  ]);
});

Deno.test("buildUserData() hashes whole postcodes elsewhere", () => {
  assertDigests("zp", { "with": { "country": "GB" } }, [
    ["SW1A 1AA", "sw1a1aa", "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"],
    ["sw1a1aa", "sw1a1aa", "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"],
    ["SW1A-1AA", "sw1a1aa", "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"],
    [" M1 1AE ", "m11ae", "1dc694c2070e697769fb959b50671d76cafd430d8ca191fbdd0affcaea344ac5"],
    ["SW1A\u00a01AA", "sw1a1aa", "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"],
  ]);
});

Deno.test("buildUserData() hashes Brazilian postcodes whole", () => {
  assertDigests("zp", { "with": { "country": "BR" } }, [
    ["01310-100", "01310100", "9a4a139dfbfcd2fc89a3cb4302dad65a35abd8d29a56c09a962b69c5cf3bca40"],
    ["01310100", "01310100", "9a4a139dfbfcd2fc89a3cb4302dad65a35abd8d29a56c09a962b69c5cf3bca40"],
    ["01310 100", "01310100", "9a4a139dfbfcd2fc89a3cb4302dad65a35abd8d29a56c09a962b69c5cf3bca40"],
  ]);
});

Deno.test("buildUserData() hashes Japanese postcodes whole", () => {
  assertDigests("zp", { "with": { "country": "Japan" } }, [
    ["100-0001", "1000001", "443372db1ff98d9737596b4f83a8381ab6aab60e44e29854b48be88c74cdf1f0"],
    ["〒100-0001", "1000001", "443372db1ff98d9737596b4f83a8381ab6aab60e44e29854b48be88c74cdf1f0"],
    ["１００－０００１", "1000001", "443372db1ff98d9737596b4f83a8381ab6aab60e44e29854b48be88c74cdf1f0"],
  ]);
});

Deno.test("buildUserData() hashes Indonesian and Philippine postcodes", () => {
  assertDigests("zp", { "with": { "country": "ID" } }, [
    ["12190", "12190", "1a29cb216b6e4e040bb1b3cefd9aabd234672de9853d5ef12e4b7127fc1f1607"],
    [12190, "12190", "1a29cb216b6e4e040bb1b3cefd9aabd234672de9853d5ef12e4b7127fc1f1607"],
    ["40115-1234", "401151234", "d77bdebe53685c94821f29c3a8607a3881f13703a80cf41dabc35e07a9cb64ee"],
    ["1634", "1634", "ca05bc2bf73745fee2f3d493297d4f90930477b484d2c08d7dc899d9a574de89"],
  ]);
});

Deno.test("buildUserData() hashes postcodes of an unknown country", () => {
  assertDigests("zp", {}, [
    ["12190", "12190", "1a29cb216b6e4e040bb1b3cefd9aabd234672de9853d5ef12e4b7127fc1f1607"],
    ["94035-1234", "94035", "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e"],
    ["SW1A 1AA", "sw1a1aa", "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"],
    ["K1A 0B1", "k1a0b1", "3e8d74314dc02166b1ea8c7bd8c2357fb3f9898074395b8c57f8799848b4daa1"],
    ["1012 AB", "1012ab", "4eae493e6faa833589c87de609450298d15d3a344685a821ecb61d385f97e090"],
    ["D02 AF30", "d02af30", "488d8628b6034eef7267093a38b52b6e6cfb0b65a23c36a49d5629c4c44f93b2"],
    ["100-0001", "1000001", "443372db1ff98d9737596b4f83a8381ab6aab60e44e29854b48be88c74cdf1f0"],
  ]);
});

Deno.test("buildUserData() leaves out what is no ZIP code in the United States", () => {
  assertRefused("zp", { "with": { "country": "US" } }, [
    "1234",
    "SW1A 1AA",
    "123456",
    "9403",
    "abc",
  ]);
});

Deno.test("buildUserData() leaves out what is no postcode", () => {
  assertRefused("zp", {}, [
    "-",
    "n/a",
    "none",
    "1",
    "xxxxxxxxxxxxx1",
  ]);
});

/**
 * Last names, by the rule of first names.
 * Digests were worked out with Python's hashlib from the normalised text beside them.
 *
 * @module
 */

import { assertDigests } from "./assert_user_data.ts";

Deno.test("buildUserData() hashes last names like first names", () => {
  assertDigests("ln", {}, [
    ["Smith", "smith", "6627835f988e2c5e50533d491163072d3f4f41f5c8b04630150debb3722ca2dd"],
    ["O'Brien", "obrien", "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"],
    ["O’Brien", "obrien", "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"],
    ["O Brien", "obrien", "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"],
    ["van der Berg", "vanderberg", "aad607ca3121d5d843c2cd64e8c73c2a24fa3a4cb890ed8d40a1efa8af7a14d5"],
    ["Dela Cruz", "delacruz", "6e612c2cd2e7b0e9ebcee301bc7102e8b300fa3df820693946b20e1b9a8793fa"],
    ["de la Cruz", "delacruz", "6e612c2cd2e7b0e9ebcee301bc7102e8b300fa3df820693946b20e1b9a8793fa"],
    ["Smith-Jones", "smithjones", "6a77f47e3dec33252edbebb457d65e90501b643806c50cf8d6c3e2bd9cb74681"],
    ["Smith‑Jones", "smithjones", "6a77f47e3dec33252edbebb457d65e90501b643806c50cf8d6c3e2bd9cb74681"],
    ["Smith, Jr.", "smithjr", "bb519c8fecd3f7e3ef68d900a94cd5cac4eaf6ba2b964418c73d6fe4c49f76d8"],
    ["Müller", "müller", "2dbd218072117713f2d5996a726a9b216ed791ffd0783b6ba4ab6d61b8333192"],
    ["Mu\u0308ller", "müller", "2dbd218072117713f2d5996a726a9b216ed791ffd0783b6ba4ab6d61b8333192"],
    ["Nguyễn", "nguyễn", "828b95a54a436bf4427d64fd9afe64ecf25d6c78ffabc3b64026d0a59ae8ab75"],
    ["Nguye\u0302\u0303n", "nguyễn", "828b95a54a436bf4427d64fd9afe64ecf25d6c78ffabc3b64026d0a59ae8ab75"],
    ["Peña", "peña", "0a5ffa2e6a91383c578a2d907de1dfda8d524b454a2e70508f2ae5d5da463763"],
    ["Pen\u0303a", "peña", "0a5ffa2e6a91383c578a2d907de1dfda8d524b454a2e70508f2ae5d5da463763"],
    ["Wijaya", "wijaya", "c0dfb0bc178c4b94c96bd4a272426876e5e418222429a022993f837af099a800"],
    ["김", "김", "a0d5f241aa6fb544e5d26431e2f40a310f0fc260803053038e5c6012ddaa6ce6"],
    ["ΠΑΠΑΣ ΓΙΩΡΓΟΣ", "παπαςγιωργος", "2e9f8df2587c51037726d0255f0b504cbe85f688db1f7646694724d574ec7db3"],
    ["Иванов", "иванов", "918d04eb5d3eeab4305518c541c9734f993d780039bdb6b89a40d96a1b02365b"],
    ["D’Souza", "dsouza", "6fb5aa6bc2a18b217190bce77e8ea1bdbb4a07e315f6bf41d0b144742b0ca038"],
    ["St. John", "stjohn", "2012ca9043ebe0e4ad081f0033e5a72bc380249a621f1c5705fc50deebc51663"],
  ]);
});

/**
 * Cities: the letters of any script.
 * Digests were worked out with Python's hashlib from the normalised text beside them.
 *
 * @module
 */

import { assertDigests, assertRefused } from "./assert_user_data.ts";

Deno.test("buildUserData() hashes the letters of a city", () => {
  assertDigests("ct", {}, [
    ["Jakarta", "jakarta", "06ddd2e54a3ad4cbc96b0cd5a034e18b85d0f9be64e87dcb7a4c4a0470a6d722"],
    [" JAKARTA ", "jakarta", "06ddd2e54a3ad4cbc96b0cd5a034e18b85d0f9be64e87dcb7a4c4a0470a6d722"],
    ["San Francisco", "sanfrancisco", "1a6bd4d9d79dc0a79b53795c70d3349fa9e38968a3fbefbfe8783efb1d2b6aac"],
    ["Menlo-Park", "menlopark", "0007a3d64c01e23d5075203c5977c14e4f7e01a3fc570686fcc50b5e1dd42685"],
    ["St. Louis", "stlouis", "8ba24bdf99947996f3000259be455de791b06fcc0e802ce05031030df1ee8ea3"],
    ["Quezon City", "quezoncity", "a61665323cd5d733e2511ba6975526b71e143db6c7ece3a34d7e76aa10888457"],
    ["São Paulo", "sãopaulo", "3eda1428ae1aece064071f8d40f08fe2bc59ffa66c171a163caf15122ec4d7f0"],
    ["Sa\u0303o Paulo", "sãopaulo", "3eda1428ae1aece064071f8d40f08fe2bc59ffa66c171a163caf15122ec4d7f0"],
    ["Zürich", "zürich", "201f10d5d64518d86d2d3a47d28675d1c788762c5345df643dadec71d4e0a91e"],
    ["Málaga", "málaga", "4a0848b847f7c2874509b594d246c1f3189c143e4c56703f1e41abf1b073bf2d"],
    ["L’Aquila", "laquila", "6b47947459d80bfbc871802f252f8b5a0b5062eed3cb13ba6596b95e161feca1"],
    ["L'Aquila", "laquila", "6b47947459d80bfbc871802f252f8b5a0b5062eed3cb13ba6596b95e161feca1"],
    ["Oʻahu", "oahu", "8820555b5f9a453c03ad366579fbc6d72cf3c6bef3591ccec26cb1dc64789752"],
    ["Honoluluʼ", "honolulu", "b863d2d6b10fc1a84879b7c614e79cfea8795902700a65bb4405cf748123624c"],
    ["Coeur d’Alene", "coeurdalene", "09c3b43cc0c54eefe5271dbd88f25beabebd71c617bb93694aceb87f5fee2319"],
    ["Jakarta 12190", "jakarta", "06ddd2e54a3ad4cbc96b0cd5a034e18b85d0f9be64e87dcb7a4c4a0470a6d722"],
    ["Jakarta (Selatan)", "jakartaselatan", "cbbdd67afe7769ef5c217e5ffb72ce10ae8b9765010f41ac1adcb647c93a9df2"],
    ["Tangerang, Banten", "tangerangbanten", "2c92921607256991d110f6648744398b8e649ad412dc76b142190e147e698913"],
    ["Łódź", "łódź", "61b87354d033f18b308cac39fd5a3d957b3d8591155bbe953a1ef6a20a4c8503"],
    ["København", "københavn", "0a86c40b1b0cb55f09912e18ebc23f7d10f70efaf53fa8431af8c6996c9605b0"],
    ["Αθήνα", "αθήνα", "3e6724f0c5aee35e2726ad15f3b874a2b00fb4256fa7b475309bfb5b9d2f2b72"],
    ["Москва", "москва", "4ed0608556890f1debeb0947b33bff409c18a80755422c362f4daa5cd5ce0749"],
    ["東京", "東京", "130016b2599bf7e5978cae78e528c67f29aa47eaa2490ffedd729df334a2790c"],
    ["東京都 港区", "東京都港区", "4d4c50a642386918eb8589b9da40d2daeefe11bf4317a0c39e128cee147e4914"],
    ["서울", "서울", "ca6c419327ce5a9d7e624ccac8219f676ea74b4c3cd58c6032ed39a8536aca67"],
    ["กรุงเทพ", "กรุงเทพ", "c7e517c80d1f997e1d8b95a81c45b17241c1f75dc4c742fd326673d46aa88e87"],
    ["मुंबई", "मुंबई", "1e402314a3d086c9e3c7eb355cebfc9044306c7b796168ec4f45cc456d00b51b"],
    ["القاهرة", "القاهرة", "972ecc0cbd5b1971c70bf0f39221ca3a6d5d516267d25a0c51860c5ce4a1cf8d"],
    ["Đà Nẵng", "đànẵng", "20df6426cd6e425cfde0a98c52f9b29adbe6c28a899fcf02c870161530086333"],
    ["Bandar Lampung", "bandarlampung", "ed77cccb0da61b3e2ae316cc27df75d89b1a6b73282822133e43d5687aac29d7"],
    ["Cagayan de Oro", "cagayandeoro", "6ce3c6edee8eb70d408b2110f54db9fec326dd58933f0b3f5ec04a98ab86911d"],
    ["Parañaque", "parañaque", "6c014c4d7bd0bdc2574f7bd61fb84ed3b32eab08a8e30babbbd4046ded8d2c20"],
    ["Paran\u0303aque", "parañaque", "6c014c4d7bd0bdc2574f7bd61fb84ed3b32eab08a8e30babbbd4046ded8d2c20"],
    ["Las\u00a0Piñas", "laspiñas", "8465288e01b5e592c5219c4c343416c1f298d5562c4330eeee3f0dee93ab112c"],
    ["Washington, D.C.", "washingtondc", "911fa18df8b2a4ff2652c32a0efa25516115d6fb0170849a41f38113e5371fe0"],
    ["😀 Bali", "bali", "c0a46612b21b1d9ea3c212a9c8b40a90b7aa629dc36ab8f36cd9f31e40bc9ed6"],
  ]);
});

Deno.test("buildUserData() leaves out cities without a letter", () => {
  assertRefused("ct", {}, [
    "12345",
    "-",
    "...",
    "😀",
    12190,
  ]);
});

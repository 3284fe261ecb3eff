/**
 * States: two letters in the United States, whole names elsewhere.
 * Digests were worked out with Python's hashlib from the normalised text beside them.
 *
 * @module
 */

import { assertDigests, assertRefused } from "./assert_user_data.ts";

Deno.test("buildUserData() hashes American states as their code", () => {
  assertDigests("st", { "with": { "country": "US" } }, [
    ["CA", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    ["ca", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    ["California", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    [" CALIFORNIA ", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    ["C.A.", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    ["New York", "ny", "1b06e2003f8420d6fa42badd8f77ec0f706b976b7a48b13c567dc5a559681683"],
    ["NewYork", "ny", "1b06e2003f8420d6fa42badd8f77ec0f706b976b7a48b13c567dc5a559681683"],
    ["N.Y.", "ny", "1b06e2003f8420d6fa42badd8f77ec0f706b976b7a48b13c567dc5a559681683"],
    ["North Carolina", "nc", "0be477336d3e1a8d45d820aa54755092e2ec5e0751ccdf93a8fa8fa1e10bd753"],
    ["West Virginia", "wv", "078339967a4531c07e5369f15206af8dd66b4f6a322c068b40b0db3c74f9d5c6"],
    ["Virginia", "va", "198dea392afc21d070f8abfc7c06d11060f1b278e5d62501bd57f1159a72ebac"],
    ["Arkansas", "ar", "ab5b62081b1d305e78d0daadb2cd23470b3faeb65af7370627798b7219ea2061"],
    ["Kansas", "ks", "59548661e252a6f235e5d2da3e691a4d02d3729716a025f19de0af07638a70d3"],
    ["Maine", "me", "2744ccd10c7533bd736ad890f9dd5cab2adb27b07d500b9493f29cdc420cb2e0"],
    ["Georgia", "ga", "f52d63231eb0dbaac689ec9147e4b131fc95ef92d5bc78135b22934b36d76bf4"],
    ["Washington", "wa", "87b810070b7c739690268360ea392429368787010a558a1837643058d2437dce"],
    ["DC", "dc", "abecdf3503635c0be9eca61cddf5b25c7f8380d5aae7d73d0f62e9a38c87b70d"],
    ["D.C.", "dc", "abecdf3503635c0be9eca61cddf5b25c7f8380d5aae7d73d0f62e9a38c87b70d"],
    ["District of Columbia", "dc", "abecdf3503635c0be9eca61cddf5b25c7f8380d5aae7d73d0f62e9a38c87b70d"],
    ["Washington, D.C.", "dc", "abecdf3503635c0be9eca61cddf5b25c7f8380d5aae7d73d0f62e9a38c87b70d"],
    ["Washington DC", "dc", "abecdf3503635c0be9eca61cddf5b25c7f8380d5aae7d73d0f62e9a38c87b70d"],
    ["PR", "pr", "0510eddd781102030eb8860671503a28e6a37f5346de429bdd47c0a37c77cc7d"],
    ["Puerto Rico", "pr", "0510eddd781102030eb8860671503a28e6a37f5346de429bdd47c0a37c77cc7d"],
    ["Guam", "gu", "6152d43caa491abea69c0001c468166366618867baf85f1f5fc9b26e00966a24"],
    ["GU", "gu", "6152d43caa491abea69c0001c468166366618867baf85f1f5fc9b26e00966a24"],
    ["Virgin Islands", "vi", "c0ff93ea8927a7366db0331e5fd9d19f438614c305b66cd24d7c873f77b63b7b"],
    ["U.S. Virgin Islands", "vi", "c0ff93ea8927a7366db0331e5fd9d19f438614c305b66cd24d7c873f77b63b7b"],
    ["American Samoa", "as", "f4bf9f7fcbedaba0392f108c59d8f4a38b3838efb64877380171b54475c2ade8"],
    ["Northern Mariana Islands", "mp", "68dbf73d03d3a5107edad3b05676eee240e68c280296e52b6986873c54cef3cb"],
    ["State of California", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    ["Commonwealth of Massachusetts", "ma", "3c44c3e1b8b7844786724ac776d3d90ee7eac452bdbcb44495b77dec2ef73cfe"],
    ["US-CA", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    ["AE", "ae", "f9a00f43e97e3966bb846e76b6795e11512c3bbfa787e6b70e0310c7b9346b98"],
    ["Armed Forces Europe", "ae", "f9a00f43e97e3966bb846e76b6795e11512c3bbfa787e6b70e0310c7b9346b98"],
    ["Hawai'i", "hi", "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"],
    ["Hawaiʻi", "hi", "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"],
    ["Rhode Island", "ri", "396a14ab206e2b44e03c4e00393e948cce36a6b0f0d7489cb46d944b33ad51c8"],
  ]);
});

Deno.test("buildUserData() hashes an American state without a country as its code", () => {
  assertDigests("st", {}, [
    ["California", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    ["CA", "ca", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"],
    ["District of Columbia", "dc", "abecdf3503635c0be9eca61cddf5b25c7f8380d5aae7d73d0f62e9a38c87b70d"],
    ["Puerto Rico", "pr", "0510eddd781102030eb8860671503a28e6a37f5346de429bdd47c0a37c77cc7d"],
    ["Texas", "tx", "1b5b9ccb3e8d006a5230de9bda23ff91edc794d4f56410560830b418528e446c"],
  ]);
});

Deno.test("buildUserData() hashes states of an unknown country whole", () => {
  assertDigests("st", {}, [
    ["Metro Manila", "metromanila", "0772318c4fe284edf63a7fdf596af9f7be1085f405fc5721e85b3145f87cf7e2"],
    ["Jawa Barat", "jawabarat", "fcaac6f40a81c78e143ea76d9cbe960adbe1485d9b315562084c27684188eab5"],
    ["Bayern", "bayern", "52b07f18c831ba4b08ba0b8bc84c6e023a825dfd385d20d8dcbf410d11c546e7"],
  ]);
});

Deno.test("buildUserData() hashes Indonesian provinces whole", () => {
  assertDigests("st", { "with": { "country": "ID" } }, [
    ["DKI Jakarta", "dkijakarta", "fa274ec18046f967149d2f50fad3c8b823f8edaf17e82738f33cb544d1770bdb"],
    ["D.I. Yogyakarta", "diyogyakarta", "956c0312e8e1c658ca0b7bacbbfe3af6915c8a39633a4780818f63b858727c01"],
    ["Jawa Barat", "jawabarat", "fcaac6f40a81c78e143ea76d9cbe960adbe1485d9b315562084c27684188eab5"],
    ["JAWA TIMUR", "jawatimur", "30170291f2a247e33bcddc85973bc00460956b42ca407c1150516de314099ed2"],
    ["Nusa Tenggara Timur", "nusatenggaratimur", "32a6c7e9d87864e85882efb9c4876a4fb372a3f661e2a066a424d50739672e10"],
    ["JB", "jb", "da114fe251e57acdab774919e86f16f09e9341d913db8ad4ae808ac63ea9f2c7"],
    [
      "Kepulauan Bangka-Belitung",
      "kepulauanbangkabelitung",
      "58cfa2a0b4e60c0cc9e02e8b10e6aaeb267685d854d04bca67f06fa5ac36ebbd",
    ],
  ]);
});

Deno.test("buildUserData() hashes Philippine provinces whole", () => {
  assertDigests("st", { "with": { "country": "PHL" } }, [
    ["Metro Manila", "metromanila", "0772318c4fe284edf63a7fdf596af9f7be1085f405fc5721e85b3145f87cf7e2"],
    ["Region IV-A", "regioniva", "a26421f5b4b6958469e80371758bf8574a749807d6770a90b6bf4c50ef955448"],
    ["Region 10", "region10", "94cdcb2f1c51e4d8a2101c3ceea19d85eb7d48219188504dac602cf919f2196f"],
    ["Nueva Écija", "nuevaécija", "2141e3c5308350e652e1fc73ca73e296e7ea38b49b90850b79105c57987a1ef8"],
    ["Cebu", "cebu", "f1f4c075ab949f2fd9e84759862dc8897c4e54cf093f579afb98fbccd805d0d1"],
    ["Maine", "maine", "62f2df82eae9f9b96d42bcda9ed2db7c58a27a6a37ff7d78446f33043c5a0775"],
  ]);
});

Deno.test("buildUserData() hashes states of other countries whole", () => {
  assertDigests("st", { "with": { "country": "GE" } }, [
    ["Georgia", "georgia", "1c18bc2214f67ae19bbaa640fc776f5a4a38c4021d421cdd8cd3d2bcad23da93"],
    ["California", "california", "7e8eea5cc60980270c9ceb75ce8c087d48d726110fd3d17921f774eefd8e18d8"],
  ]);
});

Deno.test("buildUserData() hashes Canadian provinces as they are written", () => {
  assertDigests("st", { "with": { "country": "Canada" } }, [
    ["Ontario", "ontario", "f6b6407632158ebdc802ed898b47e55bf89f61895b50bd8241769c9ee9d9a533"],
    ["ON", "on", "b8d31e852725afb1e26d53bab6095b2bff1749c9275be13ed1c05a56ed31ec09"],
    ["Québec", "québec", "985fc4414a8088567da1a2863f12ed37db60a00e1b6bd81b2a0b7906791b1b86"],
    ["Que\u0301bec", "québec", "985fc4414a8088567da1a2863f12ed37db60a00e1b6bd81b2a0b7906791b1b86"],
    ["British Columbia", "britishcolumbia", "b41ee663617b95c2d688535379f3f0eea69208543d3f6390f942efe9bc358f0b"],
  ]);
});

Deno.test("buildUserData() hashes states in any script", () => {
  assertDigests("st", { "with": { "country": "JP" } }, [
    ["東京都", "東京都", "ce76fe655d41af062f0ef4f53a509f84df667596a54921a88ac27c11a1a02db7"],
    ["Île-de-France", "îledefrance", "7f2f97f2a36f4cae0d099b382c08f83ec00532733befa7a2831942ab70360a48"],
    ["Hokkaidō", "hokkaidō", "14f00df12edfd7017b9cd10e454b4692115bf3eac0f00295604beabda670ed06"],
  ]);
});

Deno.test("buildUserData() leaves out states that the United States do not have", () => {
  assertRefused("st", { "with": { "country": "US" } }, [
    "Bavaria",
    "XX",
    "ZZ",
    "Metro Manila",
    "12",
  ]);
});

Deno.test("buildUserData() leaves out states without a letter", () => {
  assertRefused("st", { "with": { "country": "ID" } }, [
    "-",
    "12",
    "...",
  ]);
});

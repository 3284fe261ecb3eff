/**
 * First names as Meta's pixel reduces them: no spaces, no punctuation, lower case.
 * Digests were worked out with Python's hashlib from the normalised text beside them.
 *
 * @module
 */

import { assertDigests, assertRefused } from "./assert_user_data.ts";

Deno.test("buildUserData() hashes names without spaces and punctuation", () => {
  assertDigests("fn", {}, [
    ["John", "john", "96d9632f363564cc3032521409cf22a852f2032eec099ed5967c0d000cec607a"],
    [" JOHN ", "john", "96d9632f363564cc3032521409cf22a852f2032eec099ed5967c0d000cec607a"],
    ["Mary Ann", "maryann", "16b3f07f0ec2f9dd127b71dc2e6c791b7d93116a1c3bc99d057eaa7a8a077e73"],
    ["Mary-Ann", "maryann", "16b3f07f0ec2f9dd127b71dc2e6c791b7d93116a1c3bc99d057eaa7a8a077e73"],
    ["Mary–Ann", "maryann", "16b3f07f0ec2f9dd127b71dc2e6c791b7d93116a1c3bc99d057eaa7a8a077e73"],
    ["Mary—Ann", "maryann", "16b3f07f0ec2f9dd127b71dc2e6c791b7d93116a1c3bc99d057eaa7a8a077e73"],
    ["J.R.", "jr", "f04a21f9e1c244d59df2255328fb2684c83f51c09e3c53108ed766681b5f4c84"],
    ['John "Jack"', "johnjack", "ecf6774bb9543e6da5a39cf2571ac5e545236cfc324f01b8a9864932c5f7a027"],
    ["John (Jack)", "johnjack", "ecf6774bb9543e6da5a39cf2571ac5e545236cfc324f01b8a9864932c5f7a027"],
    ["D'Arcy", "darcy", "0e133d4201236bef9e6e2bc0ba5c5afeee0cab695d28d2adf5777c1664dfe56f"],
    ["D’Arcy", "darcy", "0e133d4201236bef9e6e2bc0ba5c5afeee0cab695d28d2adf5777c1664dfe56f"],
    ["D‘Arcy", "darcy", "0e133d4201236bef9e6e2bc0ba5c5afeee0cab695d28d2adf5777c1664dfe56f"],
    ["Dʼarcy", "darcy", "0e133d4201236bef9e6e2bc0ba5c5afeee0cab695d28d2adf5777c1664dfe56f"],
    ["D´Arcy", "darcy", "0e133d4201236bef9e6e2bc0ba5c5afeee0cab695d28d2adf5777c1664dfe56f"],
    ["D`Arcy", "darcy", "0e133d4201236bef9e6e2bc0ba5c5afeee0cab695d28d2adf5777c1664dfe56f"],
    ["Kaʻiulani", "kaiulani", "4e6fed627a08f67baf3b7719f6c0324c61462c4cd31c6f5b61fd7ec8c2801e4d"],
    ["D＇Arcy", "darcy", "0e133d4201236bef9e6e2bc0ba5c5afeee0cab695d28d2adf5777c1664dfe56f"],
    ["José", "josé", "d994e1d001886fe5b45b1267bd1fa2b752ac50742579bd3dad7b2a2aa0ed6866"],
    ["Jose\u0301", "josé", "d994e1d001886fe5b45b1267bd1fa2b752ac50742579bd3dad7b2a2aa0ed6866"],
    ["JOSÉ", "josé", "d994e1d001886fe5b45b1267bd1fa2b752ac50742579bd3dad7b2a2aa0ed6866"],
    ["Valéry", "valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"],
    ["Zoë", "zoë", "2752b88686847fa5c86f47b94ce652b7b3f22a91c37617d451a4db9afa431450"],
    ["Zoe\u0308", "zoë", "2752b88686847fa5c86f47b94ce652b7b3f22a91c37617d451a4db9afa431450"],
    ["Ñoño", "ñoño", "8385f0e7995de500032c8adf69fabdbaebd706b22ba04881bd4f9e6bda67420b"],
    ["Ångström", "ångström", "d792fdbd024c6c8239fbb1d588beab4a614f12fb166e006c32cb85bceb2881ac"],
    ["Ångström", "ångström", "d792fdbd024c6c8239fbb1d588beab4a614f12fb166e006c32cb85bceb2881ac"],
    ["Łukasz", "łukasz", "974282d5169583fd089607c615244d5495c50f3be4e9e5274ad64a27dc8ee84e"],
    ["Strauß", "strauß", "3715010ef733d832a79b783ae4142282287ad804504a2d1fb0106822f7b29b3f"],
    ["Đặng", "đặng", "cfd661fb3e37c91070a8445d3890d5c779fcb43bdf086493c88e9a8f68061153"],
    ["Đa\u0323\u0306ng", "đặng", "cfd661fb3e37c91070a8445d3890d5c779fcb43bdf086493c88e9a8f68061153"],
    ["İpek", "i\u0307pek", "83617d047c375c442f33214da636ca4c40ff0c5c7c6b9e276f000923e7ca860f"],
    ["IŞIK", "işik", "ae26003ef869e414e042a8123353fd67d48c9785ca3e6d6e7ac9ea6f0d57f1b1"],
    ["정", "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"],
    ["정", "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"],
    ["王小明", "王小明", "acf979cc584e1cf9c18c65bffae9e53cbc18634f90042072cc116bd5b7375bed"],
    ["Мария", "мария", "8f09a8c7679ad321ae49bb24fb83d7f3195f4f85e7652448e62e1394ed4f462b"],
    ["ΑΓΓΕΛΟΣ", "αγγελος", "dd03cfb5f31c122ffddaafb9e0bbc02ac46c577bb2fb2b3c5b6ad804696fddd0"],
    ["محمد", "محمد", "0cb4c9b21062de4d2c0edd48efc9fa86b97fdc8a6a4e7fa7092544f84e121f61"],
    ["สมชาย", "สมชาย", "70a003b381e338190fc3a79a18a6247a446a9a1b0456ea027a5dc5408a901d91"],
    ["अमित", "अमित", "8216f3b1fe747b04ba923c742dbe4030503e484387943a5502499fc073d8a471"],
    ["さくら", "さくら", "78d493c78d397731ea47bc8cae3bf2445d52304e152f4c319b4bf727b06df071"],
    ["が", "が", "e3b21956ce958d2599e4e122f5395b8bb776552bd4ceae0c6bec80e4f73a2905"],
    ["Siti\u00a0Nurhaliza", "sitinurhaliza", "f965a2cf6417434b8b9bc92d2bb72d25e8d1ccc182d98598f6868c3b18b9b436"],
    ["Siti\u200bNur", "sitinur", "a504f75792609c0819e10b58b7f922f17245512d4d7b322567340f656641c77e"],
    ["\ufeffSiti", "siti", "a7ad5342de24cf9ad849a41b9a265274ebc803807f9ff6734bd7e9c031e7b042"],
    ["Siti\tNur", "sitinur", "a504f75792609c0819e10b58b7f922f17245512d4d7b322567340f656641c77e"],
    ["Ni Luh Putu", "niluhputu", "5be5e110e434f25669be6e38a08a21b7c728fb3601936d920e6b22d32d68ab92"],
    ["M. Rizky", "mrizky", "a4a823eccf1d630f515a3db2b85709c2d5e8008bcbb9ce6ae70f976fb1e5cedf"],
    ["Muhammad_Ali", "muhammadali", "2f8436d80563b5f1bc5ddddd2ff60957b4410410ff2138b1cdb8a959752ca0d5"],
    ["John3", "john3", "5c7ab9d20ef044dd6e61d66450d78b7e9c5d0eeb7634eb302adec394178ebd2a"],
    ["A/B", "ab", "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055620603"],
    ["50% off$", "50off", "c184ce462453ce8d62fc8f58f6b1c683a9a21f6294ebae1afe7313b867d1b062"],
    ["“Budi”", "budi", "24263bfaefb124c488c2f5e63d1d30b418f51d0d6f5b380aa1956ec40ea57278"],
    ["Budi…", "budi", "24263bfaefb124c488c2f5e63d1d30b418f51d0d6f5b380aa1956ec40ea57278"],
    ["«Anna»", "anna", "55579b557896d0ce1764c47fed644f9b35f58bad620674af23f356d80ed0c503"],
    ["Gal·la", "galla", "f54bbe0618ff6208011be0052ce203216544c71e60478aa7d9b79391dcabbf77"],
    ["𝒜nna", "𝒜nna", "3dff06afe0ab47377fda2de849ceab119e7262abdd71ef035ed3a4f1bbe3e857"],
  ]);
});

Deno.test("buildUserData() leaves out names of punctuation alone", () => {
  assertRefused("fn", {}, [
    "-",
    "...",
    "’",
    "--- ---",
    "()",
  ]);
});

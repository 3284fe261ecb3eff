/**
 * Phone numbers that the library alone reads as another number: calling codes without a plus, local numbers of Manila,
 * slashes behind area codes, odd separators. Digests were worked out with Python's hashlib from the text beside them.
 *
 * @module
 */

import { assertDigests } from "./assert_user_data.ts";

Deno.test("buildUserData() reads 62 in front of an Indonesian number as the calling code, short numbers too", () => {
  assertDigests("ph", { "default_country": "ID" }, [
    ["62811727362", "62811727362", "967bf17326ef7988898392817612878e3f73fd007b99b463e7202d2891614253"],
    ["62 811 727 362", "62811727362", "967bf17326ef7988898392817612878e3f73fd007b99b463e7202d2891614253"],
    ["62215551234", "62215551234", "28975f0ef5e7da9020cf50420b5868f28f9d3f2c1033eac5947260d0632b1d63"],
    ["62 361 123456", "62361123456", "1b74e1ed7fd19cef855e979232018917326a618a8e8340349a553a1b22b4c4d8"],
    ["62 0811 727 362", "62811727362", "967bf17326ef7988898392817612878e3f73fd007b99b463e7202d2891614253"],
    [62811727362, "62811727362", "967bf17326ef7988898392817612878e3f73fd007b99b463e7202d2891614253"],
    ["0622 123456", "62622123456", "7074ca4b8a612492cf47b01b7e7707c216487e5c169d4a0e4d5e7a164b3efdc1"],
    ["622123456", "62622123456", "7074ca4b8a612492cf47b01b7e7707c216487e5c169d4a0e4d5e7a164b3efdc1"],
  ]);
});

Deno.test("buildUserData() knows numbers of Indonesia and the Philippines by their calling code in each other's shops", () => {
  assertDigests("ph", { "default_country": "ID" }, [
    ["639171234567", "639171234567", "7b0f3460b105dfa9af1dc747e68f8ca571b88b5aaf88ceee486bd1e90adeb3ee"],
    ["63 917 123 4567", "639171234567", "7b0f3460b105dfa9af1dc747e68f8ca571b88b5aaf88ceee486bd1e90adeb3ee"],
    ["63-0917-123-4567", "639171234567", "7b0f3460b105dfa9af1dc747e68f8ca571b88b5aaf88ceee486bd1e90adeb3ee"],
  ]);
});

Deno.test("buildUserData() reads an Indonesian number without a plus in a Philippine shop", () => {
  assertDigests("ph", { "default_country": "PH" }, [
    ["6281234567890", "6281234567890", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
    ["62 811 727 362", "62811727362", "967bf17326ef7988898392817612878e3f73fd007b99b463e7202d2891614253"],
  ]);
});

Deno.test("buildUserData() adds the area code to the eight digits of Metro Manila", () => {
  assertDigests("ph", { "default_country": "PH" }, [
    ["8123 4567", "63281234567", "438787edcd267aef93a427176569bf50f74905d607bdbde974287ca7a7fd67a2"],
    ["8123-4567", "63281234567", "438787edcd267aef93a427176569bf50f74905d607bdbde974287ca7a7fd67a2"],
    ["81234567", "63281234567", "438787edcd267aef93a427176569bf50f74905d607bdbde974287ca7a7fd67a2"],
    [81234567, "63281234567", "438787edcd267aef93a427176569bf50f74905d607bdbde974287ca7a7fd67a2"],
    ["8842 1234", "63288421234", "edf30979da943cfe1ba70b8a07e93d25d08f6fe678493ce205c4163956bbfc4b"],
    ["7123 4567", "63271234567", "9e6f56aea82e768e09bcf104ea5f31a343d579af13c2dfa4863efc166793772a"],
    ["8123 4567 loc. 12", "63281234567", "438787edcd267aef93a427176569bf50f74905d607bdbde974287ca7a7fd67a2"],
    ["8123 4567 / 0917 123 4567", "63281234567", "438787edcd267aef93a427176569bf50f74905d607bdbde974287ca7a7fd67a2"],
  ]);
});

Deno.test("buildUserData() joins an area code and the number behind a slash", () => {
  assertDigests("ph", { "default_country": "ID" }, [
    ["0812/345678901", "62812345678901", "4cd2ae97dfd7f0494c8b336ff48dddfe231d1eeaac61433cdbd8f97f7a73469c"],
    ["+62 0817/243677841", "62817243677841", "05ba02802d1168df3a703608841bcd94491ba5f3ee600b8a6587bdcae9758bf5"],
    ["021/5551234/5551235", "62215551234", "28975f0ef5e7da9020cf50420b5868f28f9d3f2c1033eac5947260d0632b1d63"],
    ["021/5551234, 081234567890", "62215551234", "28975f0ef5e7da9020cf50420b5868f28f9d3f2c1033eac5947260d0632b1d63"],
  ]);
});

Deno.test("buildUserData() reads separators and digits that the library does not know", () => {
  assertDigests("ph", { "default_country": "ID" }, [
    ["0812~3456~7890", "6281234567890", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
    ["08123456~7890", "6281234567890", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
    ["0812*3456*7890", "6281234567890", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
    ["{+62} 812 3456 7890", "6281234567890", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
    ["٠٠٦٢٨١٢٣٤٥٦٧٨٩٠", "6281234567890", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
    ["۰۰۶۲ ۸۱۲ ۳۴۵۶ ۷۸۹۰", "6281234567890", "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725"],
  ]);
});

/**
 * Birth dates: days that exist, from 1900 to today.
 * Digests were worked out with Python's hashlib from the normalised text beside them.
 *
 * @module
 */

import { assertDigests, assertRefused } from "./assert_user_data.ts";

Deno.test("buildUserData() reads dates that begin with the year", () => {
  assertDigests("db", {}, [
    ["19900211", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["1990-02-11", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["1990/02/11", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["1990.02.11", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["1990-2-11", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["1990 02 11", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    [" 1990-02-11 ", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["1990-02-11T00:00:00Z", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["1990-02-11T00:00:00.000+07:00", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["1990-02-11 00:00:00", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["１９９０－０２－１１", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    [19900211, "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["2000-02-29", "20000229", "78958c155b420adeffb55186f1ff24a0cd544a1d9577e114e7793cc45f90ae01"],
    ["1996-02-29", "19960229", "f862e397eb94ddb52e82971013297d007d05d24a852e150ca7388f217d52c4d9"],
    ["1900-01-01", "19000101", "16593120226f70fa2ed5527d452c3d197e5bb7ccda6aa9463c3289ef539d48b8"],
    ["2026-11-22", "20261122", "788c1c56aaa9036d2666aa2b64fab6b7ef8421435b62cf4ef1d801c0ed99ab49"],
    ["1999-12-31", "19991231", "fa820cbac67771fbd20f7d6bf90ebb5c3b6ebc39e7ceff2459d34a5536db2a45"],
    ["1990-1-2", "19900102", "19bb8a164e99b8549f5f5c9e810115de44d02402f68aefe2df61b4fddacfa085"],
  ]);
});

Deno.test("buildUserData() reads dates that end with the year, month first", () => {
  assertDigests("db", {}, [
    ["02/11/1990", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["2/11/1990", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
    ["03-04-1990", "19900304", "85b3c79d2579941355ff1b877f6a6c7bac464294836a8e703cf313d411fdc876"],
    ["12.31.1990", "19901231", "e34847671d257b92802553ecff8091c5e218044431fd84ce1ce573e530710c83"],
    ["31/12/1990", "19901231", "e34847671d257b92802553ecff8091c5e218044431fd84ce1ce573e530710c83"],
    ["13/01/1990", "19900113", "560f084b1581bf5775627ef94d0de19998b70cea5262e1b77b78656e99cc3037"],
    ["05/05/1990", "19900505", "b52d1228a4533e396e5a7e562578722f81be877eb229833eb2a800d37c91625e"],
  ]);
});

Deno.test("buildUserData() reads dates that end with the year, day first where that is declared", () => {
  assertDigests("db", { "date_order": "day_first" }, [
    ["02/11/1990", "19901102", "7804e8767cd083d7525e8e41d0a699327bf0df9ffb0be52241f252cc05206d33"],
    ["3/4/1990", "19900403", "4f45b1d717cc16e41eb1256c3dc9a9eba0d2c3c055da4fc2ad193d339fb5e556"],
    ["31-12-1990", "19901231", "e34847671d257b92802553ecff8091c5e218044431fd84ce1ce573e530710c83"],
    ["1990-02-11", "19900211", "870c90b54f00a64e45b8feea5f8e43585c33597f38411844941118a4df3f42cc"],
  ]);
});

Deno.test("buildUserData() leaves out dates that do not exist or cannot be", () => {
  assertRefused("db", {}, [
    "1990-02-30",
    "1990-02-31",
    "19900231",
    "1900-02-29",
    "1999-02-29",
    "2023-02-29",
    "1990-13-01",
    "1990-00-10",
    "1990-04-31",
    "1990-01-00",
    "1899-12-31",
    "1800-01-01",
    "2026-11-23",
    "2027-01-01",
    "9999-01-01",
    "90-02-11",
    "02/11/90",
    "11 Feb 1990",
    "1990",
    "199002",
    "1990-02",
    "1990-31-12",
    "32/01/1990",
    "00/00/0000",
    "0000-00-00",
    "641433600",
    "31121990",
    "abc",
    "1990--02-11",
    true,
    1990.5,
  ]);
});

Deno.test("buildUserData() leaves out a date against the declared order", () => {
  assertRefused("db", { "date_order": "day_first" }, [
    "12/31/1990",
  ]);
});

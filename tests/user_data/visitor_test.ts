/**
 * Tests of `shared/user_data/visitor.ts`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { networkOf, visitorOf } from "../../shared/user_data/visitor.ts";

Deno.test("visitorOf() takes an IPv4 address as it is and an IPv6 address by its /64", () => {
  const cases: [string | null, string][] = [
    ["203.0.113.7", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:0DB8:0001:0002::1", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["garbage", "garbage"],
    [null, ""],
  ];
  for (const [address, visitor] of cases) assertEquals(visitorOf(address), visitor);
});

Deno.test("networkOf() takes the /24 of an IPv4 address and the /48 of an IPv6 address", () => {
  const cases: [string | null, string][] = [
    ["203.0.113.7", "203.0.113"],
    ["::ffff:203.0.113.7", "203.0.113"],
    ["2001:db8:1:2:3:4:5:6", "2001.db8.1"],
    ["2001:0DB8:0001:ffff::1", "2001.db8.1"],
    ["garbage", "garbage"],
    [null, ""],
  ];
  for (const [address, network] of cases) assertEquals(networkOf(address), network);
});

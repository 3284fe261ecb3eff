/**
 * Addresses that no visitor has.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { SERVER } from "../../shared/outbox/event/caller_profile.ts";
import { validateEvent } from "../../shared/outbox/event/validate_event.ts";
import { isPrivateAddress } from "../../shared/user_data/client_ip_address.ts";

Deno.test("isPrivateAddress() knows private, loopback, link-local and carrier-grade addresses, also inside IPv6", () => {
  const inside = [
    ...["10.1.2.3", "127.0.0.1", "192.168.0.9", "172.16.0.1", "172.31.255.255", "169.254.1.1", "100.64.0.1", "0.0.0.0"],
    ...["::1", "::", "0:0:0:0:0:0:0:1", "fe80::1", "fd00::1", "fc12::9", "::ffff:10.0.0.1", "::ffff:127.0.0.1"],
  ];
  const outside = [
    ...["203.0.113.7", "11.0.0.1", "172.32.0.1", "172.15.0.1", "192.169.0.1", "100.63.0.1", "100.128.0.1", "1.1.1.1"],
    ...["2001:db8::1", "2404:6800:4003::1", "::ffff:203.0.113.7", "fb00::1", "2a00::10"],
  ];
  assertEquals(inside.filter((address) => !isPrivateAddress(address)), []);
  assertEquals(outside.filter(isPrivateAddress), []);
});

Deno.test("validateEvent() leaves out a server's private client_ip_address, and the event goes on", () => {
  const now_ms = 1_795_348_800_000;
  for (const client_ip_address of ["10.1.2.3", "::1"]) {
    const result = validateEvent({
      event_name: "Lead",
      event_time: now_ms / 1_000,
      action_source: "system_generated",
      user_data: { em: "john@example.com", client_ip_address },
    }, { now_ms, profile: SERVER });
    assert(result.ok);
    assertEquals(result.event.user_data.client_ip_address, undefined);
    assertEquals(result.notes.map(({ path }) => path), ["user_data.client_ip_address"]);
  }
});

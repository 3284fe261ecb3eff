/**
 * By which address a browser's limits count. A visitor with IPv6 has a whole /64 to choose addresses from, so that
 * counts as one; who rents many addresses mostly has them from one network.
 *
 * @module
 */

import { RequestError } from "../errors.ts";

/** The eight groups of an IPv6 address, without leading zeros; null for anything else. */
function groupsOf(address: string): string[] | null {
  const halves = address.toLowerCase().split("::");
  const [head = "", tail] = halves;
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = 8 - before.length - after.length;
  if (halves.length > 2 || (tail === undefined ? missing !== 0 : missing < 1)) return null;
  return [...before, ...new Array<string>(missing).fill("0"), ...after].map((group) => group.replace(/^0+(?=.)/, ""));
}

/** Names the visitor behind an address: an IPv4 address itself, an IPv6 address by its /64. */
export function visitorOf(client_ip_address: string | null): string {
  if (client_ip_address === null) return "";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(client_ip_address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!client_ip_address.includes(":")) return client_ip_address.slice(0, 64);
  const groups = groupsOf(client_ip_address);
  return groups === null ? client_ip_address.slice(0, 64) : groups.slice(0, 4).join(":");
}

/** Names the network of an address: of an IPv4 address its /24, of an IPv6 address its /48. */
export function networkOf(client_ip_address: string | null): string {
  const visitor = visitorOf(client_ip_address);
  return visitor.split(visitor.includes(":") ? ":" : ".").slice(0, 3).join(".");
}

/** Why a request was turned away for now, and when the window of the limit ends. */
export function tooManyRequests(limited: "minute" | "day", now_ms: number): RequestError {
  const window_ms = limited === "minute" ? 60_000 : 86_400_000;
  return new RequestError("too_many_requests", "Too many events came from here; try again later.", {
    retry_after_seconds: Math.max(1, Math.ceil((window_ms - (now_ms % window_ms)) / 1_000)),
  });
}

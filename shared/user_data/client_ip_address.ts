/**
 * Whether a text is an IPv4 or IPv6 address, as Meta takes them: no port, no zone, no brackets. Meta's parameter
 * builder appends a suffix; such values pass as they are.
 *
 * @module
 */

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/;
const HEX_GROUP = /^[0-9a-f]{1,4}$/i;
const SUFFIX = /^(.+)\.(?:[\w-]{8}|[A-Z][\w-])$/;

/** Tells whether an address is valid, with or without the parameter builder's suffix. */
export function isClientIpAddress(text: string): boolean {
  if (isIpAddress(text)) return true;
  const address = SUFFIX.exec(text)?.[1];
  return address !== undefined && isIpAddress(address);
}

function isIpAddress(text: string): boolean {
  if (text.length > 45) return false;
  return text.includes(":") ? isIpv6(text) : isIpv4(text);
}

function isIpv4(text: string): boolean {
  return IPV4.test(text) && !text.endsWith(".");
}

function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.map((half) => half === "" ? [] : half.split(":"));
  const flat = groups.flat();
  const last = flat.at(-1);
  const endsInIpv4 = last !== undefined && last.includes(".");
  if (endsInIpv4 && !(isIpv4(last) && text.endsWith(last))) return false;
  if (!(endsInIpv4 ? flat.slice(0, -1) : flat).every((group) => HEX_GROUP.test(group))) return false;
  const length = flat.length + (endsInIpv4 ? 1 : 0);
  return halves.length === 2 ? length < 8 : length === 8;
}

/** Private, carrier-grade, loopback and link-local networks: whoever is there is no visitor from the internet. */
const PRIVATE_IPV4 =
  /^(?:0|10|127)\.|^192\.168\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./;
const PRIVATE_IPV6 = /^(?:f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]):|^(?:0{1,4}:){0,7}:{0,2}0{0,3}[01]?$/i;
const IPV4_IN_IPV6 = /^(?:0{1,4}:){0,5}:{0,2}(?:ffff:)?((?:\d{1,3}\.){3}\d{1,3})$/i;

/** Tells whether an address cannot be a visitor's; a relaying server sees such addresses of its own network. */
export function isPrivateAddress(text: string): boolean {
  const inner = IPV4_IN_IPV6.exec(text)?.[1];
  return PRIVATE_IPV4.test(inner ?? text) || (text.includes(":") && PRIVATE_IPV6.test(text));
}

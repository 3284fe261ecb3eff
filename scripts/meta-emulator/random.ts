/**
 * Deterministic pseudo-random numbers: the same numbers in, the same number out, on every machine. The whole world is
 * a function of its seed, so no row of it needs to be kept in memory.
 * @module
 */

/** Mixes a few integers into an unsigned 32-bit number (murmur3's finaliser over each). */
export function mix(seed: number, a: number, b = 0, c = 0): number {
  let hash = seed | 0;
  hash = step(hash, a);
  hash = step(hash, b);
  hash = step(hash, c);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function step(hash: number, value: number): number {
  const k = Math.imul(value | 0, 0xcc9e2d51);
  const rotated = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = hash ^ rotated;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Mixes a text into an unsigned 32-bit number. */
export function mixText(seed: number, text: string): number {
  let hash = seed | 0;
  for (let index = 0; index < text.length; index++) hash = step(hash, text.charCodeAt(index));
  return mix(hash, text.length);
}

/** Picks one of a non-empty list. */
export function pick<Item>(items: readonly [Item, ...Item[]], number: number): Item {
  const item = items[number % items.length];
  // Not `??`: null is an item like any other.
  return item === undefined ? items[0] : item;
}

/**
 * Which web apps may call: `FB_ADS_ALLOWED_ORIGINS`, a list of origins. `https://*.shop.example` stands for exactly one
 * label: `https://preview.shop.example`, neither `https://shop.example` nor `https://a.b.shop.example`.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import { type GetVariable, listOf } from "./config.ts";

const VARIABLE = "FB_ADS_ALLOWED_ORIGINS";
const EXPECTED = "must be origins such as https://shop.example or https://*.shop.example, comma-separated; " +
  "* alone would let every website send events";

/** The web apps that may call. */
export interface AllowedOrigins {
  /** Whether a page of this origin may call. */
  allows(origin: string | null): boolean;
  /** Why the list is of no use; then it allows nobody. */
  problem: ConfigError | null;
}

/** The first label may be `*` where two labels or more follow: a whole top-level domain is nobody's own. */
const WILDCARD = /^\*(?:\.[a-z0-9-]+){2,}$/;

function parseOrigin(entry: string): string | null {
  if (!URL.canParse(entry)) return null;
  const url = new URL(entry);
  const isBare = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (!/^https?:$/.test(url.protocol) || !isBare) return null;
  return url.hostname.includes("*") && !WILDCARD.test(url.hostname) ? null : url.origin;
}

function patternOf(origin: string): RegExp {
  const text = origin.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace("\\*", "[a-z0-9-]+");
  return new RegExp(`^${text}$`);
}

/** Reads the list; a mistake stops browsers alone, so it is kept and not thrown. */
export function loadAllowedOrigins(get: GetVariable): AllowedOrigins {
  const origins = listOf(get(VARIABLE)).map(parseOrigin);
  if (origins.includes(null)) {
    const problem = new ConfigError([{ path: VARIABLE, message: EXPECTED }], { is_public: true });
    return { allows: () => false, problem };
  }
  const patterns = origins.map((origin) => patternOf(origin ?? ""));
  return { allows: (origin) => origin !== null && patterns.some((pattern) => pattern.test(origin)), problem: null };
}

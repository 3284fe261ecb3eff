/**
 * How a platform is to be.
 *
 * @module
 */

import type { TokenSigning } from "./keys.ts";

/** How a platform is to be. */
export interface PlatformOptions {
  /** `META_GRAPH_URL` of the functions, and the only outside host that they reach. Default: Meta's own. */
  graphUrl?: string;
  /** Function secrets (`FB_ADS_*`, `META_*`). */
  functionEnv?: Record<string, string>;
  /** Vault secrets by name; `fb_ads_project_url` is the platform's own address unless named here. */
  vault?: Record<string, string>;
  /** Deno that runs the functions. Default: `PLATFORM_DENO`, else the present one. */
  denoPath?: string;
  /** Milliseconds that a worker lives. Default 150,000, as on the free plan. */
  wallClockMs?: number;
  /** CPU milliseconds of a worker's life after which it gets no more requests. Default 1,000, as hosted. */
  cpuSoftMs?: number;
  /** CPU milliseconds of a worker's life at which it is killed. Default 2,000, as hosted. */
  cpuHardMs?: number;
  /** Schemas that the Data API exposes. Default: `public`; without any the Data API is off. */
  exposedSchemas?: readonly string[];
  /** What Auth signs users' tokens with. Default: ES256; older projects may still sign with the legacy secret. */
  tokenSigning?: TokenSigning;
  /** Roles of secret keys beside `default` (the Management API's `secret_jwt_template`), granted to `authenticator`. */
  secretKeyRoles?: Readonly<Record<string, string>>;
  /** Whether cron jobs run by the clock. Default true; tests say false and call `runCronJob`. */
  schedule?: boolean;
  /** What tells the time to the stand-in of pg_cron, in milliseconds of the epoch. Default: the machine's clock. */
  cronClock?: () => number;
  /** Whether a commit waits for the disk, as on a real server. Default false. */
  durable?: boolean;
  /** Whether to apply the project's migrations. Default true. */
  migrations?: boolean;
  /** The project to run: `supabase/` and `shared/` are inside. Default: this repository. */
  projectRoot?: string;
  /** Whether it is a host's repo, whose own functions may reach every host and package. Default false. */
  isHost?: boolean;
  /** Directory of the PostgreSQL programs. Default: `PG_BIN`, else the server from npm. */
  pgBin?: string;
  /** Further `host:port` that functions may reach. */
  allowNet?: string[];
  /** Told of every line that a function prints. */
  onFunctionLog?: (slug: string, line: string) => void;
}

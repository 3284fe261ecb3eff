/**
 * What most tests stand on: a platform of their own beside a Graph API emulator, joined by the function secrets and
 * Vault.
 *
 * @module
 */

import { type Platform, type PlatformOptions, startPlatform } from "../../supabase-local/mod.ts";
import { type EmulatorOptions, type GraphEmulator, startGraphEmulator } from "../../meta-emulator/mod.ts";

/** A platform and its Graph API. */
export interface Suite extends AsyncDisposable {
  platform: Platform;
  graph: GraphEmulator;
}

/** How a suite differs from the usual one: every account enabled, no clock behind cron. */
export interface SuiteOptions {
  graph?: EmulatorOptions;
  platform?: PlatformOptions;
  /** Function secrets beside `FB_ADS_ACCOUNT_IDS=*`. */
  functionEnv?: Record<string, string>;
  /** Vault secrets beside the emulator's tokens. */
  vault?: Record<string, string>;
}

/** Starts both; disposing ends both. The emulator refuses a token in a URL: no call of the product may hold one. */
export async function startSuite(options: SuiteOptions = {}): Promise<Suite> {
  const settings = { refuse_token_in_url: true, ...options.graph?.settings };
  const graph = await startGraphEmulator({ ...options.graph, settings });
  try {
    const platform = await startPlatform({
      schedule: false,
      graphUrl: graph.url,
      ...options.platform,
      functionEnv: { FB_ADS_ACCOUNT_IDS: "*", ...options.functionEnv },
      vault: { meta_marketing_api_token: graph.token, meta_capi_access_token: graph.capiToken, ...options.vault },
    });
    return {
      platform,
      graph,
      async [Symbol.asyncDispose]() {
        await platform.stop();
        await graph.close();
      },
    };
  } catch (error) {
    await graph.close();
    throw error;
  }
}

/** What a sync answers. */
export interface SyncAnswer {
  run_id: string;
  jobs: { done: number; left: number; failed: number };
  rows: Record<string, number>;
  graph_calls: number;
}

/** Calls a sync and decodes its answer; anything but 200 throws with the body. */
export async function sync(platform: Platform, slug: string, body: unknown = {}): Promise<SyncAnswer> {
  const response = await platform.invoke(slug, body);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${slug} answered ${response.status}: ${text}`);
  return decodeAnswer(JSON.parse(text));
}

function decodeAnswer(value: unknown): SyncAnswer {
  return value as SyncAnswer;
}

/**
 * Calls a sync until nothing is left, letting throttled jobs start at once. Throws when that takes more than `most`
 * calls.
 */
export async function syncToEnd(
  platform: Platform,
  slug: string,
  body: unknown = {},
  most = 50,
): Promise<SyncAnswer[]> {
  const answers = [await sync(platform, slug, body)];
  while ((answers.at(-1)?.jobs.left ?? 0) > 0) {
    if (answers.length >= most) throw new Error(`${slug} is not at its end after ${most} calls`);
    await platform.sql`update fb_ads.sync_jobs set not_before = now() where state = 'pending' and not_before > now()`;
    // Nothing runs between two calls: a held job was claimed for a worker that was killed before it heard of it.
    await platform.sql`update fb_ads.sync_jobs set lease_until = now() where state = 'running'`;
    answers.push(await sync(platform, slug, { resume: true }));
  }
  return answers;
}

/** What a function answers that may be killed at any instant; null when the whole of it, body included, never came. */
export async function answerIfAny(
  platform: Platform,
  slug: string,
  body: unknown = {},
): Promise<{ status: number; text: string } | null> {
  try {
    const response = await platform.invoke(slug, body);
    return { status: response.status, text: await response.text() };
  } catch {
    return null;
  }
}

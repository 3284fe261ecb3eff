/**
 * The versions of the Graph API and until when each answers. The Marketing API has a faster clock than the rest of
 * Graph: a version that is dead for ads still takes events.
 * https://developers.facebook.com/docs/graph-api/changelog/versions
 * @module
 */

/** One version. Days are UTC, `YYYY-MM-DD`; from that day on it no longer answers. `null`: no end is announced. */
export interface GraphVersion {
  /** Such as `v27.0`. */
  name: string;
  /** End for ad accounts, the ad tree and insights. An announced end brings Meta's warning header. */
  marketing_until: string | null;
  /** End for everything else, Conversions API events among it. */
  graph_until: string | null;
}

/** What a version is to a call. */
export type VersionState = "live" | "warned" | "dead" | "unknown";

/** The versions of late 2026, oldest first. */
export function knownVersions(): GraphVersion[] {
  return [
    { name: "v21.0", marketing_until: "2025-09-09", graph_until: "2027-01-21" },
    { name: "v22.0", marketing_until: "2026-02-19", graph_until: "2027-05-20" },
    { name: "v23.0", marketing_until: "2026-06-09", graph_until: "2027-10-08" },
    { name: "v24.0", marketing_until: "2026-11-10", graph_until: "2028-02-18" },
    { name: "v25.0", marketing_until: "2027-02-23", graph_until: "2028-07-29" },
    { name: "v26.0", marketing_until: null, graph_until: null },
    { name: "v27.0", marketing_until: null, graph_until: null },
  ];
}

/** Returns the newest version's name. */
export function newestVersion(versions: readonly GraphVersion[]): string {
  return versions.at(-1)?.name ?? "";
}

/** Tells what a version is to a call at an instant (epoch milliseconds); an empty name is the app's own version. */
export function versionState(
  versions: readonly GraphVersion[],
  name: string,
  clock: "marketing" | "graph",
  nowMs: number,
): VersionState {
  if (name === "") return "live";
  const version = versions.find((candidate) => candidate.name === name);
  if (!version) return Number(name.slice(1)) > Number(newestVersion(versions).slice(1)) ? "unknown" : "dead";
  const until = clock === "marketing" ? version.marketing_until : version.graph_until;
  if (until !== null && nowMs >= Date.parse(`${until}T00:00:00Z`)) return "dead";
  return version.marketing_until !== null && clock === "marketing" ? "warned" : "live";
}

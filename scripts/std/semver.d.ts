// Types of the parts of @std/semver that tests use, after its own declarations.

export interface SemVer {
  major: number;
  minor: number;
  patch: number;
}
export type Range = unknown[][];
export function parse(value: string): SemVer;
export function parseRange(value: string): Range;
export function satisfies(version: SemVer, range: Range): boolean;
export function greaterOrEqual(version1: SemVer, version2: SemVer): boolean;

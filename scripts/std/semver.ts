/**
 * `@std/semver` with its types: the npm package that stands in for JSR's carries none. One line of the import map
 * (`jsr:@std/semver`) replaces it.
 *
 * @module
 */

// @ts-types="./semver.d.ts"
export * from "npm:deno-std@1.4.0/semver/mod.js";

/**
 * `@std/cli` with its types: the npm package that stands in for JSR's carries none. One line of the import map
 * (`jsr:@std/cli`) replaces it.
 *
 * @module
 */

// @ts-types="./cli.d.ts"
export * from "npm:deno-std@1.4.0/cli/unicode_width.js";

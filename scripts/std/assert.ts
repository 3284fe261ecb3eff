/**
 * `@std/assert` with its types: the npm package that stands in for JSR's carries none. One line of the import map
 * (`jsr:@std/assert`) replaces it.
 *
 * @module
 */

// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";

/**
 * `@std/async` with its types: the npm package that stands in for JSR's carries none. One line of the import map
 * (`jsr:@std/async`) replaces it.
 *
 * @module
 */

// @ts-types="./async.d.ts"
export * from "npm:deno-std@1.4.0/async/mod.js";

/**
 * `@std/csv` with its types: the npm package that stands in for JSR's carries none. One line of the import map
 * (`jsr:@std/csv`) replaces it.
 *
 * @module
 */

// @ts-types="./csv.d.ts"
export * from "npm:deno-std@1.4.0/csv/mod.js";

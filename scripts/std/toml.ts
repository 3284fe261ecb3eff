/**
 * `@std/toml` with its types: the npm package that stands in for JSR's carries none. One line of the import map
 * (`jsr:@std/toml`) replaces it.
 *
 * @module
 */

// @ts-types="./toml.d.ts"
export * from "npm:deno-std@1.4.0/toml/parse.js";

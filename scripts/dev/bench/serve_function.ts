/**
 * Serves one function in a process of its own and prints its port, so that two functions can be compared under the same
 * load with nothing between. Usage: serve_function.ts <module>
 *
 * @module
 */

const [module] = Deno.args;
if (module === undefined) throw new Error("which module?");
const { default: served } = decodeModule(await import(new URL(module, import.meta.url).href));
Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(port) },
  (request) => served.fetch(request),
);

function decodeModule(loaded: unknown): { default: { fetch: (request: Request) => Promise<Response> } } {
  return loaded as { default: { fetch: (request: Request) => Promise<Response> } };
}

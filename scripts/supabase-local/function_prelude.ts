/**
 * What the edge runtime puts around a function, for a process of its own: only the named environment variables,
 * `EdgeRuntime.waitUntil`, `beforeunload` with a reason, a default export that is served. It runs before the function's
 * first import, on Deno 2.1 and 2.9, and is told by lines on standard input what happens to the worker.
 *
 * @module
 */

import process from "node:process";

/** Lines that tell the platform that the runtime has booted, and the port; a function's own lines cannot start so. */
const BOOTED = "\u0001platform-booted";
const LISTENING = "\u0001platform-listening ";

const names: string[] = JSON.parse(Deno.env.get("PLATFORM_VARIABLES") ?? "[]");
const variables: Record<string, string> = {};
for (const name of names) {
  const value = Deno.env.get(name);
  if (value !== undefined) variables[name] = value;
}
Object.defineProperty(process, "env", { value: variables, configurable: true, writable: true, enumerable: true });
Object.assign(Deno.env, {
  get: (name: string) => Object.hasOwn(variables, name) ? variables[name] : undefined,
  has: (name: string) => Object.hasOwn(variables, name),
  toObject: () => ({ ...variables }),
  set: () => undefined,
  delete: () => undefined,
});

const exit = Deno.exit;
Object.defineProperty(Deno, "exit", { value: () => undefined, configurable: true });

let unfinished = 0;
let isLeaving = false;
const leaveWhenFinished = () => isLeaving && unfinished === 0 && exit(0);
Object.assign(globalThis, {
  EdgeRuntime: {
    waitUntil(work: Promise<unknown>): void {
      unfinished++;
      Promise.resolve(work).catch((error) => console.error("waitUntil:", error)).finally(() => {
        unfinished--;
        leaveWhenFinished();
      });
    },
  },
});

async function obeyPlatform(load: () => void): Promise<void> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [verb, reason] = line.split(" ");
      if (verb === "load") load();
      if (verb === "beforeunload") dispatchEvent(new CustomEvent("beforeunload", { detail: { reason } }));
      if (verb === "leave") isLeaving = true;
      leaveWhenFinished();
    }
  }
  exit(0);
}

type Handler = (request: Request) => Response | Promise<Response>;

function isHandler(value: unknown): value is Handler {
  return typeof value === "function";
}

const serve = Deno.serve;
let isServed = false;

/** Serves a function, whatever port it wished. */
function listen(handler: Handler): Deno.HttpServer<Deno.NetAddr> {
  isServed = true;
  return serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(LISTENING + port),
    onError(error) {
      console.error(error);
      return new Response("Internal Server Error", { status: 500 });
    },
  }, handler);
}

/** `Deno.serve(handler)`, `Deno.serve(options, handler)` and `Deno.serve({ handler })`. */
function serveAsAsked(...given: unknown[]): Deno.HttpServer<Deno.NetAddr> {
  const [options] = given;
  const named = typeof options === "object" && options !== null && "handler" in options ? options.handler : undefined;
  const handler = [...given, named].find(isHandler);
  if (handler === undefined) throw new TypeError("Deno.serve() was given no handler.");
  return listen(handler);
}
Object.defineProperty(Deno, "serve", { value: serveAsAsked, configurable: true });

/**
 * Loads a function once the platform counts its CPU, and serves its default export, which must have `fetch` as its own
 * property, as the edge runtime demands; one that calls `Deno.serve()` by itself is served by that.
 */
export async function serveFunction(load: () => Promise<object>): Promise<void> {
  await new Promise<void>((resolve) => {
    obeyPlatform(resolve);
    console.log(BOOTED);
  });
  const served: unknown = Object.getOwnPropertyDescriptor(await load(), "default")?.value;
  if (isServed) return;
  if (typeof served !== "object" || served === null || !Object.hasOwn(served, "fetch")) {
    throw new TypeError("The function's default export has no own property fetch.");
  }
  const handler: unknown = Object.entries(served).find(([name]) => name === "fetch")?.[1];
  if (!isHandler(handler)) {
    throw new TypeError("The function's default export has a fetch that is no function.");
  }
  listen((request) => handler.call(served, request));
}

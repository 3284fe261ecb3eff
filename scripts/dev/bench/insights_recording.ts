/**
 * A Graph API without latency: answers of the emulator are recorded by a first run and given from memory to the next
 * ones, so that a bench measures us and not the emulator.
 *
 * @module
 */

/** A recording server. */
export interface Recording extends AsyncDisposable {
  url: string;
  /** Texts of good answers to reads of daily figures, by request. */
  pages(): { query: URLSearchParams; body: string }[];
}

interface Answer {
  status: number;
  headers: [string, string][];
  body: string;
}

/** Starts a server that passes unknown requests on to `target` and answers known ones from memory. */
export function startRecording(target: string): Recording {
  const known = new Map<string, Answer>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const sent = request.method === "GET" ? "" : await request.text();
    const key = `${request.method} ${pathname}${search} ${sent}`;
    let answer = known.get(key);
    if (answer === undefined) {
      const { host: _host, ...headers } = Object.fromEntries(request.headers);
      const response = await fetch(`${target}${pathname}${search}`, {
        method: request.method,
        headers,
        ...(sent === "" ? {} : { body: sent }),
      });
      const body = await response.text();
      answer = { status: response.status, headers: [["content-type", "application/json"]], body };
      known.set(key, answer);
    }
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    pages: () =>
      [...known].filter(([key]) => /^GET \S*\/insights\?/.test(key) && key.includes("level=ad&")).map((
        [key, answer],
      ) => ({
        query: new URLSearchParams(key.split("?")[1]?.split(" ")[0]),
        body: answer.body,
      })),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/**
 * What stands before a project's services: turns an API key into a role, carries `/rest/v1` to PostgREST and
 * `/functions/v1` to the functions, and answers by itself what the hosted platform answers by itself.
 *
 * @module
 */

import type { FunctionHost } from "./functions.ts";
import type { PlatformKeys } from "./keys.ts";
import { withFreePort } from "./ports.ts";

/** A running gateway. */
export interface Gateway {
  /** Port on 127.0.0.1. */
  port: number;
  /** Closes it; requests under way are cut. */
  stop(): Promise<void>;
}

/** What the gateway carries requests to; set once these exist. */
export interface Upstreams {
  /** Keys of this platform. */
  keys: PlatformKeys;
  /** PostgREST's URL; the first call starts it. */
  dataApi?: () => Promise<string>;
  /** The functions. */
  functions?: FunctionHost;
}

const CORS_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS",
  "access-control-allow-headers": "authorization, x-client-info, apikey, content-type, prefer, accept-profile, " +
    "content-profile, range, x-region",
} as const;

/** Starts the gateway on a free port. */
export async function startGateway(upstreams: Upstreams): Promise<Gateway> {
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 64 });
  const server = await withFreePort((port) =>
    Promise.resolve(Deno.serve({
      hostname: "127.0.0.1",
      port,
      onListen: () => undefined,
      onError(error) {
        console.error("gateway:", error);
        return Response.json({ message: "An invalid response was received from the upstream server" }, { status: 502 });
      },
    }, (request, info) => answer(request, info.remoteAddr, upstreams, client)))
  );
  return {
    port: server.addr.port,
    async stop() {
      const closed = server.shutdown();
      client.close();
      await closed;
    },
  };
}

async function answer(
  request: Request,
  caller: Deno.NetAddr,
  upstreams: Upstreams,
  client: Deno.HttpClient,
): Promise<Response> {
  const url = new URL(request.url);
  const [, service, version, first = ""] = url.pathname.split("/");
  if (version === "v1" && service === "rest") return await answerRest(request, url, upstreams, client);
  if (version === "v1" && service === "functions") {
    return await answerFunction(request, url, decodeURIComponent(first), caller, upstreams);
  }
  if (url.pathname === "/auth/v1/.well-known/jwks.json") return Response.json(upstreams.keys.jwks);
  if (url.pathname === "/auth/v1/user") return await answerUser(request, upstreams.keys);
  return Response.json({ message: "no Route matched with those values" }, { status: 404 });
}

async function answerRest(
  request: Request,
  url: URL,
  upstreams: Upstreams,
  client: Deno.HttpClient,
): Promise<Response> {
  const { keys, dataApi } = upstreams;
  if (!dataApi) return Response.json({ message: "The Data API is not ready." }, { status: 503 });
  if (request.method === "OPTIONS") return new Response(null, { status: 200, headers: CORS_HEADERS });
  const apiKey = request.headers.get("apikey") ?? url.searchParams.get("apikey") ?? bearer(request);
  if (!apiKey) {
    return Response.json(
      { message: "No API key found in request", hint: "No `apikey` request header or url param was found." },
      { status: 401 },
    );
  }
  const role = keys.roleOf(apiKey);
  if (!role) {
    return Response.json({ message: "Invalid API key", hint: "Double check your Supabase API key." }, { status: 401 });
  }
  const refusal = refuseSecretInBrowser(request, role);
  if (refusal) return refusal;

  const headers = forwardedHeaders(request.headers);
  headers.delete("apikey");
  const token = bearer(request);
  const claims = token && keys.roleOf(token) === null ? await keys.readUserToken(token) : { role };
  if (!claims) return Response.json({ code: "PGRST301", message: "JWT expired" }, { status: 401 });
  headers.set("authorization", `Bearer ${await keys.postgrestToken(claims)}`);
  url.searchParams.delete("apikey");
  const response = await fetch(`${await dataApi()}${url.pathname.slice("/rest/v1".length) || "/"}${url.search}`, {
    method: request.method,
    headers,
    body: request.body,
    redirect: "manual",
    client,
  });
  return withCors(request, response);
}

/** Auth's own answer to whoever holds a user's token: https://supabase.com/docs/reference/self-hosting-auth */
async function answerUser(request: Request, keys: PlatformKeys): Promise<Response> {
  if (keys.roleOf(request.headers.get("apikey") ?? "") === null) {
    return Response.json({ message: "No API key found in request" }, { status: 401 });
  }
  const token = bearer(request);
  if (token === null) {
    return Response.json({ code: 401, error_code: "no_authorization", msg: "This endpoint requires a Bearer token" }, {
      status: 401,
    });
  }
  const claims = await keys.readUserToken(token);
  if (claims === null) {
    return Response.json(
      { code: 403, error_code: "bad_jwt", msg: "invalid JWT: unable to parse or verify signature" },
      {
        status: 403,
      },
    );
  }
  const { sub: id, email = "" } = claims;
  return Response.json({ id, email, aud: "authenticated", role: "authenticated", is_anonymous: false });
}

async function answerFunction(
  request: Request,
  url: URL,
  slug: string,
  caller: Deno.NetAddr,
  { keys, functions }: Upstreams,
): Promise<Response> {
  const config = functions?.config(slug);
  if (!functions || !config) {
    return Response.json({ code: "NOT_FOUND", message: "Requested function was not found" }, { status: 404 });
  }
  const presented = request.headers.get("apikey") ?? bearer(request) ?? "";
  const refusal = refuseSecretInBrowser(request, keys.roleOf(presented));
  if (refusal) return refusal;
  if (config.verify_jwt && request.method !== "OPTIONS") {
    if (!presented) {
      return Response.json({ code: "UNAUTHORIZED_NO_AUTH_HEADER", message: "Missing authorization header" }, {
        status: 401,
      });
    }
    const token = bearer(request);
    const accepted = keys.roleOf(presented) !== null || (token !== null && await keys.readUserToken(token) !== null);
    if (!accepted) {
      return Response.json({ code: "UNAUTHORIZED_INVALID_JWT_FORMAT", message: "Invalid JWT" }, { status: 401 });
    }
  }
  const headers = forwardedHeaders(request.headers);
  const forwarded = request.headers.get("x-forwarded-for");
  // What a caller says of itself stands first; whom the connection really comes from stands in a header of its own.
  headers.set("x-forwarded-for", forwarded ? `${forwarded}, ${caller.hostname}` : caller.hostname);
  headers.set("cf-connecting-ip", caller.hostname);
  headers.set("x-forwarded-host", url.host);
  headers.set("x-forwarded-proto", "http");
  const response = await functions.fetch(
    slug,
    url.pathname.slice("/functions/v1".length) + url.search,
    request,
    headers,
  );
  const answered = new Response(response.body, response);
  answered.headers.set("x-sb-edge-region", "local");
  return answered;
}

/** A secret key in a browser has leaked already; the platform refuses it by the look of the User-Agent. */
function refuseSecretInBrowser(request: Request, role: string | null): Response | null {
  if (role === null || role === "anon" || !/^Mozilla\//i.test(request.headers.get("user-agent") ?? "")) return null;
  return Response.json({
    message: "Forbidden use of secret API key in browser",
    hint: "Secret API keys can only be used in a protected environment and should never be used in a browser.",
  }, { status: 401 });
}

function bearer(request: Request): string | null {
  return /^Bearer\s+(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}

/** Headers of one hop stay behind; a compressed answer would be unpacked on the way and no longer fit its headers. */
function forwardedHeaders(given: Headers): Headers {
  const headers = new Headers(given);
  for (
    const name of ["host", "connection", "keep-alive", "transfer-encoding", "upgrade", "te", "content-length", "expect"]
  ) {
    headers.delete(name);
  }
  headers.set("accept-encoding", "identity");
  return headers;
}

function withCors(request: Request, response: Response): Response {
  if (!request.headers.has("origin")) return response;
  const answered = new Response(response.body, response);
  answered.headers.set("access-control-allow-origin", "*");
  return answered;
}

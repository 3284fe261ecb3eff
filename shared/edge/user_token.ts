/**
 * The user of a bearer token. A bad token costs the user id and nothing else.
 *
 * @module
 */

/** The project's signing keys, when the platform hands them over; otherwise the library fetches them. */
function decodeJwks(text: string | undefined): { jwks: { keys: { kty: string }[] } } | Record<never, never> {
  if (text === undefined || text.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(text);
    const keys: unknown = Array.isArray(parsed) ? parsed : Object(parsed).keys;
    return { jwks: { keys: Array.isArray(keys) ? keys : [] } };
  } catch {
    return { jwks: { keys: [] } };
  }
}

/** Finds the user of a request's bearer token; null without a valid one. */
export type FindUser = (request: Request) => Promise<string | null>;

/** Makes the finder of one isolate. `url`: the project's. */
export function createUserFinder(url: string, get: (name: string) => string | undefined): FindUser {
  return async (request) => {
    if (!request.headers.get("authorization")?.startsWith("Bearer ")) return null;
    // Loaded by the first token that comes along: most events have none.
    const { verifyAuth } = await import("@supabase/server/core");
    try {
      const env = { url, publishableKeys: {}, secretKeys: {}, ...decodeJwks(get("SUPABASE_JWKS")) };
      const { data } = await verifyAuth(request, { auth: "user", env });
      return data?.userClaims?.id ?? null;
    } catch {
      // Keys that cannot be fetched are no reason to lose an event: it goes on without its user.
      return null;
    }
  };
}

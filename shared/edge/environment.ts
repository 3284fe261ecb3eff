/**
 * The one reader of environment variables.
 *
 * @module
 */

/** Reads a variable; undefined when it is unset, or when this process may not read it. */
export function readEnvironment(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

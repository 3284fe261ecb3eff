/**
 * The project that a function runs in: its database, and what the database knows of who may ask for work.
 *
 * @module
 */

import { createClient } from "@supabase/supabase-js";
import { z } from "zod";
import { createDatabase, type Database } from "./rpc.ts";

/** How a function reaches its project. */
export interface ProjectAccess {
  /** `SUPABASE_URL`. */
  url: string;
  /** A secret key of the project, which acts as `service_role`. */
  secret_key: string;
  /** Carries the requests. */
  fetch: typeof fetch;
}

const IdentitySchema = z.object({
  key_sha256: z.string().regex(/^[0-9a-f]{64}$/).nullable(),
  copy_of: z.string().nullable(),
});

/**
 * What the database says of its project. `key_sha256`: SHA-256 of the key of the schedule, hex; null where Vault has
 * none. `copy_of`: ref of the hosted project that Vault names, when the function runs in another one.
 */
export type ProjectIdentity = z.infer<typeof IdentitySchema>;

/** A project, as one isolate keeps it. */
export interface Project {
  /** The one way to Postgres. */
  database: Database;
  /**
   * Asks the database for its project's identity.
   *
   * @throws {DatabaseError} As every call.
   */
  identify(): Promise<ProjectIdentity>;
}

/** Connects to a project; nothing is sent before the first call. One client serves all requests of an isolate. */
export function connectProject({ url, secret_key, fetch }: ProjectAccess): Project {
  const client = createClient(url, secret_key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch },
  });
  const database = createDatabase(client);
  return {
    database,
    identify: async () => IdentitySchema.parse(await database.call("fb_identify_project", { project_url: url })),
  };
}

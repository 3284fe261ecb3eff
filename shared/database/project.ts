/**
 * The project that a function runs in: its database, and what the database knows of who may ask for work.
 *
 * @module
 */

import { z } from "zod";
import { createDatabase, type Database, type ProjectAccess } from "./rpc.ts";

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

/** Connects to a project; nothing is sent before the first call. */
export function connectProject(access: ProjectAccess): Project {
  const database = createDatabase(access);
  return {
    database,
    identify: async () => IdentitySchema.parse(await database.call("fb_identify_project", { project_url: access.url })),
  };
}

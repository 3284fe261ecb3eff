/**
 * What a command fails with. The class decides the exit code, and the message is all that the user sees.
 *
 * @module
 */

/** The arguments or the environment make no sense: exit code 2. */
export class UsageError extends Error {
  /** The class's name. */
  override name = "UsageError";
}

/** Something that the user can act on went wrong: exit code 1. */
export class CommandError extends Error {
  /** The class's name. */
  override name = "CommandError";
}

/** The user ended the command: exit code 130, as after a signal. */
export class InterruptedError extends Error {
  /** The class's name. */
  override name = "InterruptedError";
}

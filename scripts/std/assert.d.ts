// Types of the parts of @std/assert that tests use, after its own declarations.

// deno-lint-ignore no-explicit-any
type Constructor<T> = abstract new (...args: any[]) => T;

export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions);
}
export function assert(expression: unknown, message?: string): asserts expression;
export function assertFalse(expression: unknown, message?: string): asserts expression is false;
export function assertEquals<T>(actual: T, expected: T, message?: string): void;
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
export function assertNotStrictEquals<T>(actual: T, expected: T, message?: string): void;
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, message?: string): void;
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T>;
export function assertInstanceOf<T>(actual: unknown, expected: Constructor<T>, message?: string): asserts actual is T;
export function assertGreater<T>(actual: T, expected: T, message?: string): void;
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void;
export function assertLess<T>(actual: T, expected: T, message?: string): void;
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void;
export function assertMatch(actual: string, expected: RegExp, message?: string): void;
export function assertNotMatch(actual: string, expected: RegExp, message?: string): void;
export function assertStringIncludes(actual: string, expected: string, message?: string): void;
export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, message?: string): void;
export function assertObjectMatch(actual: object, expected: object, message?: string): void;
export function assertThrows(work: () => unknown, message?: string): unknown;
export function assertThrows<E extends Error = Error>(
  work: () => unknown,
  errorClass: Constructor<E>,
  messageIncludes?: string,
  message?: string,
): E;
export function assertRejects(work: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  work: () => PromiseLike<unknown>,
  errorClass: Constructor<E>,
  messageIncludes?: string,
  message?: string,
): Promise<E>;
export function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: Constructor<E>,
  messageMatches?: string | RegExp,
  message?: string,
): asserts error is E;
export function equal(actual: unknown, expected: unknown): boolean;
export function fail(message?: string): never;
export function unreachable(reason?: string): never;

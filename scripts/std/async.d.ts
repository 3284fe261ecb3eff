// Types of the parts of @std/async that tests and scripts use, after its own declarations.

export interface DelayOptions {
  signal?: AbortSignal;
  persistent?: boolean;
}
export function delay(milliseconds: number, options?: DelayOptions): Promise<void>;
export function deadline<T>(promise: Promise<T>, milliseconds: number, options?: { signal?: AbortSignal }): Promise<T>;
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T>;
export interface RetryOptions {
  multiplier?: number;
  maxTimeout?: number;
  maxAttempts?: number;
  minTimeout?: number;
  jitter?: number;
}
export function retry<T>(work: () => Promise<T> | T, options?: RetryOptions): Promise<T>;
export function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R>;

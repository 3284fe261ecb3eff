/**
 * The few parts of a web page that the client uses, so that it type-checks with and without the DOM library. Each of
 * them may throw: browsers throw where storage is switched off, and on a server they are missing.
 *
 * @module
 */

/** A web page: `globalThis` of a browser. */
export interface Page {
  /** For the cookies and the page before. */
  readonly document: { cookie: string; readonly referrer: string };
  /** The page's address. */
  readonly location: { readonly href: string; readonly hostname: string; readonly origin: string };
  /** `onLine` false is certain, true is hope. */
  readonly navigator: { readonly onLine: boolean };
}

/** The page that this script runs in. */
export const { document, location, navigator }: Page = decodePage(globalThis);

function decodePage(scope: unknown): Page {
  return scope as Page;
}

/**
 * Does something that a browser may refuse; undefined when it does. A page must not break because it is not counted.
 */
export const attempt = <Result>(work: () => Result): Result | undefined => {
  try {
    return work();
  } catch {
    return undefined;
  }
};

/** Under short names, for each use of the long ones would be in the built client. */
export const { parse, stringify } = JSON;

/** Random digits, at most ten a word, also on pages without https, where `crypto.randomUUID` is missing. */
export const randomDigits = (words: number): string => crypto.getRandomValues(new Uint32Array(words)).join("");

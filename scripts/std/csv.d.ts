// Types of the parts of @std/csv that are used here, after its own declarations.

export function parse(text: string, options: { skipFirstRow: true }): Record<string, string>[];
export function stringify(
  rows: readonly (readonly unknown[])[],
  options: { headers: false; crlf: boolean; bom: boolean },
): string;

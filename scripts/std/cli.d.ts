// Types of the parts of @std/cli that are used here, after its own declarations.

export function unicodeWidth(text: string): number;

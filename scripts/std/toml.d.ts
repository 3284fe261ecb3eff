// Types of the parts of @std/toml that the platform uses, after its own declarations.

export function parse(text: string): Record<string, unknown>;

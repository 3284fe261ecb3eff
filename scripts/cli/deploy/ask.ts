/**
 * Asks for a secret on the terminal without showing it.
 *
 * @module
 */

/** What a typed character does. */
type Key = "end" | "abort" | "erase" | "type";

function keyOf(byte: number): Key {
  if (byte === 10 || byte === 13 || byte === 4) return "end";
  if (byte === 3) return "abort";
  return byte === 8 || byte === 127 ? "erase" : "type";
}

/** Collects typed bytes until a line ends. Returns null while it has not; throws at Ctrl-C. */
export class HiddenLine {
  #bytes: number[] = [];

  /** Takes what was typed; returns the line once it is complete. */
  take(typed: Uint8Array): string | null {
    for (const byte of typed) {
      const key = keyOf(byte);
      if (key === "abort") throw new Deno.errors.Interrupted("Interrupted.");
      if (key === "end") return new TextDecoder().decode(Uint8Array.from(this.#bytes)).trim();
      if (key === "erase") this.#bytes.pop();
      else this.#bytes.push(byte);
    }
    return null;
  }
}

/** Whether somebody can be asked. */
export function canAsk(): boolean {
  return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/** Asks; an empty answer is an empty text. */
export async function askHidden(question: string): Promise<string> {
  const say = (text: string) => Deno.stderr.write(new TextEncoder().encode(text));
  await say(`${question}: `);
  const line = new HiddenLine();
  const buffer = new Uint8Array(4096);
  Deno.stdin.setRaw(true);
  try {
    for (;;) {
      const count = await Deno.stdin.read(buffer);
      const answer = line.take(count === null ? Uint8Array.of(4) : buffer.subarray(0, count));
      if (answer !== null) return answer;
    }
  } finally {
    Deno.stdin.setRaw(false);
    await say("\n");
  }
}

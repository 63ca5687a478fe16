/**
 * The owner of key bytes: it lends them, wipes them and never prints them.
 *
 * Wiping is best effort under a garbage collector (THREAT_MODEL, "Memory"): it clears this buffer, not copies that an
 * engine or a native library may have made.
 */
const inspect = Symbol.for("nodejs.util.inspect.custom");

export class Secret {
  #bytes: Uint8Array | null;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes ownership of `bytes`: the caller keeps no reference. */
  static take(bytes: Uint8Array): Secret {
    return new Secret(bytes);
  }

  /** Copies `bytes`; the caller still owns, and wipes, its own. */
  static copy(bytes: Uint8Array): Secret {
    return new Secret(new Uint8Array(bytes)); // `slice` of a Node Buffer would not copy
  }

  /** The bytes of `parts` one after the other, in a new secret; `parts` are left alone. */
  static concat(...parts: readonly Secret[]): Secret {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      part.use((bytes) => out.set(bytes, at));
      at += part.length;
    }
    return new Secret(out);
  }

  /** Length in bytes; 0 once wiped. */
  get length(): number {
    return this.#bytes?.length ?? 0;
  }

  get wiped(): boolean {
    return this.#bytes === null;
  }

  /** Lends the bytes to `fn`, which must not keep them. Throws a plain `Error` once wiped: that is a bug. */
  use<T>(fn: (bytes: Uint8Array) => T): T {
    if (this.#bytes === null) throw new Error("secret used after it was wiped");
    return fn(this.#bytes);
  }

  /** A copy of bytes `[start, end)` as a secret of its own. */
  slice(start: number, end: number): Secret {
    return this.use((bytes) => new Secret(new Uint8Array(bytes.subarray(start, end))));
  }

  /** Zeroes the bytes. Wiping twice is harmless. */
  [Symbol.dispose](): void {
    this.#bytes?.fill(0);
    this.#bytes = null;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect](): string {
    return "[secret]";
  }
}

/** Wipes every secret of `secrets`. */
export function wipe(...secrets: readonly (Disposable | null | undefined)[]): void {
  for (const secret of secrets) secret?.[Symbol.dispose]();
}

/**
 * Codecs that compose: a message is declared once, and its type, encoder, decoder and limits follow (PROTOCOL §5).
 *
 * Integers are big-endian. Every field is bounded and the bound is checked before anything is allocated; every value
 * has exactly one encoding; `decode` copies and never aliases the buffer it reads.
 */
import { decodeUtf8, utf8 } from "../bytes.ts";
import { CodedError } from "../errors.ts";
import { Secret, wipe } from "../secret.ts";

export interface Codec<T> {
  /** The longest encoding, in bytes. */
  readonly maxBytes: number;
  /** Appends `value`; throws a plain `Error` for a value outside the bounds: that is a bug of the caller. */
  encode(value: T, writer: Writer): void;
  /** @throws wire.malformed */
  decode(reader: Reader): T;
}

/** What a codec decodes to. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/**
 * Collects an encoding in a buffer of 256 bytes, or of `maxBytes` when that is less, which is replaced by a larger one
 * when it is full; what is left behind is wiped.
 */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(maxBytes: number) {
    this.#bytes = new Uint8Array(Math.min(maxBytes, 256));
  }

  /** The next `length` bytes, to be filled in by the caller at once. */
  reserve(length: number): Uint8Array {
    const end = this.#length + length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes.fill(0);
      this.#bytes = larger;
    }
    const part = this.#bytes.subarray(this.#length, end);
    this.#length = end;
    return part;
  }

  integer(value: number, width: number): void {
    const part = this.reserve(width);
    let rest = value;
    for (let i = width - 1; i >= 0; i -= 1) {
      part[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  /** The encoding; the writer is empty afterwards and no copy of what it held remains in it. */
  finish(): Uint8Array {
    const out = this.#bytes.slice(0, this.#length);
    this.#bytes.fill(0);
    this.#length = 0;
    return out;
  }
}

/** Reads `bytes` from the front. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #secrets: Secret[] = [];
  #at = 0;

  constructor(bytes: Uint8Array) {
    // A plain view: `slice` of a Node Buffer would not copy.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** A view of the next `length` bytes: copy it before keeping it. @throws wire.malformed when there are fewer */
  take(length: number): Uint8Array {
    if (length > this.remaining) throw new CodedError("wire.malformed", "ends too early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  integer(width: number): number {
    let value = 0;
    for (const byte of this.take(width)) value = value * 256 + byte;
    return value;
  }

  /** The next `length` bytes as a secret: the receiver's, unless the whole is refused. */
  secret(length: number): Secret {
    const secret = Secret.copy(this.take(length));
    this.#secrets.push(secret);
    return secret;
  }

  /** Wipes the secrets that were read: nobody will receive them. */
  refuse(): void {
    wipe(...this.#secrets);
  }
}

/** The encoding of `value`. Throws a plain `Error` for a value outside the bounds. */
export function encodeAll<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer(codec.maxBytes);
  codec.encode(value, writer);
  return writer.finish();
}

/** Decodes the whole of `bytes`. @throws wire.malformed also for what is left over */
export function decodeAll<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  try {
    const value = codec.decode(reader);
    if (reader.remaining > 0) throw new CodedError("wire.malformed", "bytes left over");
    return value;
  } catch (error) {
    reader.refuse();
    throw error;
  }
}

function bounded(holds: boolean, what: string): void {
  if (!holds) throw new Error(`encode: ${what} out of bounds`);
}

/** An unsigned integer of `width` bytes, from `min` to `max`. Width 8 holds at most 2^53 - 1. */
export function uint(
  width: 1 | 2 | 4 | 8,
  max = Math.min(256 ** width - 1, Number.MAX_SAFE_INTEGER),
  min = 0,
): Codec<number> {
  return {
    maxBytes: width,
    encode(value, writer) {
      bounded(Number.isSafeInteger(value) && value >= min && value <= max, "integer");
      writer.integer(value, width);
    },
    decode(reader) {
      const value = reader.integer(width);
      if (value > max || value < min) throw new CodedError("wire.malformed", "integer out of range");
      return value;
    },
  };
}

/** Milliseconds since 1970, 8 bytes. */
export const time = uint(8);

/** One byte that must be `value`, such as the version of a structure. */
export function constant<const N extends number>(value: N): Codec<N> {
  return {
    maxBytes: 1,
    encode: (_, writer) => writer.integer(value, 1),
    decode(reader) {
      if (reader.integer(1) !== value) throw new CodedError("wire.malformed", "another constant");
      return value;
    },
  };
}

/** Exactly `length` bytes. */
export function fixed(length: number): Codec<Uint8Array> {
  return {
    maxBytes: length,
    encode(value, writer) {
      bounded(value.length === length, "fixed field");
      writer.reserve(length).set(value);
    },
    decode: (reader) => reader.take(length).slice(),
  };
}

/** Exactly `length` bytes of key: decoded into a `Secret` that the receiver owns. */
export function secret(length: number): Codec<Secret> {
  return {
    maxBytes: length,
    encode(value, writer) {
      bounded(value.length === length, "secret");
      value.use((bytes) => writer.reserve(length).set(bytes));
    },
    decode: (reader) => reader.secret(length),
  };
}

/** `length` random bytes that the program holds as hexadecimal. */
export function id<T extends string>(length: number): Codec<T> {
  return {
    maxBytes: length,
    encode(value, writer) {
      bounded(value.length === 2 * length, "id");
      writer.reserve(length).set(Uint8Array.fromHex(value));
    },
    decode: (reader) => reader.take(length).toHex() as T,
  };
}

/** At most `maxLength` bytes behind a 2-byte length. */
export function bytes(maxLength: number): Codec<Uint8Array> {
  return {
    maxBytes: 2 + maxLength,
    encode(value, writer) {
      bounded(value.length <= maxLength, "bytes");
      writer.integer(value.length, 2);
      writer.reserve(value.length).set(value);
    },
    decode(reader) {
      const length = reader.integer(2);
      if (length > maxLength) throw new CodedError("wire.malformed", "field too long");
      return reader.take(length).slice();
    },
  };
}

/** At most `maxLength` bytes of UTF-8 behind a 2-byte length. A lone surrogate travels as U+FFFD. */
export function text(maxLength: number): Codec<string> {
  const body = bytes(maxLength);
  return {
    maxBytes: body.maxBytes,
    encode: (value, writer) => body.encode(utf8(value), writer),
    decode(reader) {
      const value = decodeUtf8(body.decode(reader));
      if (value === null) throw new CodedError("wire.malformed", "not UTF-8");
      return value;
    },
  };
}

/** Text that `parse` accepts and gives back unchanged, such as a name. */
export function checked<T extends string>(base: Codec<string>, parse: (value: string) => T): Codec<T> {
  return {
    maxBytes: base.maxBytes,
    encode: (value, writer) => base.encode(value, writer),
    decode(reader) {
      const value = base.decode(reader);
      let parsed: T;
      try {
        parsed = parse(value);
      } catch (cause) {
        throw new CodedError("wire.malformed", "not canonical", { cause });
      }
      if (parsed !== value) throw new CodedError("wire.malformed", "not canonical");
      return parsed;
    },
  };
}

/** At most `maxItems` items behind a count of `width` bytes. */
export function list<T>(item: Codec<T>, maxItems: number, width: 1 | 2 = 1): Codec<readonly T[]> {
  const count = uint(width, maxItems);
  return {
    maxBytes: width + maxItems * item.maxBytes,
    encode(value, writer) {
      count.encode(value.length, writer);
      for (const entry of value) item.encode(entry, writer);
    },
    decode(reader) {
      const out: T[] = [];
      for (let left = count.decode(reader); left > 0; left -= 1) out.push(item.decode(reader));
      return out;
    },
  };
}

/** A value or none: one byte 0 or 1, then the value. */
export function optional<T>(value: Codec<T>): Codec<T | null> {
  const present = uint(1, 1);
  return {
    maxBytes: 1 + value.maxBytes,
    encode(found, writer) {
      present.encode(found === null ? 0 : 1, writer);
      if (found !== null) value.encode(found, writer);
    },
    decode: (reader) => (present.decode(reader) === 0 ? null : value.decode(reader)),
  };
}

type Fields = Readonly<Record<string, Codec<unknown>>>;
type Struct<F extends Fields> = { readonly [K in keyof F]: Infer<F[K]> };

/** The fields one after the other, in the order of their declaration. */
export function struct<F extends Fields>(fields: F): Codec<Struct<F>> {
  const entries = Object.entries(fields) as unknown as readonly (readonly [string, Codec<unknown>])[];
  return {
    maxBytes: entries.reduce((sum, [, codec]) => sum + codec.maxBytes, 0),
    encode(value, writer) {
      for (const [name, codec] of entries) codec.encode((value as Record<string, unknown>)[name], writer);
    },
    decode(reader) {
      const out: Record<string, unknown> = {};
      for (const [name, codec] of entries) out[name] = codec.decode(reader);
      return out as Struct<F>;
    },
  };
}

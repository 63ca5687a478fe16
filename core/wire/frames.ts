/** Frames: `type (1), length (2), body`, one after the other, are the plaintext of a record (PROTOCOL §5.1). */
import { u16 } from "../bytes.ts";
import { CodedError } from "../errors.ts";
import { RECORD_FRAMES_MAX } from "../limits.ts";
import { Secret, wipe } from "../secret.ts";
import { type Codec, decodeAll, type Infer, Reader, Writer } from "./codec.ts";

/** Type 0 fills a record up: zeros, and nothing after it. */
export const PADDING_TYPE = 0;
/** Type and length. */
export const FRAME_HEADER_BYTES = 3;

/** The messages of one direction by their names. */
type Registry = Readonly<Record<string, { readonly type: number; readonly codec: Codec<unknown> }>>;

/** Any message of a registry; `kind` is its name there. */
export type MessageOf<R extends Registry> = {
  [K in keyof R]: { readonly kind: K } & Infer<R[K]["codec"]>;
}[keyof R];

export interface FrameCodec<M> {
  /** One frame: type, length, body. */
  encode(message: M): Uint8Array;
  /** The frames of a record's plaintext, padding left out. @throws wire.malformed; never empty without padding */
  decode(plaintext: Uint8Array): readonly M[];
}

/** The frames of the messages in `registry`. */
export function frames<R extends Registry>(registry: R): FrameCodec<MessageOf<R>> {
  type M = MessageOf<R>;
  const byType = new Map(Object.entries(registry).map(([kind, { type, codec }]) => [type, { kind, codec }] as const));
  return {
    encode(message) {
      const { type, codec } = registry[message.kind as string] as { type: number; codec: Codec<unknown> };
      const writer = new Writer(FRAME_HEADER_BYTES + codec.maxBytes);
      writer.reserve(FRAME_HEADER_BYTES);
      codec.encode(message, writer);
      const out = writer.finish();
      out[0] = type;
      out.set(u16(out.length - FRAME_HEADER_BYTES), 1);
      return out;
    },
    decode(plaintext) {
      const reader = new Reader(plaintext);
      const out: M[] = [];
      if (reader.remaining === 0) throw new CodedError("wire.malformed", "empty record");
      try {
        while (reader.remaining > 0) {
          const type = reader.integer(1);
          const body = reader.take(reader.integer(2));
          if (type === PADDING_TYPE) {
            expectEnd(reader, body);
            break;
          }
          const entry = byType.get(type);
          if (entry === undefined) throw new CodedError("wire.malformed", "unknown frame type");
          if (out.length === RECORD_FRAMES_MAX) throw new CodedError("wire.malformed", "too many frames in a record");
          out.push({ kind: entry.kind, ...(decodeAll(entry.codec, body) as object) } as M);
        }
      } catch (error) {
        for (const message of out) wipeMessage(message);
        throw error;
      }
      return out;
    },
  };
}

/** Padding is zeros, and the last frame. */
function expectEnd(reader: Reader, padding: Uint8Array): void {
  if (reader.remaining > 0 || padding.some((byte) => byte !== 0)) {
    throw new CodedError("wire.malformed", "padding that is not the zeros at the end");
  }
}

/** Wipes the secrets of a decoded message. */
export function wipeMessage(message: object): void {
  for (const value of Object.values(message)) if (value instanceof Secret) wipe(value);
}

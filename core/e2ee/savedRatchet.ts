/** A ratchet as it is saved. Skipped keys are apart: they change rarely, and may be many. */
import { SKIPPED_MAX } from "../limits.ts";
import { type Codec, fixed, type Infer, list, optional, secret, struct, uint } from "../wire/codec.ts";
import type { Ratchet, SkippedKey } from "./ratchet.ts";

const Chain = struct({ key: secret(32), number: uint(4) });

/** All of a ratchet but its skipped keys. */
export const SavedRatchet = struct({
  rootKey: secret(32),
  ownSecret: secret(32),
  peerKey: optional(fixed(32)),
  sending: optional(Chain),
  receiving: optional(Chain),
  previous: uint(4),
});

export function withSkipped(saved: Infer<typeof SavedRatchet>, skipped: readonly SkippedKey[]): Ratchet {
  return { ...saved, skipped };
}

const Skipped = struct({ ratchetKey: fixed(32), number: uint(4), messageKey: secret(32) });
const SkippedList = list(Skipped, SKIPPED_MAX, 2);

/** Skipped keys, oldest first. */
export const SavedSkipped: Codec<readonly SkippedKey[]> = {
  maxBytes: SkippedList.maxBytes,
  encode: (keys, writer) =>
    SkippedList.encode(
      keys.map((key) => ({ ...key, ratchetKey: Uint8Array.fromHex(key.ratchetKey) })),
      writer,
    ),
  decode: (reader) => SkippedList.decode(reader).map((key) => ({ ...key, ratchetKey: key.ratchetKey.toHex() })),
};

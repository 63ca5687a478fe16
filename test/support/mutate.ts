import { concat } from "../../core/bytes.ts";
import type { Seeded } from "./seeded.ts";

/** Bytes at which something ends or begins: counts, names, UTF-8, frame types. */
const EDGES = [0x00, 0x01, 0x20, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff] as const;

type Mutation = (bytes: Uint8Array, choice: Seeded) => Uint8Array;

/** A position in `bytes`, which are not none: one of the first few, where the types and lengths are, or any. */
function somewhere(bytes: Uint8Array, choice: Seeded): number {
  return choice.integer(choice.once(3) ? Math.min(bytes.length, 6) : bytes.length);
}

/** One byte becomes what `change` makes of it. */
function one(change: (byte: number, choice: Seeded) => number): Mutation {
  return (bytes, choice) => {
    const out = bytes.slice();
    const at = somewhere(bytes, choice);
    out[at] = change(out[at] ?? 0, choice);
    return out;
  };
}

const insert: Mutation = (bytes, choice) => {
  const at = choice.integer(bytes.length + 1);
  const added = new Uint8Array(1 + choice.integer(4)).fill(choice.pick(EDGES));
  return concat(bytes.subarray(0, at), added, bytes.subarray(at));
};

const remove: Mutation = (bytes, choice) => {
  const at = somewhere(bytes, choice);
  return concat(bytes.subarray(0, at), bytes.subarray(at + 1 + choice.integer(4)));
};

const cut: Mutation = (bytes, choice) => bytes.slice(0, choice.integer(bytes.length + 1));

const repeat: Mutation = (bytes, choice) => {
  const from = choice.integer(bytes.length);
  const to = from + choice.integer(bytes.length - from + 1);
  return concat(bytes.subarray(0, to), bytes.subarray(from));
};

const MUTATIONS: readonly Mutation[] = [
  one((byte, choice) => byte ^ (1 << choice.integer(8))),
  one((byte, choice) => byte + (choice.once(2) ? 1 : -1)),
  one((_, choice) => choice.integer(256)),
  one((_, choice) => choice.pick(EDGES)),
  ...[insert, remove, cut, repeat],
];

/** `bytes` after one to four random changes; each of `others` may lend it an end. `bytes` itself stays as it is. */
export function mutate(choice: Seeded, bytes: Uint8Array, others: readonly Uint8Array[] = []): Uint8Array {
  let out = bytes;
  for (let left = 1 + choice.integer(4); left > 0; left -= 1) {
    if (others.length > 0 && choice.once(10)) {
      const other = choice.pick(others);
      out = concat(out.subarray(0, choice.integer(out.length + 1)), other.subarray(choice.integer(other.length + 1)));
    } else {
      const change = out.length === 0 ? insert : choice.pick(MUTATIONS);
      out = change(out, choice);
    }
  }
  return out;
}

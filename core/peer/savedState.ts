/**
 * A device's state between two runs of its client (PROTOCOL §7.5): a header in clear, and entries by name, each sealed under
 * the state key. What is changed is collected and handed out sealed, to be on disk before anything that follows from it
 * leaves.
 */
import { entryName, openEntry, sealEntry } from "../e2ee/state.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import type { DeviceId } from "../ids.ts";
import type { UserName } from "../name.ts";
import { type Secret, wipe } from "../secret.ts";
import { type Codec, decodeAll, encodeAll } from "../wire/codec.ts";
import type { ClientMessage } from "../wire/messages.ts";
import type { Notice } from "./notices.ts";

export interface StateHeader {
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  readonly user: UserName;
  readonly device: DeviceId;
  /** Of the account that the state key is wrapped under: 32 bytes. */
  readonly identityKey: Uint8Array;
  /** The state key, wrapped under the account key. */
  readonly stateWrap: Uint8Array;
}

/** What was saved: entries by their sealed names, 32 hexadecimal characters that tell nothing. */
export interface StoredState {
  readonly header: StateHeader;
  readonly entries: ReadonlyMap<string, Uint8Array>;
}

/** Entries to save, sealed; null deletes one. */
export type StateWrites = ReadonlyMap<string, Uint8Array | null>;

/** Entries in clear, by their plain names; whoever has them wipes them. */
export type LoadedState = ReadonlyMap<string, Uint8Array>;

/** What a step of a client's machine leads to: to be saved first, told then, and sent last. */
export interface Output {
  /** For a new state. */
  header: StateHeader | null;
  writes: StateWrites;
  readonly frames: ClientMessage[];
  readonly notices: Notice[];
}

export function outputOf(): Output {
  return { header: null, writes: new Map(), frames: [], notices: [] };
}

export class SavedState implements Disposable {
  readonly #env: Env;
  readonly #key: Secret;
  #writes = new Map<string, Uint8Array | null>();

  /** @param key 32 bytes, taken over */
  constructor(env: Env, key: Secret) {
    this.#env = env;
    this.#key = key;
  }

  /** Opens what was saved. @throws state.damaged when an entry does not open: none is taken for another */
  load(sealed: ReadonlyMap<string, Uint8Array>): LoadedState {
    const entries = new Map<string, Uint8Array>();
    try {
      for (const [hidden, bytes] of sealed) {
        const { name, bytes: value } = openEntry(this.#env.crypto, this.#key, hidden, bytes);
        entries.set(name, value);
      }
      return entries;
    } catch (error) {
      wipeLoaded(entries);
      throw error;
    }
  }

  put<T>(name: string, codec: Codec<T>, value: T): void {
    const bytes = encodeAll(codec, value);
    const { crypto } = this.#env;
    this.#writes.set(entryName(crypto, this.#key, name), sealEntry(this.#env, this.#key, name, bytes));
    bytes.fill(0);
  }

  delete(name: string): void {
    this.#writes.set(entryName(this.#env.crypto, this.#key, name), null);
  }

  /** What has changed since the last time. */
  takeWrites(): StateWrites {
    const writes = this.#writes;
    this.#writes = new Map();
    return writes;
  }

  [Symbol.dispose](): void {
    wipe(this.#key);
  }
}

export function wipeLoaded(entries: LoadedState): void {
  for (const bytes of entries.values()) bytes.fill(0);
}

/** An entry that opens and is not what it should be was written by another version. @throws state.damaged */
export function decodeEntry<T>(codec: Codec<T>, bytes: Uint8Array): T {
  try {
    return decodeAll(codec, bytes);
  } catch (cause) {
    throw new CodedError("state.damaged", "an entry of the state cannot be read", { cause });
  }
}

/**
 * The record layer: what travels once the channel stands (PROTOCOL §4.3).
 *
 * A record is one WebSocket message: AES-256-GCM over one or more frames, under a counter that both sides keep, so a
 * record that is altered, repeated, left out or out of order does not open and the channel ends. Each direction has a
 * key of its own, so a side's own records do not open for it either. Keys are replaced after `REKEY_RECORDS` records or
 * `REKEY_BYTES` of plaintext (Noise §11.3), and once when the login is done (`switchKeys`).
 *
 * A class, because a counter that could be written down twice would be used twice.
 */
import { EMPTY } from "../bytes.ts";
import { hkdf } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import { KEY_BYTES, TAG_BYTES } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";
import { LOGIN_RECORD_BYTES, RECORD_MAX_BYTES, REKEY_BYTES, REKEY_RECORDS } from "../limits.ts";
import { type CipherState, decryptWithAd, encryptWithAd, newCipherState, rekey } from "../noise/cipherState.ts";
import type { Role } from "../noise/patterns.ts";
import type { NoiseSuite } from "../noise/suite.ts";
import { Secret, wipe } from "../secret.ts";
import { packRecords, padRecord } from "../wire/records.ts";

/** The longest plaintext of a record. */
export const RECORD_PLAINTEXT_MAX_BYTES = RECORD_MAX_BYTES - TAG_BYTES;

/** One direction of a channel. */
class Direction {
  readonly #suite: NoiseSuite;
  #cipher: CipherState;
  /** Records and plaintext bytes under the present key. */
  #records = 0;
  #bytes = 0;

  constructor(suite: NoiseSuite, cipher: CipherState) {
    this.#suite = suite;
    this.#cipher = cipher;
  }

  get key(): Secret {
    return this.#cipher.key;
  }

  seal(plaintext: Uint8Array): Uint8Array {
    const { next, ciphertext } = encryptWithAd(this.#suite, this.#cipher, EMPTY, plaintext);
    this.#commit(next, plaintext.length);
    return ciphertext;
  }

  open(record: Uint8Array): Uint8Array {
    const { next, plaintext } = decryptWithAd(this.#suite, this.#cipher, EMPTY, record);
    this.#commit(next, plaintext.length);
    return plaintext;
  }

  replace(cipher: CipherState): void {
    wipe(this.#cipher.key);
    this.#cipher = cipher;
    this.#records = 0;
    this.#bytes = 0;
  }

  #commit(next: CipherState, bytes: number): void {
    this.#cipher = next;
    this.#records += 1;
    this.#bytes += bytes;
    if (this.#records < REKEY_RECORDS && this.#bytes < REKEY_BYTES) return;
    const fresh = rekey(this.#suite, next);
    this.#cipher = fresh.next;
    wipe(...fresh.spent);
    this.#records = 0;
    this.#bytes = 0;
  }
}

/** What a finished handshake leaves to the channel, which takes the keys over. */
export interface ChannelKeys {
  readonly handshakeHash: Uint8Array;
  readonly initiatorToResponder: CipherState;
  readonly responderToInitiator: CipherState;
}

export class Channel implements Disposable {
  /** `h`, 32 bytes: names this channel; the login is bound to it. */
  readonly handshakeHash: Uint8Array;
  readonly #suite: NoiseSuite;
  readonly #role: Role;
  readonly #sending: Direction;
  readonly #receiving: Direction;

  constructor(suite: NoiseSuite, role: Role, keys: ChannelKeys) {
    this.handshakeHash = keys.handshakeHash;
    this.#suite = suite;
    this.#role = role;
    const toResponder = new Direction(suite, keys.initiatorToResponder);
    const toInitiator = new Direction(suite, keys.responderToInitiator);
    this.#sending = role === "initiator" ? toResponder : toInitiator;
    this.#receiving = role === "initiator" ? toInitiator : toResponder;
  }

  /** Seals the frames of one record, which are wiped. @throws channel.exhausted */
  seal(frames: Uint8Array): Uint8Array {
    try {
      if (frames.length > RECORD_PLAINTEXT_MAX_BYTES) throw new Error("channel: record too long");
      return this.#sending.seal(frames);
    } finally {
      frames.fill(0);
    }
  }

  /** Seals one frame of the login, or a goodbye: a record of `LOGIN_RECORD_BYTES`, whatever it holds. */
  sealPadded(frame: Uint8Array): Uint8Array {
    return this.seal(padRecord(frame, LOGIN_RECORD_BYTES - TAG_BYTES));
  }

  /** Seals frames, in order, in as few records as hold them. */
  sealPacked(frames: readonly Uint8Array[]): readonly Uint8Array[] {
    return packRecords(frames).map((plaintext) => this.seal(plaintext));
  }

  /**
   * Opens a record: its frames, which the caller wipes when they held a key.
   * @throws wire.tooLong above 65,535 bytes; channel.exhausted; channel.record when it does not open. The channel is
   * over then, as the counters have parted
   */
  open(record: Uint8Array): Uint8Array {
    if (record.length > RECORD_MAX_BYTES) throw new CodedError("wire.tooLong", "record");
    try {
      return this.#receiving.open(record);
    } catch (cause) {
      if (!(cause instanceof CodedError) || cause.code !== "crypto.open") throw cause;
      throw new CodedError("channel.record", "a record does not open", { cause });
    }
  }

  /**
   * Mixes the session key (64 bytes, borrowed) into the keys of both directions, whose counters start again
   * (PROTOCOL §6.3): HKDF-SHA512(salt = h, ikm = k_cs || k_sc || session key, info = "IMS/1 session").
   */
  switchKeys(sessionKey: Secret): void {
    const initiator = this.#role === "initiator";
    const toServer = initiator ? this.#sending : this.#receiving;
    const toClient = initiator ? this.#receiving : this.#sending;
    using ikm = Secret.concat(toServer.key, toClient.key, sessionKey);
    const { crypto } = this.#suite;
    using keys = hkdf(crypto, "sha512", {
      salt: this.handshakeHash,
      ikm,
      info: LABELS.session,
      length: 2 * KEY_BYTES,
    });
    toServer.replace(newCipherState(keys.slice(0, KEY_BYTES)));
    toClient.replace(newCipherState(keys.slice(KEY_BYTES, 2 * KEY_BYTES)));
  }

  [Symbol.dispose](): void {
    wipe(this.#sending.key, this.#receiving.key);
  }
}

import { concat } from "../../core/bytes.ts";
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import { MESSAGE_ID_BYTES } from "../../core/limits.ts";
import { quickCrypto } from "./fixedEnv.ts";

/** Watches what passes through cryptography and over the wire in a simulation. */
export class Tap {
  /** While true, what is opened is what the server reads. */
  atServer = false;
  /** X25519 handles that have not been disposed. */
  readonly handles = new Set<object>();
  readonly #sealed = new Set<string>();
  readonly #messageKeys = new Set<string>();
  /** Message keys that something was sealed under which may never leave its device: whoever dies before has used none. */
  #sealedUnder: string[] = [];
  /** The message key that a key is being derived from (PROTOCOL §9.2), as a digest. */
  #messageKey: string | null = null;
  readonly #secretTexts: readonly string[];
  readonly #names: readonly string[];

  readonly crypto: CryptoProvider;

  constructor(
    watched: { readonly secretTexts: readonly string[]; readonly names: readonly string[] },
    base: CryptoProvider = quickCrypto,
  ) {
    this.#secretTexts = watched.secretTexts;
    this.#names = watched.names;
    this.crypto = this.#watching(base);
  }

  #watching(base: CryptoProvider): CryptoProvider {
    return {
      ...base,
      seal: (key, nonce, associatedData, plaintext) => {
        const pair = key.use((bytes) => quickCrypto.sha256(concat(bytes, nonce))).toHex();
        if (this.#sealed.has(pair)) throw new Error("a nonce was used twice under one key");
        this.#sealed.add(pair);
        const messageKey = this.#takeMessageKey();
        if (messageKey !== null) this.#sealedUnder.push(messageKey);
        return base.seal(key, nonce, associatedData, plaintext);
      },
      open: (key, nonce, associatedData, sealed) => {
        this.#takeMessageKey();
        const plaintext = base.open(key, nonce, associatedData, sealed);
        if (this.atServer) this.#expectWithout(plaintext, this.#secretTexts, "the server can read");
        return plaintext;
      },
      hmacSha256: (key, ...parts) => {
        const [ikm] = parts;
        if (key.length === MESSAGE_ID_BYTES && ikm !== undefined) this.#messageKey = quickCrypto.sha256(ikm).toHex();
        return base.hmacSha256(key, ...parts);
      },
      dhKey: (secretKey) => {
        const key = base.dhKey(secretKey);
        const dispose = key[Symbol.dispose].bind(key);
        this.handles.add(key);
        const forget = (): void => {
          this.handles.delete(key);
          dispose();
        };
        return Object.defineProperty(key, Symbol.dispose, { value: forget });
      },
    };
  }

  /** Only messages are sealed under a key whose salt is as short as a message id. */
  #takeMessageKey(): string | null {
    const messageKey = this.#messageKey;
    this.#messageKey = null;
    return messageKey;
  }

  /** Message keys that something was sealed under since the last time. */
  takeSealedUnder(): string[] {
    const keys = this.#sealedUnder;
    this.#sealedUnder = [];
    return keys;
  }

  /** What was sealed under these is saved, or sent. */
  use(messageKeys: readonly string[]): void {
    for (const messageKey of messageKeys) {
      if (this.#messageKeys.has(messageKey)) throw new Error("a message key was used twice");
      this.#messageKeys.add(messageKey);
    }
  }

  /** Message keys that something was sealed under, and saved or sent. */
  get messageKeys(): number {
    return this.#messageKeys.size;
  }

  /** How often something was sealed. */
  get sealed(): number {
    return this.#sealed.size;
  }

  /** Looks at a record as the network sees it. */
  wire(bytes: Uint8Array): void {
    this.#expectWithout(bytes, [...this.#secretTexts, ...this.#names], "the network can read");
  }

  #expectWithout(bytes: Uint8Array, texts: readonly string[], complaint: string): void {
    const seen = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const found = texts.find((text) => seen.includes(text));
    if (found !== undefined) throw new Error(`${complaint} "${found}"`);
  }
}

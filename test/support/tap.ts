import { concat } from "../../core/bytes.ts";
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import { quickCrypto } from "./fixedEnv.ts";

/** Watches what passes through cryptography and over the wire in a simulation. */
export class Tap {
  /** While true, what is opened is what the server reads. */
  atServer = false;
  /** X25519 handles that have not been disposed. */
  readonly handles = new Set<object>();
  readonly #sealed = new Set<string>();
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
        return base.seal(key, nonce, associatedData, plaintext);
      },
      open: (key, nonce, associatedData, sealed) => {
        const plaintext = base.open(key, nonce, associatedData, sealed);
        if (this.atServer) this.#expectWithout(plaintext, this.#secretTexts, "the server can read");
        return plaintext;
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

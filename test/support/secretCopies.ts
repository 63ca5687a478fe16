import { Secret } from "../../core/secret.ts";
import { SecretWatch } from "./secretWatch.ts";

/** Copies of all secrets that are ever made, by owner: what somebody who reads a memory the whole time would have. */
export class SecretCopies extends SecretWatch {
  /** By owner, as hexadecimal. */
  readonly #copies = new Map<string, Set<string>>();
  readonly #restoreCopies: () => void;

  constructor() {
    super();
    const { take, copy, concat } = Secret;
    const { slice } = Secret.prototype;
    const keep = (secret: Secret): Secret => {
      const copies = this.#copies.get(this.owner) ?? new Set();
      this.#copies.set(this.owner, copies);
      copies.add(secret.use((bytes) => bytes.toHex()));
      return secret;
    };
    Secret.take = (bytes) => keep(take(bytes));
    Secret.copy = (bytes) => keep(copy(bytes));
    Secret.concat = (...parts) => keep(concat(...parts));
    Secret.prototype.slice = function (this: Secret, start, end) {
      return keep(slice.call(this, start, end));
    };
    this.#restoreCopies = () => {
      Object.assign(Secret, { take, copy, concat });
      Secret.prototype.slice = slice;
    };
  }

  /** Every run of `length` bytes at a multiple of 32 in what `owner` has made. */
  of(owner: string, length: number): readonly Uint8Array[] {
    const found = new Set<string>();
    for (const hex of this.#copies.get(owner) ?? []) {
      for (let at = 0; at + 2 * length <= hex.length; at += 64) found.add(hex.slice(at, at + 2 * length));
    }
    return [...found].map((hex) => Uint8Array.fromHex(hex));
  }

  override [Symbol.dispose](): void {
    this.#restoreCopies();
    super[Symbol.dispose]();
  }
}

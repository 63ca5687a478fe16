import { Secret } from "../../core/secret.ts";

/**
 * Records every `Secret` that is made while it is not disposed, under the owner named at that moment. Secrets have no
 * public constructor: all come from these four functions.
 */
export class SecretWatch implements Disposable {
  /** Whom the next secrets are put down to. */
  owner = "";
  readonly #made: { readonly secret: Secret; readonly owner: string }[] = [];
  readonly #restore: () => void;

  constructor() {
    const { take, copy, concat } = Secret;
    const { slice } = Secret.prototype;
    const record = (secret: Secret): Secret => {
      this.#made.push({ secret, owner: this.owner });
      return secret;
    };
    Secret.take = (bytes) => record(take(bytes));
    Secret.copy = (bytes) => record(copy(bytes));
    Secret.concat = (...parts) => record(concat(...parts));
    Secret.prototype.slice = function (this: Secret, start, end) {
      return record(slice.call(this, start, end));
    };
    this.#restore = () => {
      Object.assign(Secret, { take, copy, concat });
      Secret.prototype.slice = slice;
    };
  }

  /** Secrets made so far. */
  get count(): number {
    return this.#made.length;
  }

  /** Runs `fn` with `owner` as the owner of what it makes. */
  as<T>(owner: string, fn: () => T): T {
    const before = this.owner;
    this.owner = owner;
    try {
      return fn();
    } finally {
      this.owner = before;
    }
  }

  /** Those that have not been wiped: of `owner`, or all. */
  alive(owner?: string): readonly Secret[] {
    return this.#made
      .filter((entry) => !entry.secret.wiped && (owner === undefined || entry.owner === owner))
      .map((entry) => entry.secret);
  }

  /** Whoever is over has nothing left. */
  expectWiped(owner: string): void {
    if (this.alive(owner).length > 0) throw new Error(`${owner} is over, but not all it made is wiped`);
  }

  /** Starts over with nothing recorded. */
  forget(): void {
    this.#made.length = 0;
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}

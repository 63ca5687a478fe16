/** What the users of a simulation do when their clients ask them something: they know their recovery codes, and trust each other. */
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import { parseRecoveryCode } from "../../core/e2ee/recovery.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { ClientEvent } from "../../core/peer/clientEvents.ts";
import type { Notice } from "../../core/peer/notices.ts";
import type { Member } from "./member.ts";
import type { SecretWatch } from "./secretWatch.ts";

export interface PeopleParts {
  readonly crypto: CryptoProvider;
  readonly watch: SecretWatch;
  readonly ask: (member: Member, event: ClientEvent) => void;
}

export class People {
  /** Whether a changed identity key of a peer is taken for theirs as soon as it is heard of. */
  accepting = false;
  /** By user, the newest first: what their clients have shown. */
  readonly #codes = new Map<UserName, readonly string[]>();
  readonly #parts: PeopleParts;

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  /** True when a notice is for them alone. */
  noticed(member: Member, notice: Notice): boolean {
    const user = parseUserName(member.name);
    const codes = this.#codes.get(user) ?? [];
    switch (notice.kind) {
      case "recoveryCode":
        this.#codes.set(user, [notice.code, ...codes]);
        return true;
      case "recoveryNeeded":
      case "recoveryRefused":
        this.#recover(member, codes);
        return true;
      case "identityChanged":
        if (this.accepting) {
          this.#parts.ask(member, { kind: "accept", user: parseUserName(notice.name), key: notice.now });
        }
        return true;
      default:
        return false;
    }
  }

  /** With the newest code that has not been tried; with another identity when there is none. */
  #recover(member: Member, codes: readonly string[]): void {
    const { crypto, watch, ask } = this.#parts;
    const text = codes.find((code) => !member.tried.has(code));
    if (text === undefined) {
      ask(member, { kind: "newIdentity" });
      return;
    }
    member.tried.add(text);
    const code = watch.as(member.label, () => parseRecoveryCode(crypto, text));
    ask(member, { kind: "recover", code });
    code[Symbol.dispose]();
  }
}

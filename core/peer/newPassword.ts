/**
 * A client that changes its password (PROTOCOL §6.7): the old one is proved once more, the new one is registered, and the
 * account key is wrapped for it. The server takes all of it or nothing.
 */
import { EMPTY } from "../bytes.ts";
import type { Job } from "../crypto/provider.ts";
import { wrapAccountKey } from "../e2ee/account.ts";
import type { Owner } from "../e2ee/owner.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { type LoginContext, proveLogin, receiveLogin, startLogin } from "../kdc/login.ts";
import {
  type AskedRegistration,
  finishRegistration,
  type Registering,
  receiveRegistration,
  requestRegistration,
} from "../kdc/register.ts";
import type { ClientLoginState, ClientLoginStretching } from "../opaque/login.ts";
import { type Secret, wipe } from "../secret.ts";
import type { ClientMessage, ServerMessage } from "../wire/messages.ts";

type State =
  | { readonly phase: "asked"; readonly login: ClientLoginState; readonly registration: AskedRegistration }
  | { readonly phase: "old"; readonly login: ClientLoginStretching; readonly registering: Registering }
  | { readonly phase: "new"; readonly ke3: Uint8Array; readonly registering: Registering }
  | { readonly phase: "told" };

export interface PasswordStep {
  readonly frames: readonly ClientMessage[];
  /** To be answered with `stretched`. */
  readonly jobs: readonly Job[];
}

export class NewPassword implements Disposable {
  readonly #env: Env;
  readonly #context: LoginContext;
  readonly #accountKey: () => Secret | null;
  #state: State = { phase: "told" };

  /** @param accountKey lent; null while there is no account */
  constructor(env: Env, owner: Owner, handshakeHash: Uint8Array, accountKey: () => Secret | null) {
    this.#env = env;
    this.#context = { ...owner, handshakeHash, purpose: "password" };
    this.#accountKey = accountKey;
  }

  /** Both passwords (NFKC, UTF-8) are borrowed. @throws password.invalid */
  start(passwords: { readonly old: Secret; readonly next: Secret }): PasswordStep {
    const { user, realm } = this.#context;
    const registration = requestRegistration(this.#env, { user, realm }, passwords.next);
    const { ke1, state: login } = startLogin(this.#env, this.#context, passwords.old);
    this.#state = { phase: "asked", login, registration: registration.state };
    return { frames: [{ kind: "passwordStart", ke1, request: registration.request }], jobs: [] };
  }

  /** @throws auth.rejected, wire.malformed, state.unexpected */
  receive({ ke2, response }: Extract<ServerMessage, { kind: "passwordResponse" }>): PasswordStep {
    if (this.#state.phase !== "asked") throw new CodedError("state.unexpected", "a password response");
    const { login, registration } = this.#state;
    const { state: registering } = receiveRegistration(this.#env.crypto, registration, response);
    const { state: stretching, job } = receiveLogin(login, ke2);
    wipe(login, registration);
    this.#state = { phase: "old", login: stretching, registering };
    return { frames: [], jobs: [job] };
  }

  /** `output` is borrowed. @throws auth.rejected when the old password is not the right one */
  stretched(output: Secret): PasswordStep {
    if (this.#state.phase === "old") {
      const { login, registering } = this.#state;
      const { ke3, sessionKey, exportKey } = proveLogin(this.#env, login, this.#context, output);
      wipe(login, sessionKey, exportKey);
      this.#state = { phase: "new", ke3, registering };
      return { frames: [], jobs: [registering.job] };
    }
    if (this.#state.phase !== "new") throw new Error("new password: nothing was to be stretched");
    const { ke3, registering } = this.#state;
    const { record, exportKey } = finishRegistration(this.#env, registering, output);
    using wrapping = exportKey;
    const accountKey = this.#accountKey();
    const accountWrap = accountKey === null ? EMPTY : wrapAccountKey(this.#env, accountKey, wrapping, this.#context);
    wipe(registering);
    this.#state = { phase: "told" };
    return { frames: [{ kind: "passwordFinish", ke3, record, accountWrap }], jobs: [] };
  }

  [Symbol.dispose](): void {
    const state = this.#state;
    this.#state = { phase: "told" };
    if (state.phase === "asked") wipe(state.login, state.registration);
    if (state.phase === "old") wipe(state.login, state.registering);
    if (state.phase === "new") wipe(state.registering);
  }
}

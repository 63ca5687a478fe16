/**
 * The authentication exchange: OPAQUE as this protocol runs it (PROTOCOL §6). It fixes the configuration, the
 * identities and the context, so that a login counts for one user of one realm on one channel. The old password of a user
 * who changes it is proved in the same way, and counts for that alone.
 *
 * Not its concern: how messages travel, who is registered, how often somebody may guess.
 */
import { concat, EMPTY, utf8 } from "../bytes.ts";
import { LABELS, LOGIN_SUITE } from "../crypto/labels.ts";
import type { CryptoProvider, Job } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import type { UserName } from "../name.ts";
import type { OpaqueServerKeys } from "../opaque/credential.ts";
import type { Identities } from "../opaque/envelope.ts";
import type { OpaqueConfig } from "../opaque/group.ts";
import {
  type ClientLoginState,
  type ClientLoginStretching,
  finishLogin,
  generateKE1,
  generateKE2,
  generateKE3,
  receiveKE2,
  type ServerLoginState,
} from "../opaque/login.ts";
import type { RegistrationRecord } from "../opaque/record.ts";
import type { Secret } from "../secret.ts";
import { passwordInput, stretchJob } from "./password.ts";

export function opaqueConfig(crypto: CryptoProvider): OpaqueConfig {
  return { crypto, group: "curve25519" };
}

/** Client identity: the name in lower case; server identity: the realm id. */
export function identities(user: UserName, realm: Uint8Array): Identities {
  return { client: utf8(user), server: realm };
}

/** Who logs in where, on which channel. */
export interface LoginContext {
  readonly user: UserName;
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  /** `h` of the channel: 32 bytes. */
  readonly handshakeHash: Uint8Array;
  /** What the proof is for: one that was made for the other is not accepted. */
  readonly purpose: "login" | "password";
}

/** LOGIN_SUITE || h, and for a change of the password its label after that. */
function contextBytes({ handshakeHash, purpose }: LoginContext): Uint8Array {
  return concat(LOGIN_SUITE, handshakeHash, purpose === "login" ? EMPTY : LABELS.passwordChange);
}

/** The client's first step. `password` (NFKC, UTF-8) is borrowed. */
export function startLogin(
  env: Env,
  context: LoginContext,
  password: Secret,
): { readonly ke1: Uint8Array; readonly state: ClientLoginState } {
  using input = passwordInput(password, context.user, context.realm);
  return generateKE1(opaqueConfig(env.crypto), input, env.randomBytes);
}

/** The client's second step: what is to be stretched. @throws auth.rejected, wire.malformed */
export function receiveLogin(
  state: ClientLoginState,
  ke2: Uint8Array,
): { readonly state: ClientLoginStretching; readonly job: Job } {
  const stretching = receiveKE2(state, ke2);
  return { state: stretching, job: stretchJob(stretching.stretchInput) };
}

/** The client's last step: proof, session key and export key (64 bytes each). @throws auth.rejected, whatever the reason */
export function proveLogin(
  env: Env,
  state: ClientLoginStretching,
  context: LoginContext,
  stretched: Secret,
): { readonly ke3: Uint8Array; readonly sessionKey: Secret; readonly exportKey: Secret } {
  return generateKE3(opaqueConfig(env.crypto), state, {
    stretched,
    identities: identities(context.user, context.realm),
    context: contextBytes(context),
  });
}

/** The server's first step; `record` is null for a name that may not log in. @throws wire.malformed */
export function answerLogin(
  env: Env,
  keys: OpaqueServerKeys,
  context: LoginContext,
  login: { readonly record: RegistrationRecord | null; readonly ke1: Uint8Array },
): { readonly ke2: Uint8Array; readonly state: ServerLoginState } {
  const request = {
    ...login,
    credentialIdentifier: utf8(context.user),
    identities: identities(context.user, context.realm),
    context: contextBytes(context),
  };
  return generateKE2(opaqueConfig(env.crypto), keys, request, env.randomBytes);
}

/** The server's last step: the session key (64 bytes). @throws auth.rejected */
export function acceptLogin(state: ServerLoginState, ke3: Uint8Array): Secret {
  return finishLogin(state, ke3);
}

/**
 * Registration by an operator (PROTOCOL §6): the server plays both parts of OPAQUE's registration, and keeps the
 * record alone. The password is known to it for that moment.
 */
import { utf8 } from "../bytes.ts";
import type { Env } from "../env.ts";
import { STRETCH } from "../limits.ts";
import type { UserName } from "../name.ts";
import type { OpaqueServerKeys } from "../opaque/credential.ts";
import { STRETCH_SALT } from "../opaque/group.ts";
import type { RegistrationRecord } from "../opaque/record.ts";
import {
  createRegistrationRequest,
  createRegistrationResponse,
  finalizeRegistrationRequest,
  receiveRegistrationResponse,
} from "../opaque/registration.ts";
import type { Secret } from "../secret.ts";
import { identities, opaqueConfig } from "./login.ts";
import { passwordInput } from "./password.ts";

/** What the realm contributes to a registration. */
export interface RegistrationRealm {
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  readonly keys: OpaqueServerKeys;
}

/**
 * The record with which `user` logs in by `password` (NFKC, UTF-8; borrowed). Takes one Argon2id.
 * @throws password.invalid when the password is empty or too long
 */
export async function registerUser(
  env: Env,
  { realm, keys }: RegistrationRealm,
  user: UserName,
  password: Secret,
): Promise<RegistrationRecord> {
  const config = opaqueConfig(env.crypto);
  const randomBytes = (length: number): Uint8Array => env.randomBytes(length);
  using input = passwordInput(password, user, realm);
  const { request, state } = createRegistrationRequest(input, randomBytes);
  using asked = state;
  const response = createRegistrationResponse(config, keys, request, utf8(user));
  using stretching = receiveRegistrationResponse(config, asked, response);
  using stretched = await stretch(env, stretching.stretchInput);
  const finished = { stretched, identities: identities(user, realm) };
  const { record, exportKey } = finalizeRegistrationRequest(config, stretching, finished, randomBytes);
  exportKey[Symbol.dispose]();
  return record;
}

async function stretch(env: Env, input: Secret): Promise<Secret> {
  const job = { op: "stretch", input, salt: STRETCH_SALT, params: STRETCH } as const;
  const result = await env.crypto.run(job, (length) => env.randomBytes(length));
  if (result.op !== "stretch") throw new Error("register: another result than the one asked for");
  return result.output;
}

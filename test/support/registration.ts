import type { Env } from "../../core/env.ts";
import { finishRecord, type RegistrationRealm, startRegistration } from "../../core/kdc/register.ts";
import type { UserName } from "../../core/name.ts";
import type { RegistrationRecord } from "../../core/opaque/record.ts";
import type { Secret } from "../../core/secret.ts";

/** A whole registration; `password` is borrowed. */
export async function registerUser(
  env: Env,
  realm: RegistrationRealm,
  user: UserName,
  password: Secret,
): Promise<RegistrationRecord> {
  const { job, state } = startRegistration(env, realm, user, password);
  using registering = state;
  const result = await env.crypto.run(job, env.randomBytes);
  if (result.op !== "stretch") throw new Error("not stretched");
  using stretched = result.output;
  return finishRecord(env, registering, stretched);
}

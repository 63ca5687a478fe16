import { concat, lv, utf8 } from "../bytes.ts";
import type { Job } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";
import { PASSWORD_MAX_BYTES, STRETCH } from "../limits.ts";
import type { UserName } from "../name.ts";
import { STRETCH_SALT } from "../opaque/group.ts";
import { Secret } from "../secret.ts";

/**
 * What OPAQUE is given for a password: `lv(password) || lv(user) || lv(realm)` (PROTOCOL §6). The same password of
 * another user, or in another realm, is another input.
 *
 * @param password UTF-8 of the NFKC form; borrowed. Who read it has normalised it: that needs a string, and here it is
 * bytes only
 * @param realm the realm id, 32 bytes
 * @throws password.invalid when it is empty or longer than 1,024 bytes
 */
export function passwordInput(password: Secret, user: UserName, realm: Uint8Array): Secret {
  expectPassword(password);
  return password.use((bytes) => {
    const prefixed = lv(bytes);
    const input = Secret.take(concat(prefixed, lv(utf8(user)), lv(realm)));
    prefixed.fill(0);
    return input;
  });
}

/** @throws password.invalid when `password` is empty or longer than 1,024 bytes */
export function expectPassword(password: Secret): void {
  if (password.length === 0) throw new CodedError("password.invalid", "the password is empty");
  if (password.length > PASSWORD_MAX_BYTES) {
    throw new CodedError("password.invalid", `the password is longer than ${PASSWORD_MAX_BYTES} bytes`);
  }
}

/** The key stretching of OPAQUE (PROTOCOL §6): Argon2id over `input`, which is lent until the job is done. */
export function stretchJob(input: Secret): Job {
  return { op: "stretch", input, salt: STRETCH_SALT, params: STRETCH };
}

import { type Account, wrapForRecovery } from "../e2ee/account.ts";
import type { Owner } from "../e2ee/owner.ts";
import { drawRecoveryCode, formatRecoveryCode } from "../e2ee/recovery.ts";
import type { Env } from "../env.ts";
import type { AccountNotice } from "./notices.ts";

/**
 * Draws a recovery code, and the account key wrapped under it, which replaces the last one. The user is shown the code when
 * the server has the wrap, and not before: a code that does not count is worse than none.
 */
export function newRecoveryCode(
  env: Env,
  account: Account,
  owner: Owner,
): { readonly notice: AccountNotice; readonly recoveryWrap: Uint8Array } {
  using code = drawRecoveryCode(env);
  const notice = { kind: "recoveryCode", code: formatRecoveryCode(env.crypto, code) } as const;
  return { notice, recoveryWrap: wrapForRecovery(env, account.key, code, owner) };
}

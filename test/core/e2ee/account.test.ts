import { describe, expect, test } from "bun:test";
import { concat, EMPTY, lv, utf8 } from "../../../core/bytes.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import {
  type Account,
  createAccount,
  identityWrapOf,
  openAccount,
  recoverAccount,
  wrapAccountKey,
  wrapForRecovery,
} from "../../../core/e2ee/account.ts";
import { openAtRest, wrapKey } from "../../../core/e2ee/wrap.ts";
import { WRAP_MAX_BYTES } from "../../../core/limits.ts";
import { wipe } from "../../../core/secret.ts";
import type { AccountKeys } from "../../../core/wire/account.ts";
import { codeOr, failure } from "../../support/codes.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { keyOf, owner } from "../../support/owners.ts";
import { PROVIDERS, reveal } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const ALICE = owner("alice");
const EXPORT_KEY = keyOf(1, 64);
const CODE = keyOf(2, 16);

/** An account of `seed`, and what the server keeps of it. */
function kept(crypto: CryptoProvider, seed: string, whose = ALICE): { account: Account; keys: AccountKeys } {
  const env = fixedEnv(seed, crypto);
  const account = createAccount(env);
  const keys = {
    identityKey: account.identityKey,
    identityWrap: identityWrapOf(env, account, whose),
    accountWrap: wrapAccountKey(env, account.key, EXPORT_KEY, whose),
    recoveryWrap: wrapForRecovery(env, account.key, CODE, whose),
  };
  return { account, keys };
}

describe.each(PROVIDERS)("on %s", (_, crypto) => {
  const { account, keys } = kept(crypto, "alice");
  const open = (given: AccountKeys, exportKey = EXPORT_KEY, whose = ALICE): Account | null =>
    openAccount(crypto, given, exportKey, whose);

  /** The code with which it is refused; "null", or "the account". */
  function verdict(run: () => Account | null): string {
    const opened = codeOr(run);
    if (typeof opened === "string") return opened;
    if (opened === null) return "null";
    using mine = opened;
    expect(mine.identityKey).toEqual(account.identityKey);
    return "the account";
  }

  test("is made of fresh keys, and the identity signs", () => {
    const other = kept(crypto, "bob").account;
    expect([account.key.length, account.identitySeed.length, account.identityKey.length]).toEqual([32, 32, 32]);
    expect(reveal(account.key)).not.toEqual(reveal(account.identitySeed));
    expect(reveal(other.key)).not.toEqual(reveal(account.key));
    const signature = crypto.sign(account.identity, utf8("a message"));
    expect(crypto.verify(account.identityKey, utf8("a message"), signature)).toBe(true);
    expect(crypto.verify(other.identityKey, utf8("a message"), signature)).toBe(false);
  });

  test("the password and the recovery code bring the same account back", () => {
    for (const opened of [open(keys), recoverAccount(crypto, keys, CODE, ALICE)]) {
      expect(opened).not.toBeNull();
      if (opened === null) continue;
      expect(reveal(opened.key)).toEqual(reveal(account.key));
      expect(reveal(opened.identitySeed)).toEqual(reveal(account.identitySeed));
      expect(opened.identityKey).toEqual(account.identityKey);
      const signature = crypto.sign(opened.identity, utf8("still me"));
      expect(crypto.verify(account.identityKey, utf8("still me"), signature)).toBe(true);
      wipe(opened);
    }
  });

  test("the wraps authenticate version, realm and user under a label each", () => {
    const associatedData = concat(Uint8Array.of(1), ALICE.realm, lv(utf8("alice")));
    const at = (label: string) => ({ label: utf8(`IMS/1 ${label} wrap`), associatedData });
    expect(openAtRest(crypto, EXPORT_KEY, at("account"), keys.accountWrap)).toEqual(reveal(account.key));
    expect(openAtRest(crypto, CODE, at("recovery"), keys.recoveryWrap)).toEqual(reveal(account.key));
    expect(openAtRest(crypto, account.key, at("identity"), keys.identityWrap)).toEqual(reveal(account.identitySeed));
    for (const wrap of [keys.accountWrap, keys.recoveryWrap, keys.identityWrap]) {
      expect(wrap).toHaveLength(80);
      expect(wrap.length).toBeLessThanOrEqual(WRAP_MAX_BYTES);
    }
  });

  test.each([
    ["there is no wrap", { ...keys, accountWrap: EMPTY }, EXPORT_KEY, ALICE],
    ["it is another password's", keys, keyOf(3, 64), ALICE],
    ["it is cut", { ...keys, accountWrap: keys.accountWrap.subarray(0, 79) }, EXPORT_KEY, ALICE],
    ["it was altered", { ...keys, accountWrap: flip(keys.accountWrap, 40) }, EXPORT_KEY, ALICE],
    ["it is the one of the recovery code", { ...keys, accountWrap: keys.recoveryWrap }, CODE, ALICE],
    ["it is another user's", keys, EXPORT_KEY, owner("bob")],
    ["it is another realm's", keys, EXPORT_KEY, owner("alice", 2)],
  ] as const)("by password, when %s: null", (_, given, exportKey, whose) => {
    using watch = new SecretWatch();
    expect(verdict(() => open(given, exportKey, whose))).toBe("null");
    expect(watch.alive()).toEqual([]);
  });

  test.each([
    ["there is none", { ...keys, recoveryWrap: EMPTY }, CODE, ALICE],
    ["it is another", keys, keyOf(3, 16), ALICE],
    ["its wrap was altered", { ...keys, recoveryWrap: flip(keys.recoveryWrap, 79) }, CODE, ALICE],
    ["it is the password's wrap", { ...keys, recoveryWrap: keys.accountWrap }, EXPORT_KEY, ALICE],
    ["it is another user's", keys, CODE, owner("bob")],
    ["it is another realm's", keys, CODE, owner("alice", 2)],
  ] as const)("by recovery code, when %s: account.code", (_, given, code, whose) => {
    using watch = new SecretWatch();
    expect(verdict(() => recoverAccount(crypto, given, code, whose))).toBe("account.code");
    expect(watch.alive()).toEqual([]);
  });

  const env = fixedEnv("lies", crypto);
  const other = kept(crypto, "before");
  const short = keyOf(4, 31);
  const useOf = (label: string) => ({
    label: utf8(`IMS/1 ${label} wrap`),
    associatedData: concat(Uint8Array.of(1), ALICE.realm, lv(utf8("alice"))),
  });
  test.each<readonly [string, AccountKeys]>([
    ["the identity key is another account's", { ...keys, identityKey: other.keys.identityKey }],
    ["the identity is another account's", { ...keys, identityWrap: other.keys.identityWrap }],
    ["both are", { ...other.keys, accountWrap: keys.accountWrap, recoveryWrap: keys.recoveryWrap }],
    ["the identity key has a bit more", { ...keys, identityKey: flip(keys.identityKey, 0) }],
    ["the identity key is cut", { ...keys, identityKey: keys.identityKey.subarray(0, 31) }],
    ["the identity was altered", { ...keys, identityWrap: flip(keys.identityWrap, 50) }],
    ["there is no identity", { ...keys, identityWrap: EMPTY }],
    ["the identity has another length", { ...keys, identityWrap: wrapKey(env, account.key, useOf("identity"), short) }],
    [
      "the account key has another length",
      {
        ...keys,
        accountWrap: wrapKey(env, EXPORT_KEY, useOf("account"), short),
        recoveryWrap: wrapKey(env, CODE, useOf("recovery"), short),
      },
    ],
  ])("when %s: account.invalid, and no secret is left", (_, given) => {
    using watch = new SecretWatch();
    expect(verdict(() => open(given))).toBe("account.invalid");
    expect(verdict(() => recoverAccount(crypto, given, CODE, ALICE))).toBe("account.invalid");
    expect(watch.count).toBeGreaterThan(4);
    expect(watch.alive()).toEqual([]);
  });

  test("a new password wraps one key again: only the new one opens, and the code still does", () => {
    const next = keyOf(5, 64);
    const changed = { ...keys, accountWrap: wrapAccountKey(env, account.key, next, ALICE) };
    expect(verdict(() => open(changed))).toBe("null");
    expect(verdict(() => open(changed, next))).toBe("the account");
    expect(verdict(() => recoverAccount(crypto, changed, CODE, ALICE))).toBe("the account");
  });

  test("disposing of an account wipes all it holds, and the wraps make nothing that stays", () => {
    using watch = new SecretWatch();
    const mine = createAccount(env);
    identityWrapOf(env, mine, ALICE);
    wrapAccountKey(env, mine.key, EXPORT_KEY, ALICE);
    wrapForRecovery(env, mine.key, CODE, ALICE);
    expect(watch.alive()).toContain(mine.key);
    expect(watch.alive()).toContain(mine.identitySeed);
    wipe(mine);
    expect(watch.alive()).toEqual([]);
    expect([EXPORT_KEY.wiped, CODE.wiped]).toEqual([false, false]);
    expect(() => crypto.sign(mine.identity, EMPTY)).toThrow();
  });
});

test("a code that does not open the account says so, and one that was never made", () => {
  for (const [, crypto] of PROVIDERS) {
    const { keys } = kept(crypto, "words");
    const sentence = (given: AccountKeys) => failure(() => recoverAccount(crypto, given, keyOf(9, 16), ALICE)).detail;
    expect(sentence(keys)).toBe("that is not the recovery code of this account");
    expect(sentence({ ...keys, recoveryWrap: EMPTY })).toBe("no recovery code was made");
  }
});

/** A state that opens and cannot be read is refused, and no key of it, nor of its account, is left in memory. */
import { expect, test } from "bun:test";
import { createAccount } from "../../../core/e2ee/account.ts";
import type { Owner } from "../../../core/e2ee/owner.ts";
import { parseUserName } from "../../../core/name.ts";
import { ClientSession } from "../../../core/peer/clientSession.ts";
import { Contacts } from "../../../core/peer/contacts.ts";
import { drawDevice, restoreDevice } from "../../../core/peer/deviceState.ts";
import type { StoredState } from "../../../core/peer/savedState.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import { bytes } from "../../../core/wire/codec.ts";
import { codeOr } from "../../support/codes.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const env = fixedEnv("damaged state", quickCrypto);
const owner: Owner = { realm: new Uint8Array(32).fill(9), user: parseUserName("alice") };

/** A device with prekeys, and behind them an entry that is none of its kind. */
function stateWith(account: ReturnType<typeof createAccount>, damaged: string): StoredState {
  const { device, state, header } = drawDevice(env, account, owner, false);
  device.replenish(env, state, { owner, identity: account.identity }, { signedPrekey: 0, oneTimePrekeys: 0 });
  state.put(damaged, bytes(8), Uint8Array.of(1, 2, 3));
  const entries = new Map([...state.takeWrites()].flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
  wipe(device, state);
  if (header === null) throw new Error("a new state without a header");
  return { header, entries };
}

test("a prekey that cannot be read", () => {
  using account = createAccount(env);
  const stored = stateWith(account, "prekey/77");
  using watch = new SecretWatch();
  expect(codeOr(() => restoreDevice(env, account, owner, stored))).toBe("state.damaged");
  expect(watch.count).toBeGreaterThan(50);
  expect(watch.alive()).toEqual([]);
});

test("conversations that cannot be read, when the session begins", () => {
  using watch = new SecretWatch();
  const account = createAccount(env);
  const { device, state, loaded } = restoreDevice(env, account, owner, stateWith(account, "peer/bob/0102030405060708"));
  const contacts = new Contacts({ env, owner, account, state });
  const self = { user: owner.user, device: device.id };
  const local = { env, owner, self, serverPublicKey: new Uint8Array(32), account, device, state, contacts };
  const sessionKey = Secret.take(new Uint8Array(64).fill(1));
  expect(codeOr(() => new ClientSession({ local, sessionKey, loaded, restored: false, seen: new Map() }))).toBe(
    "state.damaged",
  );
  expect(watch.alive()).toEqual([]);
  expect([...loaded.values()].every((value) => value.every((byte) => byte === 0))).toBe(true);
});

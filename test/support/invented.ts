/** A device that a lying server makes up: with keys of its own, under an identity of its own or a list that it has no key for. */
import { type Account, createAccount } from "../../core/e2ee/account.ts";
import { NO_DEVICES, signDeviceList, withDevice } from "../../core/e2ee/deviceList.ts";
import type { Address } from "../../core/ids.ts";
import { parseUserName } from "../../core/name.ts";
import { Contacts } from "../../core/peer/contacts.ts";
import { Conversations } from "../../core/peer/conversations.ts";
import { DeviceKeys } from "../../core/peer/deviceKeys.ts";
import type { LocalDevice } from "../../core/peer/localDevice.ts";
import { SavedState } from "../../core/peer/savedState.ts";
import { Secret } from "../../core/secret.ts";
import type { Bundle, DeviceList, SignedDeviceList, SignedPrekey } from "../../core/wire/account.ts";
import type { HostileServer, Identified } from "./hostileServer.ts";

export interface Invented {
  readonly account: Account;
  readonly local: LocalDevice;
  readonly conversations: Conversations;
  /** Of its own list, signed by the invented identity. */
  readonly signed: SignedDeviceList;
  readonly bundle: Bundle;
  readonly prekeys: { readonly signed: SignedPrekey; readonly oneTime: readonly SignedPrekey[] };
  /** As a ticket names it. */
  readonly identified: Identified & { readonly ticketKey: Uint8Array };
}

/** `device` is what it says it is. `base`: the list that it is put on. */
export function invent(
  { env, realm }: HostileServer,
  { user: name, device }: { readonly user: string; readonly device: Address["device"] },
  base: DeviceList = NO_DEVICES,
): Invented {
  const user = parseUserName(name);
  const owner = { realm: realm.keys.realm, user };
  const account = createAccount(env);
  const keys = DeviceKeys.draw(env, device, false);
  const state = new SavedState(env, Secret.take(env.randomBytes(32)));
  const contacts = new Contacts({ env, owner, account, state });
  const list = withDevice(base, keys.entry);
  const signed = signDeviceList(env.crypto, account.identity, owner, list);
  contacts.takeOwn(list, signed);
  const [put] = keys.replenish(
    env,
    state,
    { owner, identity: account.identity },
    { signedPrekey: 0, oneTimePrekeys: 46 },
  );
  if (put?.signed == null) throw new Error("invent: no prekeys");
  const self = { user, device };
  const serverPublicKey = realm.keys.staticKey.publicKey;
  const local = { env, owner, self, serverPublicKey, account, device: keys, state, contacts };
  const prekeys = { signed: put.signed, oneTime: put.oneTime };
  const { identityKey } = account;
  return {
    ...{ account, local, conversations: new Conversations(local), signed, prekeys },
    bundle: { identityKey, devices: signed, signed: put.signed, oneTime: put.oneTime[0] ?? null },
    identified: { ...self, identityKey, ticketKey: keys.ticketKey.publicKey },
  };
}

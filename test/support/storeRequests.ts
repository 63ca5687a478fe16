/** Requests to a store, and what they carry, for its tests. Bytes tell from where they come and mean nothing. */
import type { Store } from "../../cmd/server/store/store.ts";
import { type Address, addressKey, type DeviceId, type MessageId } from "../../core/ids.ts";
import { PREKEY_BYTES } from "../../core/limits.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { KeptEnvelope, StoreAnswer, StoreRequest } from "../../core/peer/store.ts";
import type { AccountKeys, Pin, PinName, SignedDeviceList, SignedPrekey } from "../../core/wire/account.ts";

export const ALICE = parseUserName("alice");
export const BOB = parseUserName("bob");

export const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
export const deviceNamed = (number: number): DeviceId => number.toString(16).padStart(16, "0") as DeviceId;
export const pinNamed = (number: number): PinName => number.toString(16).padStart(32, "0") as PinName;

export const messageNamed = (number: number): MessageId => number.toString(16).padStart(32, "0") as MessageId;
export const addressOf = (user: UserName, device: number): Address => ({ user, device: deviceNamed(device) });

/** A device that has only just come into the list. */
export const EMPTY_STANDING = { seenAt: 0, logins: 0, signedPrekey: 0, oneTimePrekeys: 0 };

/** The keys of an account whose identity key is `identity`. */
export function accountKeys(identity: number, accountWrap = filled(60, identity)): AccountKeys {
  const [identityWrap, recoveryWrap] = [filled(72, identity), new Uint8Array()];
  return { identityKey: filled(32, identity), identityWrap, accountWrap, recoveryWrap };
}

export function signedList(number: number): SignedDeviceList {
  return { list: filled(87, number), signature: filled(64, number) };
}

export function signedPrekey(id: number, value = id % 256): SignedPrekey {
  return { id, prekey: filled(PREKEY_BYTES, value), signature: filled(64, value) };
}

export const prekeys = (from: number, count: number): readonly SignedPrekey[] =>
  Array.from({ length: count }, (_, at) => signedPrekey(from + at));

export function pin(number: number, version: number): Pin {
  return { name: pinNamed(number), version, sealed: filled(100, version % 256) };
}

/** Of a mailbox that no test fills. */
const ROOMY = { envelopes: 1_000_000, bytes: 1_000_000_000 };

type Request<Op extends StoreRequest["op"]> = Extract<StoreRequest, { readonly op: Op }>;

/** Each with what is most often meant; a part takes the place of it. */
export const requests = {
  load: (parts: Partial<Request<"load">> = {}): Request<"load"> => ({ op: "load", user: ALICE, epoch: 1, ...parts }),
  create: (parts: Partial<Request<"create">> = {}): Request<"create"> => ({
    ...{ op: "create", user: ALICE, epoch: 1, keys: accountKeys(1), replaces: null },
    ...parts,
  }),
  putWraps: (parts: Partial<Request<"putWraps">> = {}): Request<"putWraps"> => ({
    ...{ op: "putWraps", user: ALICE, epoch: 2, identityKey: filled(32, 1) },
    ...{ accountWrap: new Uint8Array(), recoveryWrap: new Uint8Array() },
    ...parts,
  }),
  putDevices: (number: number, devices: readonly number[], parts: Partial<Request<"putDevices">> = {}) => ({
    ...{ op: "putDevices" as const, user: ALICE, identityKey: filled(32, 1), number, devices: signedList(number) },
    ids: devices.map(deviceNamed),
    ...parts,
  }),
  putPrekeys: (device: number, parts: Partial<Request<"putPrekeys">> = {}): Request<"putPrekeys"> => ({
    ...{ op: "putPrekeys", user: ALICE, device: deviceNamed(device), signed: null, oneTime: [] },
    ...parts,
  }),
  takePrekeys: (device: number, user = ALICE) => ({ op: "takePrekeys" as const, user, device: deviceNamed(device) }),
  putPin: (of: Pin, user = ALICE) => ({ op: "putPin" as const, user, pin: of }),
  seen: (device: number, atMs: number, logins: number | null = null, user = ALICE) => ({
    ...{ op: "seen" as const, user, device: deviceNamed(device), atMs, logins },
  }),
  deposit: (message: number, parts: Partial<Request<"deposit">> = {}): Request<"deposit"> => ({
    ...{ op: "deposit", user: ALICE, device: deviceNamed(1), from: addressOf(BOB, 1), message: messageNamed(message) },
    ...{ receivedAt: 1000, envelope: filled(300, message % 256), limits: ROOMY },
    ...parts,
  }),
  collect: (parts: Partial<Request<"collect">> = {}): Request<"collect"> => ({
    ...{ op: "collect", user: ALICE, device: deviceNamed(1), after: 0, maxEnvelopes: 1000, maxBytes: 1_000_000 },
    ...parts,
  }),
  discard: (messages: readonly number[], parts: Partial<Request<"discard">> = {}): Request<"discard"> => ({
    ...{ op: "discard", user: ALICE, device: deviceNamed(1), from: addressOf(BOB, 1) },
    ...{ messages: messages.map(messageNamed) },
    ...parts,
  }),
  expire: (beforeMs: number, maxEnvelopes = 1000) => ({ op: "expire" as const, beforeMs, maxEnvelopes }),
  forget: (user = ALICE) => ({ op: "forget" as const, user }),
} as const;

/** What a `load` or `create` answers. */
export type AccountAnswer = Extract<StoreAnswer, { readonly op: "load" | "create" }>;

/** The account of a user as a load has it, with its devices in the order of their ids. */
export async function loaded(store: Store, parts: Partial<Request<"load">> = {}): Promise<AccountAnswer> {
  const answer = await store.run(requests.load(parts));
  if (answer.op !== "load") throw new Error(`answered with ${answer.op}`);
  return sorted(answer);
}

/** The envelopes that wait for a device. */
export async function waiting(store: Store, parts: Partial<Request<"collect">> = {}): Promise<readonly KeptEnvelope[]> {
  const answer = await store.run(requests.collect(parts));
  if (answer.op !== "collect") throw new Error(`answered with ${answer.op}`);
  return answer.envelopes;
}

/** The number of a message that was named here. */
export const numberOf = ({ message }: KeptEnvelope): number => Number.parseInt(message, 16);

/** With whatever comes in any order in an order, and positions, which only rise, counted from 1. */
export function sorted<A extends StoreAnswer>(answer: A): A {
  if (answer.op === "expire") {
    return { ...answer, expired: answer.expired.toSorted((a, b) => addressKey(a).localeCompare(addressKey(b))) };
  }
  if (answer.op === "collect") return { ...answer, envelopes: ranked(answer.envelopes) };
  if (answer.op !== "load" && answer.op !== "create") return answer;
  const { account, pins } = answer;
  const standings = account?.standings.toSorted((a, b) => a.device.localeCompare(b.device)) ?? [];
  return {
    ...answer,
    account: account === null ? null : { ...account, standings },
    pins: pins.toSorted((a, b) => a.name.localeCompare(b.name)),
  };
}

/** @throws when the positions do not rise */
function ranked(envelopes: readonly KeptEnvelope[]): readonly KeptEnvelope[] {
  return envelopes.map((kept, at) => {
    if (kept.position <= (envelopes[at - 1]?.position ?? 0)) throw new Error("positions do not rise");
    return { ...kept, position: at + 1 };
  });
}

/**
 * A server that is seized with all that it has and ever had: its keys, users' records, its store, every secret that its machine
 * ever held, conversation keys too, and a recording of all envelopes. No key that opens one can be made of that.
 */
import { afterAll, expect, test } from "bun:test";
import type { Party } from "../../../core/e2ee/agreement.ts";
import type { MessageId } from "../../../core/ids.ts";
import type { SignedPrekey } from "../../../core/wire/account.ts";
import { Prekey } from "../../../core/wire/account.ts";
import { decodeAll } from "../../../core/wire/codec.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { CANARY, HostileServer, type Machine } from "../../support/hostileServer.ts";
import { saidBy, selfOf, textsOf, toldTo } from "../../support/hostileWords.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { SecretCopies } from "../../support/secretCopies.ts";
import {
  type Ends,
  type Heap,
  openedAnyhow,
  openedAs,
  type Recorded,
  recorded,
  secretOf,
} from "../../support/seizure.ts";

const copies = new SecretCopies();
const realm = copies.as("server", () => testRealm("seized"));
const users = await registerAll(realm, ["Alice", "Bob"]);
const world = new HostileServer(realm, users, { watch: copies });
const [alice, bob] = [world.join("Alice"), world.join("Bob")];
const ids = new Map<MessageId, string>();
for (const [from, to, text] of [
  [alice, "bob", "one"],
  [alice, "bob", "two"],
  [bob, "alice", "three"],
  [alice, "bob", "four"],
  [bob, "alice", "five"],
] as const) {
  ids.set(world.send(from, to, text), text);
}
const snapshot = world.store.snapshot();
const told = [alice, bob].flatMap((machine) => [...machine.told]);
copies[Symbol.dispose](); // from here on the test makes secrets
afterAll(() => world[Symbol.dispose]());

/** The static key, which the realm keeps as a handle. */
const staticSecret = (() => {
  const env = fixedEnv("seized", quickCrypto);
  env.randomBytes(32); // the realm id
  return env.randomBytes(32);
})();

function heapOf(...owners: readonly string[]): Heap {
  const of = (length: number) => owners.flatMap((owner) => [...copies.of(owner, length)]);
  return { keys: of(32), seeds: of(64) };
}

const server: Heap = { keys: [staticSecret, ...heapOf("server").keys], seeds: heapOf("server").seeds };

function recordings(): readonly Recorded[] {
  const from = (machine: Machine, other: Machine) =>
    saidBy(machine, "send").map(({ message, envelope }) => recorded(selfOf(machine), selfOf(other), message, envelope));
  return [...from(alice, bob), ...from(bob, alice)];
}

const partyOf = (machine: Machine): Party => ({
  address: selfOf(machine),
  identityKey: world.identityOf(machine.user),
  agreementKey: world.deviceOf(selfOf(machine)).agreementKey,
});
const [granted] = toldTo(alice, "grant");
if (granted?.bundle.oneTime == null) throw new Error("a grant with a one-time prekey was expected");
const publicOf = ({ prekey }: SignedPrekey) => decodeAll(Prekey, prekey);
const [signed, oneTime] = [publicOf(granted.bundle.signed), publicOf(granted.bundle.oneTime)];
const ends: Ends = {
  ...{ realm: realm.keys.realm, asker: partyOf(alice), peer: partyOf(bob) },
  ...{ signedPrekey: signed.dhKey, signedKemKey: signed.kemKey },
  ...{ oneTimePrekey: oneTime.dhKey, oneTimeKemKey: oneTime.kemKey },
};
const kdcKey = granted.key.use((bytes) => bytes.slice());

/** Every X25519 key that a client has shown of itself. */
const publicKeys: readonly Uint8Array[] = [
  ...[alice, bob].map((machine) => world.deviceOf(selfOf(machine))).flatMap((d) => [d.ticketKey, d.agreementKey]),
  ...recordings().map(({ envelope }) => envelope.ratchetKey),
  ...[alice, bob].flatMap((machine) =>
    saidBy(machine, "putPrekeys").flatMap(({ signed: one, oneTime: many }) =>
      [...(one === null ? [] : [one]), ...many].map((prekey) => publicOf(prekey).dhKey),
    ),
  ),
];

test("the server's secrets are those it had: its static key, what clients proved, and the conversation key it granted", () => {
  expect(quickCrypto.dhKey(staticSecret.slice()).publicKey).toEqual(realm.keys.staticKey.publicKey);
  expect(server.keys.some((key) => Buffer.from(key).equals(kdcKey))).toBe(true);
  expect(server.keys.length).toBeGreaterThan(20);
  expect(recordings()).toHaveLength(ids.size);
  expect([textsOf(bob), textsOf(alice)]).toEqual([
    ["one", "two", "four"],
    ["three", "five"],
  ]);
});

test("none of them is the private half of a key that a client has shown", () => {
  for (const key of publicKeys) expect(secretOf(key, server)).toBeNull();
  for (const key of publicKeys.slice(0, 2)) expect(secretOf(key, heapOf("alice"))).not.toBeNull(); // the check can fail
});

test("none of them opens an envelope: as message key, chain key, root key, or the KDC's key of an agreement", () => {
  for (const record of recordings()) expect(openedAnyhow(record, server, ends)).toEqual([]);
}, 60_000);

test("the same search opens with a client's message keys and chain keys: it can fail", () => {
  for (const record of recordings()) {
    const heap = heapOf(record.from.user);
    for (const place of ["message key", "chain key"] as const) {
      const plaintext = openedAs(place, record, { ...heap, keys: [...server.keys, ...heap.keys] }, ends);
      expect(Buffer.from(plaintext ?? []).includes(`${CANARY} ${ids.get(record.message)}`)).toBe(true);
    }
  }
});

test("and with the recipient's private halves of the agreement, if the KDC's key is there as well", () => {
  const [first] = recordings();
  if (first === undefined) throw new Error("nothing was recorded");
  const bobs = heapOf("bob");
  const halves = [ends.peer.agreementKey, ends.signedPrekey, oneTime.dhKey].map((key) => secretOf(key, bobs));
  const keys = halves.flatMap((half) => (half === null ? [] : [half]));
  expect(keys).toHaveLength(3);
  const both = { keys: [kdcKey, ...keys], seeds: bobs.seeds };
  const plaintext = openedAs("agreement", first, both, ends);
  expect(Buffer.from(plaintext ?? []).includes(`${CANARY} one`)).toBe(true);
  expect(openedAnyhow(first, { keys, seeds: bobs.seeds }, ends)).toEqual([]); // without the KDC's key
  const late = { keys: [kdcKey, ...keys.slice(0, 2)], seeds: bobs.seeds };
  expect(openedAnyhow(first, late, ends)).toEqual([]); // the one-time prekey is deleted once it is used
});

test("and with a client's ratchet secrets, as root key and ratchet key", () => {
  const [first] = recordings();
  if (first === undefined) throw new Error("nothing was recorded");
  const bobs = heapOf("bob");
  const secret = secretOf(ends.signedPrekey, bobs);
  if (secret === null) throw new Error("the prekey was expected");
  const heap = { ...bobs, keys: [secret, ...bobs.keys] };
  // Bob's first root key is among these; one ratchet key is enough, so that the search is short.
  const plaintext = bobs.keys
    .map((root) => openedAs("root key", first, { ...heap, keys: [secret, root] }, ends))
    .find((found) => found !== null);
  expect(Buffer.from(plaintext ?? []).includes(`${CANARY} one`)).toBe(true);
});

test("what it stored and said holds no text, no password, and a pin no name of a peer", () => {
  const bytesIn = (value: unknown): readonly Uint8Array[] => {
    if (value instanceof Uint8Array) return [value];
    if (value instanceof Map) return [...value].flatMap(([key, inner]) => [...bytesIn(key), ...bytesIn(inner)]);
    if (typeof value === "string") return [Buffer.from(value)];
    if (typeof value === "object" && value !== null) return Object.values(value).flatMap(bytesIn);
    return [];
  };
  const holds = (value: unknown, text: string): boolean =>
    bytesIn(value).some((bytes) => Buffer.from(bytes).includes(text));
  expect(holds(snapshot, "alice")).toBe(true); // whose account it is, it says
  for (const text of [CANARY, "password of"]) expect(holds(snapshot, text)).toBe(false);
  const pins = [...snapshot.accounts.values()].map((account) => account.pins);
  expect(pins.map(({ size }) => size)).toEqual([1, 1]);
  for (const text of ["alice", "bob", "Alice", "Bob"]) expect(holds(pins, text)).toBe(false);
  for (const key of [ends.asker.identityKey, ends.peer.identityKey]) {
    expect(bytesIn(pins).some((bytes) => Buffer.from(bytes).includes(key))).toBe(false);
  }
  expect(holds(told, CANARY)).toBe(false);
});

import { describe, expect, test } from "bun:test";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { type Granted, grant } from "../../../core/kdc/granting.ts";
import { acceptTicket } from "../../../core/kdc/ticket.ts";
import { TICKET_LIFETIME_MS } from "../../../core/limits.ts";
import { type Secret, wipe } from "../../../core/secret.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { failure } from "../../support/codes.ts";
import { fixedEnv, START_MS } from "../../support/fixedEnv.ts";
import { fixedBytes } from "../../support/noise.ts";
import { address } from "../../support/parties.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const serverKey = nobleCrypto.dhKey(fixedBytes("server"));
const ticketKey = nobleCrypto.dhKey(fixedBytes("ticket key"));
const asker = { ...address("alice", "a"), identityKey: fixedBytes("alice's identity") };
const peer = {
  ...address("bob", "b"),
  identityKey: fixedBytes("bob's identity"),
  ticketKey: ticketKey.publicKey,
};

/** What the peer finds in the ticket. */
function opened(granted: Granted, receivedAt = START_MS) {
  const keys = { device: ticketKey, server: serverKey.publicKey };
  return acceptTicket(nobleCrypto, keys, granted.ticket, { sender: asker, self: peer, receivedAt });
}

const hexOf = (secret: Secret): string => secret.use((bytes) => bytes.toHex());

test("the asker and the ticket hold the same key, and each the other's address and identity", () => {
  const granted = grant(fixedEnv("grant", nobleCrypto), serverKey, asker, peer);
  const body = opened(granted);
  expect(granted.key).toHaveLength(32);
  expect(hexOf(body.key)).toBe(hexOf(granted.key));
  const { key: _, ...rest } = body;
  expect(rest).toEqual({
    version: 1,
    conversation: granted.conversation,
    asker: asker.user,
    askerDevice: asker.device,
    askerIdentity: asker.identityKey,
    peer: peer.user,
    peerDevice: peer.device,
    peerIdentity: peer.identityKey,
    issuedAt: START_MS,
    expiresAt: START_MS + TICKET_LIFETIME_MS,
  });
});

test("a conversation, its key and the ticket's ephemeral are drawn afresh each time, and nothing else is", () => {
  const env = fixedEnv("grant", nobleCrypto);
  const draws: Uint8Array[] = [];
  const randomBytes = (length: number): Uint8Array => {
    const drawn = env.randomBytes(length);
    draws.push(drawn.slice());
    return drawn;
  };
  const [one, two] = [1, 2].map(() => grant({ ...env, randomBytes, nowMs: () => START_MS }, serverKey, asker, peer));
  if (one === undefined || two === undefined) throw new Error("two grants");
  expect(draws.map(({ length }) => length)).toEqual([16, 32, 32, 16, 32, 32]);
  const [id, key, ephemeral] = draws;
  expect<string | undefined>(one.conversation).toBe(id?.toHex());
  expect<string | undefined>(hexOf(one.key)).toBe(key?.toHex());
  using handle = nobleCrypto.dhKey(ephemeral ?? new Uint8Array(0));
  expect<Uint8Array>(one.ticket.slice(0, 32)).toEqual(handle.publicKey);
  expect(two.conversation).not.toBe(one.conversation);
  expect(hexOf(two.key)).not.toBe(hexOf(one.key));
  expect(two.ticket.slice(0, 32)).not.toEqual(one.ticket.slice(0, 32));
});

test("the stamp is that of the clock at the grant, once", () => {
  const env = fixedEnv("grant", nobleCrypto);
  let now = START_MS;
  const nowMs = (): number => {
    now += 1000;
    return now;
  };
  const { issuedAt, expiresAt } = opened(grant({ ...env, nowMs }, serverKey, asker, peer), START_MS + 1000);
  expect([issuedAt, expiresAt]).toEqual([START_MS + 1000, START_MS + 1000 + 300_000]);
});

describe("of secrets", () => {
  test("a grant leaves the key that it hands over, and no other", () => {
    const env = fixedEnv("grant", nobleCrypto);
    using watch = new SecretWatch();
    const { key } = grant(env, serverKey, asker, peer);
    expect(watch.count).toBeGreaterThan(5);
    expect(watch.alive()).toEqual([key]);
    wipe(key);
  });

  test("the ticket has a copy of the key: wiping one leaves the other", () => {
    const granted = grant(fixedEnv("grant", nobleCrypto), serverKey, asker, peer);
    const before = hexOf(granted.key);
    wipe(granted.key);
    expect(hexOf(opened(granted).key)).toBe(before);
  });

  test.each(BAD_PUBLIC_KEYS.curve25519)("a ticket key that is %s leaves none", (_, bad) => {
    const env = fixedEnv("grant", nobleCrypto);
    using watch = new SecretWatch();
    const refused = failure(() => grant(env, serverKey, asker, { ...peer, ticketKey: bad }));
    expect(refused.code).toBe("channel.handshake");
    expect(watch.count).toBeGreaterThan(1);
    expect(watch.alive()).toEqual([]);
  });

  test("the server's key is borrowed", () => {
    wipe(grant(fixedEnv("grant", nobleCrypto), serverKey, asker, peer).key);
    expect(() => nobleCrypto.dh(serverKey, ticketKey.publicKey)).not.toThrow();
  });
});

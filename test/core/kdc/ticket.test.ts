import { describe, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { concat, lv, utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import type { Address, ConversationId } from "../../../core/ids.ts";
import { acceptTicket, sealTicket, type TicketUse } from "../../../core/kdc/ticket.ts";
import { TICKET_LIFETIME_MS, TICKET_MAX_BYTES, TICKET_SKEW_MS } from "../../../core/limits.ts";
import { startHandshake, writeMessage } from "../../../core/noise/handshake.ts";
import { type HandshakePattern, K } from "../../../core/noise/patterns.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import { encodeAll } from "../../../core/wire/codec.ts";
import { TicketBody } from "../../../core/wire/endToEnd.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { codeOr, failure } from "../../support/codes.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { recordOf } from "../../support/knownChannel.ts";
import { fixedBytes, fixedSecret, flip, patternNamed, runAsync } from "../../support/noise.ts";
import { address } from "../../support/parties.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const ASKER = address("alice", "a");
const PEER = address("bob", "b");
const KEY = fixedBytes("conversation key");
const ASKER_IDENTITY = fixedBytes("asker's identity");
const PEER_IDENTITY = fixedBytes("peer's identity");

function bodyOf(asker: Address = ASKER, peer: Address = PEER): TicketBody {
  return {
    version: 1,
    conversation: "c".repeat(32) as ConversationId,
    key: Secret.copy(KEY),
    asker: asker.user,
    askerDevice: asker.device,
    askerIdentity: ASKER_IDENTITY,
    peer: peer.user,
    peerDevice: peer.device,
    peerIdentity: PEER_IDENTITY,
    issuedAt: START_MS,
    expiresAt: START_MS + TICKET_LIFETIME_MS,
  };
}

/** The server and the device on `crypto`. */
function ends(crypto: CryptoProvider) {
  const server = crypto.dhKey(fixedBytes("server"));
  const device = crypto.dhKey(fixedBytes("device"));
  const seal = (body = bodyOf(), to = device.publicKey, from = server): Uint8Array =>
    sealTicket(crypto, from, to, body, fixedSecret("ephemeral"));
  const accept = (ticket: Uint8Array, use: Partial<TicketUse> = {}, by = device, from = server.publicKey): TicketBody =>
    acceptTicket(crypto, { device: by, server: from }, ticket, {
      ...{ sender: ASKER, self: PEER, receivedAt: START_MS },
      ...use,
    });
  /** The code with which it is refused, or "accepted". */
  const verdict = (...given: Parameters<typeof accept>): string => {
    const body = codeOr(() => accept(...given));
    if (typeof body === "string") return body;
    wipe(body.key);
    return "accepted";
  };
  return { server, device, seal, accept, verdict };
}

const sha256 = (...parts: Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash("sha256")
      .update(concat(...parts))
      .digest(),
  );
const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHmac("sha256", key)
      .update(concat(...parts))
      .digest(),
  );
const u64 = (value: number): Uint8Array => Uint8Array.fromHex(value.toString(16).padStart(16, "0"));

/** A ticket as PROTOCOL §8.2 writes it out, line by line. */
function ticketByHand(body: Uint8Array): Uint8Array {
  const [s, d, e] = ["server", "device", "ephemeral"].map((name) => nobleCrypto.dhKey(fixedBytes(name)));
  if (!(s && d && e)) throw new Error("three keys");
  let ck: Uint8Array = new Uint8Array(32);
  ck.set(utf8("Noise_K_25519_AESGCM_SHA256"));
  let h = ck;
  let k = new Uint8Array(0);
  for (const data of [utf8("IMS/1 ticket"), s.publicKey, d.publicKey, e.publicKey]) h = sha256(h, data);
  for (const shared of [nobleCrypto.dh(e, d.publicKey), nobleCrypto.dh(s, d.publicKey)]) {
    const temporary = shared.use((bytes) => hmac(ck, bytes));
    ck = hmac(temporary, Uint8Array.of(1));
    k = Uint8Array.from(hmac(temporary, ck, Uint8Array.of(2)));
  }
  return concat(e.publicKey, recordOf(k, 0, body, h));
}

describe.each([nobleCrypto, nativeCrypto])("on $name", (crypto) => {
  const { server, device, seal, accept, verdict } = ends(crypto);
  const ticket = seal();

  test("is the Noise message and the body that PROTOCOL writes out", () => {
    const names = [
      ...[lv(utf8("alice")), Uint8Array.fromHex("aa".repeat(8)), ASKER_IDENTITY],
      ...[lv(utf8("bob")), Uint8Array.fromHex("bb".repeat(8)), PEER_IDENTITY],
    ];
    const id = Uint8Array.fromHex("cc".repeat(16));
    const body = concat(Uint8Array.of(1), id, KEY, ...names, u64(START_MS), u64(START_MS + 300_000));
    expect(encodeAll(TicketBody, bodyOf())).toEqual(body);
    expect(ticket).toEqual(ticketByHand(body));
  });

  test("opens as it was sealed", () => {
    const { key, ...rest } = accept(ticket);
    const { key: _, ...sealed } = bodyOf();
    expect(rest).toEqual(sealed);
    expect<Uint8Array>(key.use((bytes) => bytes.slice())).toEqual(KEY);
  });

  test("has 197 bytes and the names", () => {
    expect(ticket).toHaveLength(197 + "alice".length + "bob".length);
    const longest = seal(bodyOf(address("a".repeat(32), "a"), address("b".repeat(32), "b")));
    expect(longest).toHaveLength(261);
    expect(longest.length).toBeLessThanOrEqual(TICKET_MAX_BYTES);
  });

  test("a bit flipped in any byte, cut anywhere, or longer: ticket.invalid", () => {
    const errors = new Set<string>();
    const refuse = (bytes: Uint8Array): void => {
      const { code, message } = failure(() => accept(bytes));
      errors.add(`${code} | ${message}`);
    };
    for (let at = 0; at < ticket.length; at += 1) refuse(flip(ticket, at));
    for (let length = 0; length < ticket.length; length += 1) refuse(ticket.subarray(0, length));
    for (const by of [1, 16, 512, 70_000]) refuse(concat(ticket, new Uint8Array(by)));
    expect([...errors]).toEqual(["ticket.invalid | ticket.invalid"]);
    expect(verdict(ticket)).toBe("accepted");
  });

  test("of another server, or for another device: ticket.invalid", () => {
    const other = crypto.dhKey(fixedBytes("another"));
    expect(verdict(seal(bodyOf(), device.publicKey, other))).toBe("ticket.invalid");
    expect(verdict(seal(bodyOf(), other.publicKey))).toBe("ticket.invalid");
    expect(verdict(ticket, {}, other)).toBe("ticket.invalid");
    expect(verdict(ticket, {}, device, other.publicKey)).toBe("ticket.invalid");
    // Nor does the device itself, or who has only public keys, make one that opens.
    expect(verdict(seal(bodyOf(), server.publicKey, device))).toBe("ticket.invalid");
    expect(verdict(seal(bodyOf(), other.publicKey), {}, other)).toBe("accepted");
  });

  test.each(BAD_PUBLIC_KEYS.curve25519)("a device key or an ephemeral that is %s: no ticket", (_, bad) => {
    expect(failure(() => seal(bodyOf(), bad)).code).toBe("channel.handshake");
    expect(verdict(concat(bad, ticket.subarray(32)))).toBe("ticket.invalid");
    expect(verdict(ticket, {}, device, bad)).toBe("ticket.invalid");
  });
});

const { server, device, seal, accept, verdict } = ends(nobleCrypto);

describe("is judged by what the server says beside it", () => {
  const issued = START_MS;
  test.each([
    [issued - TICKET_SKEW_MS - 1, "ticket.early"],
    [issued - TICKET_SKEW_MS, "accepted"],
    [issued - 1, "accepted"],
    [issued, "accepted"],
    [issued + TICKET_LIFETIME_MS - 1, "accepted"],
    [issued + TICKET_LIFETIME_MS, "ticket.expired"],
    [issued + TICKET_LIFETIME_MS + 1, "ticket.expired"],
    [0, "ticket.early"],
    [Number.MAX_SAFE_INTEGER, "ticket.expired"],
  ])("received at %d: %s", (receivedAt, expected) => {
    expect(verdict(seal(), { receivedAt })).toBe(expected);
  });

  test.each([
    ["issued before 30 s after 1970", 0, 0, "accepted"],
    ["that expires as it is issued", START_MS, START_MS, "ticket.expired"],
    ["that expires before it is issued", START_MS, START_MS - 10_000, "ticket.expired"],
    ["that never expires", START_MS, Number.MAX_SAFE_INTEGER, "accepted"],
  ])("one %s", (_, issuedAt, expiresAt, expected) => {
    const body = { ...bodyOf(), issuedAt, expiresAt: Math.max(expiresAt, issuedAt === 0 ? 1 : 0) };
    expect(verdict(seal(body), { receivedAt: issuedAt })).toBe(expected);
  });

  const [alice2, bob2, mallory] = [address("alice", "d"), address("bob", "d"), address("mallory", "a")];
  test.each([
    ["another user's device of that name sends it", { sender: mallory }],
    ["another device of the asker sends it", { sender: alice2 }],
    ["the recipient sends it", { sender: PEER }],
    ["it comes to another device of the peer", { self: bob2 }],
    ["it comes to another user's device of that name", { self: address("mallory", "b") }],
    ["it comes back to the asker", { self: ASKER }],
    ["both are swapped", { sender: PEER, self: ASKER }],
  ] as const)("when %s: ticket.foreign", (_, use) => {
    expect(verdict(seal(), use)).toBe("ticket.foreign");
    // Before anything is said of its age.
    expect(verdict(seal(), { ...use, receivedAt: 0 })).toBe("ticket.foreign");
    expect(verdict(seal(), { ...use, receivedAt: Number.MAX_SAFE_INTEGER })).toBe("ticket.foreign");
  });
});

describe("sealed properly, but", () => {
  const encoded = encodeAll(TicketBody, bodyOf());
  const prologue = utf8("IMS/1 ticket");

  async function sealed(payload: Uint8Array, pattern: HandshakePattern = K, label = prologue): Promise<Uint8Array> {
    const handshake = startHandshake({
      ...{ suite: aesGcmSha256(nobleCrypto), pattern, prologue: label, role: "initiator" as const },
      ...{ rs: device.publicKey, ephemeralSecret: fixedSecret("ephemeral") },
      ...(pattern.name !== "N" && { s: server }),
    });
    return (await runAsync(writeMessage(handshake, payload), nobleCrypto)).message;
  }

  const replaced = (at: number, ...bytes: number[]): Uint8Array => {
    const out = encoded.slice();
    out.set(bytes, at);
    return out;
  };

  test.each([
    ["empty", new Uint8Array(0)],
    ["of another version", replaced(0, 2)],
    ["a byte short", encoded.subarray(0, -1)],
    ["a byte too long", concat(encoded, Uint8Array.of(0))],
    ["with a name in upper case", replaced(51, 0x41)],
    ["with a name that is none", replaced(51, 0x20)],
    ["with a length that runs over", replaced(49, 0xff, 0xff)],
    ["with a time above 2^53 - 1", replaced(encoded.length - 8, 0xff)],
  ])("%s: ticket.invalid, and no key is left", async (_, payload) => {
    const ticket = await sealed(payload);
    using watch = new SecretWatch();
    expect(verdict(ticket)).toBe("ticket.invalid");
    expect(watch.count).toBeGreaterThan(3);
    expect(watch.alive()).toEqual([]);
  });

  test.each([
    ["under another prologue", K, utf8("IMS/2 ticket")],
    ["under the channel's prologue", K, utf8("IMS/1")],
    ["from nobody in particular", patternNamed("N"), prologue],
    ["from a sender that it names itself", patternNamed("X"), prologue],
  ] as const)("%s: ticket.invalid", async (_, pattern, label) => {
    expect(verdict(await sealed(encoded, pattern, label))).toBe("ticket.invalid");
    expect(verdict(await sealed(encoded))).toBe("accepted");
  });
});

describe("of secrets", () => {
  test("sealing takes the ephemeral over, leaves the key in the body and makes none that stays", () => {
    const body = bodyOf();
    const ephemeral = fixedSecret("ephemeral");
    using watch = new SecretWatch();
    sealTicket(nobleCrypto, server, device.publicKey, body, ephemeral);
    expect([ephemeral.wiped, body.key.wiped]).toEqual([true, false]);
    expect(watch.count).toBeGreaterThan(5);
    expect(watch.alive()).toEqual([]);
  });

  test("a seal that fails leaves none behind, and encodes nothing for a key that is none", () => {
    const body = bodyOf();
    wipe(body.key);
    for (const [key, reason] of [
      [new Uint8Array(31), "rs is not 32 bytes"],
      [device.publicKey, "out of bounds"],
    ] as const) {
      const ephemeral = fixedSecret("ephemeral");
      using watch = new SecretWatch();
      expect(() => sealTicket(nobleCrypto, server, key, body, ephemeral)).toThrow(reason);
      expect(ephemeral.wiped).toBe(true);
      expect(watch.alive()).toEqual([]);
    }
  });

  test("accepting leaves the key in the body alone, refusing none", () => {
    const ticket = seal();
    using watch = new SecretWatch();
    const { key } = accept(ticket);
    expect(watch.alive()).toEqual([key]);
    wipe(key);
    for (const use of [{ sender: PEER }, { self: ASKER }, { receivedAt: 0 }, { receivedAt: 2 * START_MS }]) {
      expect(verdict(ticket, use)).toMatch(/^ticket\.(foreign|early|expired)$/);
      expect(watch.alive()).toEqual([]);
    }
    for (const at of [0, 31, 32, ticket.length - 1]) {
      expect(verdict(flip(ticket, at))).toBe("ticket.invalid");
      expect(watch.alive()).toEqual([]);
    }
  });
});

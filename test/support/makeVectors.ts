/**
 * Writes test/vectors/{channel,session-keys,ticket,account,agreement,ratchet}.json from fixed bytes: `bun test/support/makeVectors.ts`.
 * The tests read those files and never write them; they are made again only when the protocol changes its version.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Channel } from "../../core/channel/record.ts";
import { nobleCrypto } from "../../core/crypto/noble.ts";
import type { Address, ConversationId, DeviceId } from "../../core/ids.ts";
import { sealTicket } from "../../core/kdc/ticket.ts";
import { REKEY_RECORDS, TICKET_LIFETIME_MS, TICKET_SKEW_MS } from "../../core/limits.ts";
import { parseUserName } from "../../core/name.ts";
import { newCipherState } from "../../core/noise/cipherState.ts";
import { aesGcmSha256 } from "../../core/noise/suite.ts";
import { Secret } from "../../core/secret.ts";
import { acceptAnswer, answerHello, hello, only } from "./channelPair.ts";
import { fixedEnv, quickCrypto, START_MS } from "./fixedEnv.ts";
import { accountVectors } from "./makeAccountVectors.ts";
import { agreementVectors, ratchetVectors } from "./makeConversationVectors.ts";
import { queuedEnv } from "./queued.ts";

const random = fixedEnv("IMS/1 vectors", quickCrypto);
const draw = (length: number): Uint8Array => random.randomBytes(length);
const hex = (bytes: Uint8Array): string => bytes.toHex();
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const secret = (bytes: Uint8Array): Secret => Secret.copy(bytes);

async function channel(): Promise<object> {
  const drawn = {
    serverPrivateKey: draw(32),
    clientKemSeed: draw(64),
    clientEphemeral: draw(32),
    serverEphemeral: draw(32),
    encapsulationCoins: draw(32),
  };
  const inputs = Object.fromEntries(Object.entries(drawn).map(([name, bytes]) => [name, hex(bytes)]));
  const clientEnv = queuedEnv(nobleCrypto, [drawn.clientKemSeed, drawn.clientEphemeral]);
  const serverEnv = queuedEnv(quickCrypto, [drawn.serverEphemeral, drawn.encapsulationCoins]);
  const first = await hello(clientEnv, quickCrypto.dhKey(drawn.serverPrivateKey).publicKey);
  const one = only(first.sent);
  const second = await answerHello(serverEnv, quickCrypto.dhKey(drawn.serverPrivateKey), one);
  const two = only(second.sent);
  const third = await acceptAnswer(clientEnv, first.state, two);
  if (third.state.phase !== "open" || second.state.phase !== "open") throw new Error("the handshake did not end");
  const [client, server] = [third.state.channel, second.state.channel];
  const records = [0, 1, REKEY_RECORDS - 1, REKEY_RECORDS, REKEY_RECORDS + 1];
  const sealed = (side: Channel, from: string): object[] =>
    Array.from({ length: REKEY_RECORDS + 2 }, (_, number) => {
      const plaintext = Uint8Array.of(number >> 16, number >> 8, number);
      return { from, number, plaintext: hex(plaintext), record: hex(side.seal(plaintext)) };
    }).filter(({ number }) => records.includes(number));
  return {
    about:
      "One handshake of the channel, and records of it; before record 65536 of a direction its key was replaced. Bytes in hexadecimal. clientKemSeed is d || z of ML-KEM key generation, encapsulationCoins is m. Record number n of a direction has the plaintext n, 3 bytes, and all before it were sealed. refused: the message with that byte (from 0) XORed with flip, or cut to that length, is refused by its reader with that code.",
    inputs,
    hello: hex(one),
    answer: hex(two),
    handshakeHash: hex(client.handshakeHash),
    records: [...sealed(client, "client"), ...sealed(server, "server")],
    refused: [
      { message: "hello", at: 0, flip: "03", code: "wire.version" },
      { message: "hello", at: 1, flip: "01", code: "channel.handshake" },
      { message: "hello", at: 32, flip: "80", code: "channel.handshake" },
      { message: "hello", at: 33, flip: "01", code: "channel.handshake" },
      { message: "hello", at: 1248, flip: "80", code: "channel.handshake" },
      { message: "hello", length: 1248, code: "channel.handshake" },
      { message: "hello", length: 0, code: "wire.version" },
      { message: "answer", at: 0, flip: "01", code: "channel.handshake" },
      { message: "answer", at: 32, flip: "01", code: "channel.handshake" },
      { message: "answer", at: 1151, flip: "01", code: "channel.handshake" },
      { message: "answer", length: 1151, code: "channel.handshake" },
    ],
  };
}

function sessionKeys(): object {
  const inputs = { handshakeHash: draw(32), clientToServer: draw(32), serverToClient: draw(32), sessionKey: draw(64) };
  const sides = (["initiator", "responder"] as const).map((role) => {
    const keys = {
      handshakeHash: inputs.handshakeHash,
      initiatorToResponder: newCipherState(secret(inputs.clientToServer)),
      responderToInitiator: newCipherState(secret(inputs.serverToClient)),
    };
    return new Channel(aesGcmSha256(quickCrypto), role, keys);
  });
  const record = (side: number, text: string): object => {
    const sealed = sides[side]?.seal(utf8(text)) ?? new Uint8Array(0);
    return { from: side === 0 ? "client" : "server", plaintext: hex(utf8(text)), record: hex(sealed) };
  };
  const before = [record(0, "before, from the client"), record(1, "before, from the server")];
  for (const side of sides) side.switchKeys(secret(inputs.sessionKey));
  const after = [record(0, "after, from the client"), record(1, "after, from the server"), record(0, "the next one")];
  return {
    about:
      "The change of keys that ends a login: HKDF-SHA512(salt = handshakeHash, ikm = clientToServer || serverToClient || sessionKey, info = 'IMS/1 session'), 64 bytes, client to server first; the counters start again. Bytes in hexadecimal. before: the first record of each direction; after: the first records under the new keys.",
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, bytes]) => [name, hex(bytes)])),
    before,
    after,
  };
}

const asker: Address = { user: parseUserName("alice"), device: hex(draw(8)) as DeviceId };
const peer: Address = { user: parseUserName("bob"), device: hex(draw(8)) as DeviceId };
const stranger: Address = { user: parseUserName("mallory"), device: hex(draw(8)) as DeviceId };

function ticket(): object {
  const inputs = { serverPrivateKey: draw(32), devicePrivateKey: draw(32), ephemeral: draw(32), key: draw(32) };
  const conversation = hex(draw(16)) as ConversationId;
  const [askerIdentity, peerIdentity] = [new Uint8Array(32).fill(0xa1), new Uint8Array(32).fill(0xb2)];
  const [issuedAt, expiresAt] = [START_MS, START_MS + TICKET_LIFETIME_MS];
  const sealed = sealTicket(
    quickCrypto,
    quickCrypto.dhKey(inputs.serverPrivateKey),
    quickCrypto.dhKey(inputs.devicePrivateKey).publicKey,
    {
      ...{ version: 1, conversation, key: secret(inputs.key), issuedAt, expiresAt },
      ...{ asker: asker.user, askerDevice: asker.device, askerIdentity },
      ...{ peer: peer.user, peerDevice: peer.device, peerIdentity },
    },
    secret(inputs.ephemeral),
  );
  const use = { sender: asker, self: peer, receivedAt: issuedAt };
  const refused = [
    { ...use, sender: stranger, code: "ticket.foreign" },
    { ...use, sender: { ...asker, device: stranger.device }, code: "ticket.foreign" },
    { ...use, self: stranger, code: "ticket.foreign" },
    { ...use, self: { ...peer, device: stranger.device }, code: "ticket.foreign" },
    { ...use, receivedAt: issuedAt - TICKET_SKEW_MS - 1, code: "ticket.early" },
    { ...use, receivedAt: expiresAt, code: "ticket.expired" },
  ];
  const altered = [0, 31, 32, sealed.length - 1].map((at) => ({ at, flip: "01", code: "ticket.invalid" }));
  return {
    about:
      "One ticket: Noise_K_25519_AESGCM_SHA256 with the prologue 'IMS/1 ticket' from the server's key to the device's. Bytes in hexadecimal, times in milliseconds since 1970. accepted and refused: the sender and the time of receipt as the server names them for the envelope, and the device that opens it. altered: the ticket with that byte (from 0) XORed with flip.",
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, bytes]) => [name, hex(bytes)])),
    body: {
      ...{ conversation, asker, askerIdentity: hex(askerIdentity), peer, peerIdentity: hex(peerIdentity) },
      ...{ issuedAt, expiresAt },
    },
    ticket: hex(sealed),
    accepted: [issuedAt - TICKET_SKEW_MS, issuedAt, expiresAt - 1].map((receivedAt) => ({ ...use, receivedAt })),
    refused,
    altered,
  };
}

/** Bytes as hexadecimal, wherever they are. */
function written(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? hex(value) : value;
}

const made = {
  channel: await channel(),
  "session-keys": sessionKeys(),
  ticket: ticket(),
  account: accountVectors(),
  agreement: agreementVectors(),
  ratchet: ratchetVectors(),
};
for (const [name, content] of Object.entries(made)) {
  const path = join(import.meta.dir, "..", "vectors", `${name}.json`);
  writeFileSync(path, `${JSON.stringify(content, written, 2)}\n`);
}

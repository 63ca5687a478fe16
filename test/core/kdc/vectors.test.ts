import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { Address, ConversationId } from "../../../core/ids.ts";
import { acceptTicket, sealTicket } from "../../../core/kdc/ticket.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import type { TicketBody } from "../../../core/wire/endToEnd.ts";
import { codeOr } from "../../support/codes.ts";
import vector from "../../vectors/ticket.json";

const { inputs, body, accepted, refused, altered } = vector;
const unhex = (hex: string): Uint8Array => Uint8Array.fromHex(hex);
const [asker, peer] = [body.asker, body.peer] as [Address, Address];

test("the file has just the fields that are checked here", () => {
  expect(Object.keys(vector)).toEqual(["about", "inputs", "body", "ticket", "accepted", "refused", "altered"]);
  expect(Object.keys(inputs)).toEqual(["serverPrivateKey", "devicePrivateKey", "ephemeral", "key"]);
  expect(Object.keys(body)).toEqual([
    ...["conversation", "asker", "askerIdentity", "peer", "peerIdentity", "issuedAt", "expiresAt"],
  ]);
  for (const address of [asker, peer]) expect(Object.keys(address)).toEqual(["user", "device"]);
  for (const one of accepted) expect(Object.keys(one)).toEqual(["sender", "self", "receivedAt"]);
  for (const one of refused) expect(Object.keys(one)).toEqual(["sender", "self", "receivedAt", "code"]);
  for (const one of altered) expect(Object.keys(one)).toEqual(["at", "flip", "code"]);
});

describe.each([nobleCrypto, nativeCrypto])("ticket.json by $name", (crypto) => {
  const server = crypto.dhKey(unhex(inputs.serverPrivateKey));
  const device = crypto.dhKey(unhex(inputs.devicePrivateKey));
  const fields = {
    version: 1,
    conversation: body.conversation as ConversationId,
    asker: asker.user,
    askerDevice: asker.device,
    askerIdentity: unhex(body.askerIdentity),
    peer: peer.user,
    peerDevice: peer.device,
    peerIdentity: unhex(body.peerIdentity),
    issuedAt: body.issuedAt,
    expiresAt: body.expiresAt,
  } as const;

  type Use = { sender: object; self: object; receivedAt: number };
  function accept(ticket: Uint8Array, { sender, self, receivedAt }: Use): TicketBody {
    const use = { sender: sender as Address, self: self as Address, receivedAt };
    return acceptTicket(crypto, { device, server: server.publicKey }, ticket, use);
  }

  test("the server seals it so", () => {
    using key = Secret.take(unhex(inputs.key));
    const ephemeral = Secret.take(unhex(inputs.ephemeral));
    expect(sealTicket(crypto, server, device.publicKey, { ...fields, key }, ephemeral).toHex()).toBe(vector.ticket);
  });

  test.each(accepted)("the device accepts it, received at $receivedAt", (use) => {
    const { key, ...rest } = accept(unhex(vector.ticket), use);
    expect(rest).toEqual(fields);
    expect(key.use((bytes) => bytes.toHex())).toBe(inputs.key);
    wipe(key);
  });

  test.each(refused)("$code", (use) => {
    expect<unknown>(codeOr(() => accept(unhex(vector.ticket), use))).toBe(use.code);
  });

  test.each(altered)("with byte $at altered: $code", ({ at, flip, code }) => {
    const ticket = unhex(vector.ticket);
    ticket[at] = (ticket[at] ?? 0) ^ Number.parseInt(flip, 16);
    expect(ticket.toHex()).not.toBe(vector.ticket);
    const use = { sender: asker, self: peer, receivedAt: body.issuedAt };
    expect<unknown>(codeOr(() => accept(ticket, use))).toBe(code);
  });
});

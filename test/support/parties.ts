/** Devices with conversations and a KDC between them, without channels or a server machine. */
import type { DhPrivateKey } from "../../core/crypto/provider.ts";
import type { Address, DeviceId, MessageId } from "../../core/ids.ts";
import { type Granted, grant } from "../../core/kdc/granting.ts";
import { parseUserName } from "../../core/name.ts";
import { ClientSession } from "../../core/peer/clientSession.ts";
import { Conversations, type Identity } from "../../core/peer/conversations.ts";
import type { Notice } from "../../core/peer/notices.ts";
import { Secret } from "../../core/secret.ts";
import { encodeAll } from "../../core/wire/codec.ts";
import { Content } from "../../core/wire/endToEnd.ts";
import type { ClientMessage, ServerMessage } from "../../core/wire/messages.ts";
import { type FixedEnv, fixedEnv, quickCrypto, START_MS } from "./fixedEnv.ts";

const REALM = new Uint8Array(32).fill(1);

/** A KDC with a fixed key. */
export class Kdc {
  readonly env: FixedEnv = fixedEnv("kdc", quickCrypto);
  readonly key: DhPrivateKey = quickCrypto.dhKey(new Uint8Array(32).fill(2));

  /** A device and what it knows. Names one letter apart have keys of their own. */
  identity(user: string, device: string): Identity {
    const self = address(user, device);
    const ticketKey = quickCrypto.dhKey(quickCrypto.sha256(new TextEncoder().encode(`${user}/${device}`)));
    return { crypto: quickCrypto, realm: REALM, self, ticketKey, serverPublicKey: this.key.publicKey };
  }

  grant(asker: Identity, peer: Identity): Granted {
    return grant(this.env, this.key, asker.self, { ...peer.self, ticketKey: peer.ticketKey.publicKey });
  }

  /** The same as what the server says to `asker`. */
  grantMessage(asker: Identity, peer: Identity): Extract<ServerMessage, { kind: "grant" }> {
    return { kind: "grant", ...peer.self, ...this.grant(asker, peer) };
  }
}

/** `device` is one hexadecimal digit, repeated. */
export function address(user: string, device: string): Address {
  return { user: parseUserName(user), device: device.repeat(16) as DeviceId };
}

export function messageId(index: number): MessageId {
  return index.toString(16).padStart(32, "0") as MessageId;
}

/** A content as a client makes it, or with something changed. */
export function contentOf(to: string, body: string | Uint8Array, kind = 1): Uint8Array {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return encodeAll(Content, { version: 1, kind, sentAt: START_MS, to: parseUserName(to), body: bytes });
}

/** A logged-in client, fed by hand with what its server says. */
export class Party {
  readonly identity: Identity;
  readonly session: ClientSession;
  readonly frames: ClientMessage[] = [];
  readonly notices: Notice[] = [];

  constructor(kdc: Kdc, user: string, device: string) {
    this.identity = kdc.identity(user, device);
    const sessionKey = Secret.take(new Uint8Array(64).fill(3));
    this.session = new ClientSession(kdc.env, { ...this.identity, sessionKey });
  }

  /** The server says `messages`. */
  hear(...messages: ServerMessage[]): this {
    for (const message of messages) this.#keep(this.session.receive(message));
    return this;
  }

  send(index: number, to: string, text: string): this {
    this.#keep(this.session.send(messageId(index), to, text));
    return this;
  }

  giveUp(index: number): this {
    this.#keep(this.session.giveUp(messageId(index)));
    return this;
  }

  /** What it has asked the server since the last time. */
  take(): ClientMessage[] {
    return this.frames.splice(0);
  }

  /** Its envelopes of those, as the server delivers them. */
  deliveries(receivedAt = START_MS): Extract<ServerMessage, { kind: "delivery" }>[] {
    return this.take().flatMap((frame) => {
      if (frame.kind !== "send") return [];
      const { message, envelope } = frame;
      return [{ kind: "delivery", message, ...this.identity.self, receivedAt, envelope }];
    });
  }

  /** The texts that its user was shown. */
  get texts(): readonly string[] {
    return this.notices.flatMap((notice) => (notice.kind === "message" ? [notice.text] : []));
  }

  #keep({ frames, notices }: { readonly frames: readonly ClientMessage[]; readonly notices: readonly Notice[] }): void {
    this.frames.push(...frames);
    this.notices.push(...notices);
  }
}

/** A party that speaks end to end as it likes. */
export function rogue(kdc: Kdc, user: string, device: string): { identity: Identity; conversations: Conversations } {
  const identity = kdc.identity(user, device);
  return { identity, conversations: new Conversations(identity) };
}

/** The roster entry of a user with these devices. */
export function presence(name: string, ...devices: readonly string[]): Extract<ServerMessage, { kind: "presence" }> {
  return { kind: "presence", name, devices: devices.map((device) => device.repeat(16) as DeviceId) };
}

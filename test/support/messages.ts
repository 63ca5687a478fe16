/** Arbitrary values of everything that is declared in `core/wire`. */
import fc from "fast-check";
import type { ConversationId, DeviceId, MessageId } from "../../core/ids.ts";
import {
  DEVICES_MAX,
  ENVELOPE_MAX_BYTES,
  GUESS_SUMMARIES_MAX,
  PREFIX_MAX_BYTES,
  PUZZLE_MAX_BITS,
  SEALED_MAX_BYTES,
  TICKET_MAX_BYTES,
} from "../../core/limits.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import type { Codec, Infer } from "../../core/wire/codec.ts";
import { Content, ConversationTranscript, Envelope, EnvelopeHeader, TicketBody } from "../../core/wire/endToEnd.ts";
import { CLIENT_MESSAGES, type ClientMessage, SERVER_MESSAGES, type ServerMessage } from "../../core/wire/messages.ts";

/** Mostly short; now and then the longest, whose bytes are all alike so that it is made quickly. */
function bytesUpTo(max: number): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: Math.min(max, 40) }) },
    { weight: 1, arbitrary: fc.nat(255).map((value) => new Uint8Array(max).fill(value)) },
  );
}

const exactly = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const idOf = <T extends string>(length: number): fc.Arbitrary<T> => exactly(length).map((id) => id.toHex() as T);

const displayName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/);
const user: fc.Arbitrary<UserName> = displayName.map(parseUserName);
const device = idOf<DeviceId>(8);
const message = idOf<MessageId>(16);
const conversation = idOf<ConversationId>(16);
const key: fc.Arbitrary<Secret> = exactly(32).map((value) => Secret.take(value));
const time = fc.oneof(
  fc.constantFrom(0, 255, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.nat(Number.MAX_SAFE_INTEGER),
);
const u32 = fc.nat(2 ** 32 - 1);
const version = fc.constant(1 as const);
const envelope = bytesUpTo(ENVELOPE_MAX_BYTES);

type Arbitraries<M extends { readonly kind: string }> = {
  readonly [K in M["kind"]]: fc.Arbitrary<Extract<M, { readonly kind: K }>>;
};

/** One for each registered message: a new one without any does not compile. */
const CLIENT_ARBITRARIES: Arbitraries<ClientMessage> = {
  loginStart: fc.record({ kind: fc.constant("loginStart"), user, ke1: exactly(96) }),
  loginFinish: fc.record({ kind: fc.constant("loginFinish"), ke3: exactly(64) }),
  attach: fc.record({ kind: fc.constant("attach"), device, ticketKey: exactly(32) }),
  ticketRequest: fc.record({ kind: fc.constant("ticketRequest"), user, device }),
  send: fc.record({ kind: fc.constant("send"), message, user, device, envelope }),
  acknowledge: fc.record({ kind: fc.constant("acknowledge"), message, user, device }),
  logout: fc.record({ kind: fc.constant("logout") }),
  guessesSeen: fc.record({ kind: fc.constant("guessesSeen") }),
  solution: fc.record({ kind: fc.constant("solution"), nonce: exactly(8) }),
};

const SERVER_ARBITRARIES: Arbitraries<ServerMessage> = {
  loginResponse: fc.record({ kind: fc.constant("loginResponse"), ke2: exactly(320) }),
  presence: fc.record({
    kind: fc.constant("presence"),
    name: displayName,
    devices: fc.array(device, { maxLength: DEVICES_MAX }),
  }),
  unregistered: fc.record({ kind: fc.constant("unregistered"), user }),
  attached: fc.record({ kind: fc.constant("attached"), name: displayName }),
  grant: fc.record({
    kind: fc.constant("grant"),
    ...{ user, device, conversation, key },
    ticket: bytesUpTo(TICKET_MAX_BYTES),
  }),
  absent: fc.record({ kind: fc.constant("absent"), user, device }),
  bounced: fc.record({ kind: fc.constant("bounced"), message, user, device }),
  delivery: fc.record({ kind: fc.constant("delivery"), message, user, device, receivedAt: time, envelope }),
  confirmed: fc.record({ kind: fc.constant("confirmed"), message, user, device }),
  goodbye: fc.record({ kind: fc.constant("goodbye"), reason: fc.nat(65535), waitSeconds: fc.nat(65535) }),
  puzzle: fc.record({ kind: fc.constant("puzzle"), bits: fc.integer({ min: 1, max: PUZZLE_MAX_BITS }) }),
  guesses: fc.record({
    kind: fc.constant("guesses"),
    prefixes: fc.array(
      fc.record({
        from: fc.string({ maxLength: PREFIX_MAX_BYTES / 4 }).filter((text) => text.isWellFormed()),
        count: u32,
        firstMs: time,
        lastMs: time,
      }),
      { maxLength: GUESS_SUMMARIES_MAX },
    ),
    others: u32,
  }),
};

/** Any message of one side. */
export const anyMessage: { readonly [side in "client" | "server"]: fc.Arbitrary<ClientMessage | ServerMessage> } = {
  client: fc.oneof(...Object.values(CLIENT_ARBITRARIES)),
  server: fc.oneof(...Object.values(SERVER_ARBITRARIES)),
};

/** The body of a message: what its codec knows of it. */
function body({ kind: _, ...fields }: ClientMessage | ServerMessage): object {
  return fields;
}

function declared<T>(codec: Codec<T>, value: fc.Arbitrary<T>): [Codec<unknown>, fc.Arbitrary<unknown>] {
  return [codec, value];
}

/** Every declared structure with a codec and an arbitrary: the bodies of the messages, and what lies inside them. */
export const STRUCTURES: readonly (readonly [string, Codec<unknown>, fc.Arbitrary<unknown>])[] = [
  ...Object.entries(CLIENT_MESSAGES).map(
    ([kind, { codec }]) => [kind, codec, CLIENT_ARBITRARIES[kind as ClientMessage["kind"]].map(body)] as const,
  ),
  ...Object.entries(SERVER_MESSAGES).map(
    ([kind, { codec }]) => [kind, codec, SERVER_ARBITRARIES[kind as ServerMessage["kind"]].map(body)] as const,
  ),
  [
    "Content",
    ...declared<Infer<typeof Content>>(
      Content,
      fc.record({ version, kind: fc.nat(255), sentAt: time, to: user, body: bytesUpTo(8192) }),
    ),
  ],
  [
    "Envelope",
    ...declared<Infer<typeof Envelope>>(
      Envelope,
      fc.record({
        version,
        conversation,
        number: u32,
        ticket: bytesUpTo(TICKET_MAX_BYTES),
        sealed: bytesUpTo(SEALED_MAX_BYTES),
      }),
    ),
  ],
  [
    "TicketBody",
    ...declared<Infer<typeof TicketBody>>(
      TicketBody,
      fc.record({
        ...{ version, conversation, key, asker: user, askerDevice: device, peer: user, peerDevice: device },
        ...{ issuedAt: time, expiresAt: time },
      }),
    ),
  ],
  [
    "ConversationTranscript",
    ...declared<Infer<typeof ConversationTranscript>>(
      ConversationTranscript,
      fc.record({
        realm: exactly(32),
        ...{ conversation, asker: user, askerDevice: device, peer: user, peerDevice: device },
      }),
    ),
  ],
  [
    "EnvelopeHeader",
    ...declared<Infer<typeof EnvelopeHeader>>(
      EnvelopeHeader,
      fc.record({
        ...{ version, conversation, number: u32, message, sender: user, senderDevice: device },
        ...{ recipient: user, recipientDevice: device },
      }),
    ),
  ],
];

/** `value` with its secrets laid open, so that two of them can be compared. */
export function laidOpen(value: unknown): unknown {
  if (value instanceof Secret) return { secret: value.use((bytes) => bytes.toHex()) };
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, laidOpen(field)]));
}

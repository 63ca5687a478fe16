/** Arbitrary values of everything that is declared in `core/wire`. */
import fc from "fast-check";
import type { ConversationId, DeviceId, MessageId } from "../../core/ids.ts";
import {
  DEVICE_LIST_MAX_BYTES,
  DEVICES_MAX,
  ENVELOPE_MAX_BYTES,
  GUESS_SUMMARIES_MAX,
  OPENING_MAX_BYTES,
  PIN_MAX_BYTES,
  PIN_NAME_BYTES,
  PINS_PER_MESSAGE,
  PREFIX_MAX_BYTES,
  PREKEY_BYTES,
  PREKEYS_PER_MESSAGE,
  PUZZLE_MAX_BITS,
  SEALED_MAX_BYTES,
  TICKET_MAX_BYTES,
  WRAP_MAX_BYTES,
} from "../../core/limits.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import { Device, DeviceList, type PinName, Prekey } from "../../core/wire/account.ts";
import type { Codec, Infer } from "../../core/wire/codec.ts";
import {
  AgreementTranscript,
  Content,
  Envelope,
  EnvelopeHeader,
  Opening,
  TicketBody,
} from "../../core/wire/endToEnd.ts";
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

const wrapped = bytesUpTo(WRAP_MAX_BYTES);
const accountKeys = fc.record({
  ...{ identityKey: exactly(32), identityWrap: wrapped, accountWrap: wrapped, recoveryWrap: wrapped },
});
const signedDevices = fc.record({ list: bytesUpTo(DEVICE_LIST_MAX_BYTES), signature: exactly(64) });
const prekeyId = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const signedPrekey = fc.record({ id: prekeyId, prekey: exactly(PREKEY_BYTES), signature: exactly(64) });
const bundle = fc.record({
  ...{ identityKey: exactly(32), devices: signedDevices, signed: signedPrekey, oneTime: fc.option(signedPrekey) },
});
const pin = fc.record({
  name: exactly(PIN_NAME_BYTES).map((bytes) => bytes.toHex() as PinName),
  version: u32,
  sealed: bytesUpTo(PIN_MAX_BYTES),
});

type Arbitraries<M extends { readonly kind: string }> = {
  readonly [K in M["kind"]]: fc.Arbitrary<Extract<M, { readonly kind: K }>>;
};

/** One for each registered message: a new one without any does not compile. */
const CLIENT_ARBITRARIES: Arbitraries<ClientMessage> = {
  loginStart: fc.record({ kind: fc.constant("loginStart"), user, ke1: exactly(96) }),
  loginFinish: fc.record({ kind: fc.constant("loginFinish"), ke3: exactly(64) }),
  attach: fc.record({ kind: fc.constant("attach"), device, logins: u32 }),
  ticketRequest: fc.record({ kind: fc.constant("ticketRequest"), user, device }),
  send: fc.record({ kind: fc.constant("send"), message, user, device, envelope }),
  acknowledge: fc.record({ kind: fc.constant("acknowledge"), message, user, device }),
  logout: fc.record({ kind: fc.constant("logout") }),
  guessesSeen: fc.record({ kind: fc.constant("guessesSeen") }),
  solution: fc.record({ kind: fc.constant("solution"), nonce: exactly(8) }),
  createAccount: fc.record({ kind: fc.constant("createAccount"), keys: accountKeys, replaces: fc.option(exactly(32)) }),
  putWraps: fc.record({
    kind: fc.constant("putWraps"),
    ...{ identityKey: exactly(32), accountWrap: wrapped, recoveryWrap: wrapped },
  }),
  putDevices: fc.record({ kind: fc.constant("putDevices"), devices: signedDevices }),
  putPrekeys: fc.record({
    kind: fc.constant("putPrekeys"),
    device,
    signed: fc.option(signedPrekey),
    oneTime: fc.array(signedPrekey, { maxLength: PREKEYS_PER_MESSAGE }),
  }),
  putPin: fc.record({ kind: fc.constant("putPin"), pin }),
  passwordStart: fc.record({ kind: fc.constant("passwordStart"), ke1: exactly(96), request: exactly(32) }),
  passwordFinish: fc.record({
    kind: fc.constant("passwordFinish"),
    ...{ ke3: exactly(64), record: exactly(192), accountWrap: wrapped },
  }),
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
    bundle,
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
  account: fc.record({
    kind: fc.constant("account"),
    initial: fc.nat(1),
    nowMs: time,
    account: fc.option(
      fc.record({
        keys: accountKeys,
        devices: fc.option(signedDevices),
        standings: fc.array(
          fc.record({ device, seenAt: time, logins: u32, signedPrekey: u32, oneTimePrekeys: fc.nat(65535) }),
          { maxLength: DEVICES_MAX },
        ),
      }),
    ),
  }),
  pins: fc.record({ kind: fc.constant("pins"), pins: fc.array(pin, { maxLength: PINS_PER_MESSAGE }) }),
  devices: fc.record({ kind: fc.constant("devices"), devices: signedDevices }),
  pinStands: fc.record({ kind: fc.constant("pinStands"), pin }),
  prekeysLow: fc.record({ kind: fc.constant("prekeysLow"), oneTimePrekeys: fc.nat(65535) }),
  passwordResponse: fc.record({ kind: fc.constant("passwordResponse"), ke2: exactly(320), response: exactly(64) }),
  passwordResult: fc.record({
    kind: fc.constant("passwordResult"),
    ...{ reason: fc.nat(65535), waitSeconds: fc.nat(65535) },
  }),
  wrapsStand: fc.record({ kind: fc.constant("wrapsStand") }),
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
    "Device",
    ...declared<Infer<typeof Device>>(
      Device,
      fc.record({
        ...{ device, ticketKey: exactly(32), agreementKey: exactly(32), addedAt: time, temporary: fc.nat(1) },
      }),
    ),
  ],
  [
    "DeviceList",
    ...declared<Infer<typeof DeviceList>>(
      DeviceList,
      fc.record({
        version,
        number: u32,
        devices: fc.array(
          fc.record({
            ...{ device, ticketKey: exactly(32), agreementKey: exactly(32), addedAt: time, temporary: fc.nat(1) },
          }),
          { maxLength: 8 },
        ),
      }),
    ),
  ],
  [
    "Prekey",
    ...declared<Infer<typeof Prekey>>(
      Prekey,
      fc.record({
        ...{ version, device, id: prekeyId, dhKey: exactly(32), kemKey: exactly(1184), expiresAt: time },
      }),
    ),
  ],
  [
    "Opening",
    ...declared<Infer<typeof Opening>>(
      Opening,
      fc.record({
        ticket: bytesUpTo(TICKET_MAX_BYTES),
        ...{ identityKey: exactly(32), devices: signedDevices, ephemeral: exactly(32) },
        ...{ signedPrekey: prekeyId, oneTimePrekey: u32, kemCiphertext: exactly(1088) },
      }),
    ),
  ],
  [
    "Envelope",
    ...declared<Infer<typeof Envelope>>(
      Envelope,
      fc.record({
        ...{ version, conversation, senderDevices: u32, recipientDevices: u32 },
        ...{ ratchetKey: exactly(32), previous: u32, number: u32 },
        opening: bytesUpTo(OPENING_MAX_BYTES),
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
        ...{ askerIdentity: exactly(32), peerIdentity: exactly(32), issuedAt: time, expiresAt: time },
      }),
    ),
  ],
  [
    "AgreementTranscript",
    ...declared<Infer<typeof AgreementTranscript>>(
      AgreementTranscript,
      fc.record({
        ...{ version, realm: exactly(32), conversation, asker: user, askerDevice: device, askerIdentity: exactly(32) },
        ...{ askerAgreementKey: exactly(32), peer: user, peerDevice: device, peerIdentity: exactly(32) },
        ...{ peerAgreementKey: exactly(32), ephemeral: exactly(32), signedPrekey: prekeyId },
        ...{ signedDhKey: exactly(32), signedKemKey: exactly(1184), oneTimePrekey: u32 },
        ...{ oneTimeDhKey: exactly(32), oneTimeKemKey: exactly(1184), kemCiphertext: exactly(1088) },
      }),
    ),
  ],
  [
    "EnvelopeHeader",
    ...declared<Infer<typeof EnvelopeHeader>>(
      EnvelopeHeader,
      fc.record({
        ...{ version, conversation, message, sender: user, senderDevice: device },
        ...{ recipient: user, recipientDevice: device, senderDevices: u32, recipientDevices: u32 },
        ...{ ratchetKey: exactly(32), previous: u32, number: u32 },
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

/** Users who are logged in and say what they should not: each is answered or ended with a code, and nobody else notices. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { hostEnv } from "../../../cmd/host/env.ts";
import { concat, u16, utf8 } from "../../../core/bytes.ts";
import type { ErrorCode } from "../../../core/errors.ts";
import { newDeviceId, newMessageId } from "../../../core/ids.ts";
import { RECORD_FRAMES_MAX } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { type ClientMessage, clientFrames, type ServerMessage, serverFrames } from "../../../core/wire/messages.ts";
import { OPCODE } from "../../support/frames.ts";
import { Intruder } from "../../support/intruder.ts";
import { RunningRealm } from "../../support/runningRealm.ts";

setDefaultTimeout(30_000);

let realm: RunningRealm;
/** Logged in throughout: all that Bob's device hears is who comes and goes. */
let bob: Intruder;
beforeAll(async () => {
  realm = await RunningRealm.start();
  bob = await Intruder.login(realm, "Bob");
});
afterAll(async () => {
  bob?.[Symbol.dispose]();
  await realm?.[Symbol.asyncDispose]();
});

const id = newMessageId(hostEnv);
const nobody = { user: parseUserName("nobody"), device: newDeviceId(hostEnv) };
const frame = (type: number, body: Uint8Array): Uint8Array => concat(Uint8Array.of(type), u16(body.length), body);
const attach = (device = newDeviceId(hostEnv)): ClientMessage => ({ kind: "attach", device, logins: 1 });
const acknowledge = (): Uint8Array => clientFrames.encode({ kind: "acknowledge", message: id, ...bob.peer.self });

/** What a session may not say; the plaintext of a record. */
const ENDED: readonly (readonly [what: string, plaintext: (own: Intruder) => Uint8Array, code: ErrorCode])[] = [
  ["attaches again", () => clientFrames.encode(attach()), "state.unexpected"],
  [
    "attaches again as the device it is",
    ({ peer }) => clientFrames.encode(attach(peer.self.device)),
    "state.unexpected",
  ],
  [
    "begins a login",
    () => clientFrames.encode({ kind: "loginStart", user: nobody.user, ke1: new Uint8Array(96) }),
    "state.unexpected",
  ],
  ["proves a login", () => clientFrames.encode({ kind: "loginFinish", ke3: new Uint8Array(64) }), "state.unexpected"],
  ["solves a puzzle", () => clientFrames.encode({ kind: "solution", nonce: new Uint8Array(8) }), "state.unexpected"],
  [
    "says that a message was confirmed",
    () => serverFrames.encode({ kind: "confirmed", message: id, ...bob.peer.self }),
    "wire.malformed",
  ],
  [
    "says goodbye to the server",
    () => serverFrames.encode({ kind: "goodbye", reason: 501, waitSeconds: 0 }),
    "wire.malformed",
  ],
  [
    "forges a delivery",
    () =>
      serverFrames.encode({
        kind: "delivery",
        message: id,
        ...bob.peer.self,
        receivedAt: 0,
        envelope: new Uint8Array(9),
      }),
    "wire.malformed",
  ],
  ["sends a frame of type 63", () => frame(63, new Uint8Array(3)), "wire.malformed"],
  ["sends a frame of type 255", () => frame(255, new Uint8Array(0)), "wire.malformed"],
  ["sends an empty record", () => new Uint8Array(0), "wire.malformed"],
  ["sends half a frame", () => acknowledge().slice(0, -1), "wire.malformed"],
  [
    "sends a frame with a byte too many",
    () => frame(6, concat(acknowledge().slice(3), new Uint8Array(1))),
    "wire.malformed",
  ],
  ["sends padding that is not zeros", () => concat(acknowledge(), frame(0, Uint8Array.of(1))), "wire.malformed"],
  [
    "asks for more in a record than there may be",
    () => concat(...Array.from({ length: RECORD_FRAMES_MAX + 1 }, acknowledge)),
    "wire.malformed",
  ],
];

test.each(ENDED)("a session that %s is told why, and ended", async (_what, plaintext, code) => {
  using chris = await Intruder.login(realm, "Chris");
  chris.peer.sendPlain(plaintext(chris));
  expect(await chris.ended()).toBe(code);
  await realm.logged("user.logout", { device: chris.peer.self.device, code });
  await undisturbed();
});

test("a session whose record does not open, and one that sends text, are told so and ended", async () => {
  using chris = await Intruder.login(realm, "Chris");
  chris.socket.send(hostEnv.randomBytes(64));
  expect(await chris.ended()).toBe("channel.record");
  using dana = await Intruder.login(realm, "Dana");
  dana.socket.send(utf8("hello"), OPCODE.text);
  expect(await dana.ended()).toBe("wire.malformed");
  await undisturbed();
});

/** What may be asked for and is not had. */
const ANSWERED: readonly (readonly [
  what: string,
  request: (own: Intruder) => ClientMessage,
  answer: ServerMessage["kind"] | null,
])[] = [
  ["a ticket for itself", ({ peer }) => ({ kind: "ticketRequest", ...peer.self }), "absent"],
  ["a ticket for a user who does not exist", () => ({ kind: "ticketRequest", ...nobody }), "absent"],
  [
    "a ticket for a device of Bob that does not exist",
    () => ({ kind: "ticketRequest", user: bob.peer.self.user, device: nobody.device }),
    "absent",
  ],
  [
    "that its own device gets a message",
    ({ peer }) => ({ kind: "send", message: id, ...peer.self, envelope: new Uint8Array(1) }),
    "bounced",
  ],
  [
    "that Bob's device of another user gets a message",
    () => ({ kind: "send", message: id, user: nobody.user, device: bob.peer.self.device, envelope: new Uint8Array(1) }),
    "bounced",
  ],
  [
    "that its device gets a message as Bob's",
    ({ peer }) => ({
      kind: "send",
      message: id,
      user: bob.peer.self.user,
      device: peer.self.device,
      envelope: new Uint8Array(1),
    }),
    "bounced",
  ],
  [
    "that a message is confirmed which a device that does not exist never sent",
    () => ({ kind: "acknowledge", message: id, ...nobody }),
    null,
  ],
  ["that guesses are forgotten which it was never told of", () => ({ kind: "guessesSeen" }), null],
];

test.each(ANSWERED)("a session that asks for %s goes on", async (_what, request, answer) => {
  using chris = await Intruder.login(realm, "Chris");
  chris.heard.clear();
  chris.peer.send([request(chris)]);
  await chris.served();
  expect(chris.socket.closed).toBe(false);
  expect(["absent", "bounced", "grant", "confirmed"].map((kind) => chris.count(kind as ServerMessage["kind"]))).toEqual(
    [answer === "absent" ? 1 : 0, answer === "bounced" ? 1 : 0, 0, 0],
  );
  await undisturbed();
});

test("a session that acknowledges what it never got is believed by nobody but the device it names", async () => {
  using chris = await Intruder.login(realm, "Chris");
  const confirmed = bob.count("confirmed");
  chris.peer.sendPlain(acknowledge());
  await chris.served();
  await bob.served();
  expect(bob.count("confirmed")).toBe(confirmed + 1); // under Chris's name: Bob's client has no such message for Chris
  expect([chris.socket.closed, bob.socket.closed, bob.count("delivery")]).toEqual([false, false, 0]);
});

/** Bob still gets answers, and has heard of nothing but presence. */
async function undisturbed(): Promise<void> {
  await bob.served();
  expect([bob.socket.closed, bob.count("delivery"), bob.count("goodbye"), bob.count("bounced")]).toEqual([
    false,
    0,
    0,
    0,
  ]);
  expect([realm.server.running, realm.logText.includes("server.fault")]).toEqual([true, false]);
}

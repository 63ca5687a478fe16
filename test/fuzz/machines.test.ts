/**
 * Mutation fuzz of whole machines, inside a channel that stands: a client, or a server, says what is almost right. It is
 * taken, or ends the connection with the code of a peer's fault; nobody crashes, and no one else is disturbed.
 * `IMS_SEED=n` runs one seed again; `SLOW=1` runs many.
 */
import { expect, test } from "bun:test";
import { concat } from "../../core/bytes.ts";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import { type ConversationId, type DeviceId, type MessageId, newMessageId } from "../../core/ids.ts";
import { parseUserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import type { FrameCodec } from "../../core/wire/frames.ts";
import { clientFrames, type ServerMessage, serverFrames } from "../../core/wire/messages.ts";
import { codeOr } from "../support/codes.ts";
import { Duo } from "../support/duo.ts";
import { bundle, frozenFrame, type Message } from "../support/frozenFrames.ts";
import { mutate } from "../support/mutate.ts";
import { registerAll, testRealm } from "../support/realm.ts";
import { type RawPeer, ScriptedServer } from "../support/scriptedPeers.ts";
import { Seeded } from "../support/seeded.ts";

const only = Bun.env.IMS_SEED;
const first = Number(only ?? 1);
const SEEDS = only !== undefined ? 1 : Bun.env.SLOW === "1" ? 300 : 1;
const RUNS = 100;
const seeds = Array.from({ length: SEEDS }, (_, at) => first + at);

const realm = testRealm("fuzz");
const users = await registerAll(realm, ["Alice", "Bob"]);
const bob = { user: parseUserName("bob"), device: "b0b0b0b0b0b0b0b0" as DeviceId };
const message = "000000000000000000000000000000e1" as MessageId;
const conversation = "000000000000000000000000000000c1" as ConversationId;

/** How the runs ended, over all seeds; undefined is for those that went on. */
const serverEnds = new Set<ErrorCode | null | undefined>();
const clientEnds = new Set<ErrorCode | null | undefined>();

type Change = (frames: readonly Uint8Array[]) => Uint8Array;

/** Changed bytes: mostly such as `codec` reads, which go further than those that are refused at once. */
function changed(choice: Seeded, codec: FrameCodec<unknown>, frames: readonly Uint8Array[]): Uint8Array {
  for (let tries = choice.integer(40); ; tries -= 1) {
    const bytes = mutate(choice, choice.pick(frames), frames);
    if (tries <= 0 || typeof codeOr(() => codec.decode(bytes)) !== "string") return bytes;
  }
}

/** Runs `step` often, and lends it a way to change frames; what it throws is told with the bytes. */
function fuzz(seed: number, codec: FrameCodec<unknown>, step: (choice: Seeded, change: Change) => void): void {
  const choice = new Seeded(seed);
  for (let run = 0; run < RUNS; run += 1) {
    let made = "";
    try {
      step(choice, (frames) => {
        const bytes = changed(choice, codec, frames);
        made = bytes.toHex();
        return bytes;
      });
    } catch (error) {
      throw new Error(`IMS_SEED=${seed} run ${run}, bytes ${made}: ${error}`, { cause: error });
    }
  }
}

/** What a client in session says to Bob, and what it has no business to say. */
const REQUESTS: readonly Uint8Array[] = (() => {
  const frames = [
    clientFrames.encode({ kind: "ticketRequest", ...bob }),
    clientFrames.encode({ kind: "send", message, ...bob, envelope: Uint8Array.of(1, 2, 3) }),
    clientFrames.encode({ kind: "acknowledge", message, ...bob }),
  ];
  const others = ["createAccount", "putWraps", "putDevices", "putPrekeys", "putPin", "passwordStart", "passwordFinish"];
  const rest = ["attach", "logout", ...others] as const;
  return [...frames, concat(...frames, ...frames), ...rest.map((kind) => frozenFrame(kind as Message["kind"]))];
})();

/** How far Alice goes before she says what is wrong, and what would be said next. */
const STAGES: readonly (readonly [(peer: RawPeer) => void, readonly Uint8Array[]])[] = [
  [(peer) => peer.shake(), [frozenFrame("loginStart"), frozenFrame("loginFinish")]],
  [
    (peer) => {
      peer.shake();
      const ke1 = clientFrames.decode(frozenFrame("loginStart")).flatMap((said) => ("ke1" in said ? [said.ke1] : []));
      for (const bytes of ke1) peer.padded({ kind: "loginStart", user: parseUserName("alice"), ke1: bytes });
    },
    [frozenFrame("loginFinish"), frozenFrame("attach")],
  ],
  [
    (peer) => {
      peer.shake();
      peer.login("Alice");
    },
    [frozenFrame("attach"), frozenFrame("ticketRequest"), frozenFrame("putDevices"), frozenFrame("putPrekeys")],
  ],
  [
    (peer) => {
      peer.shake();
      peer.login("Alice");
      peer.attach();
    },
    REQUESTS,
  ],
];

test.each(seeds)(
  "IMS_SEED=%d: a server, and a client that is almost right at every stage",
  (seed) => {
    const bench = new ScriptedServer(realm.keys, users);
    const witness = bench.attached("Bob", bob.device);
    let alice: RawPeer | null = null;
    let frames: readonly Uint8Array[] = [];
    fuzz(seed, clientFrames, (choice, change) => {
      if (alice === null) {
        const [open, next] = choice.pick(STAGES);
        alice = bench.connect();
        open(alice);
        frames = next;
      }
      alice.raw(alice.channel.seal(change(frames)));
      const end = bench.endOf(alice);
      if (end != null) expect(ERRORS[end].blame).toBe("peer");
      if (end !== undefined) alice = null;
      serverEnds.add(end);
      expect(bench.endOf(witness)).toBeUndefined();
      witness.take();
    });
    expect(bench.server.online.connections).toBe(alice === null ? 1 : 2);
  },
  60_000,
);

/** What has its place in a session, or somewhere else. */
const LATER = [
  ...["loginResponse", "attached", "goodbye", "account", "pins", "devices", "pinStands"],
  ...["prekeysLow", "passwordResponse", "passwordResult", "wrapsStand"],
] as const;

/** What a server says to a client that has asked it for a ticket to Bob. */
function answers(alice: DeviceId): readonly Uint8Array[] {
  const key = Secret.take(new Uint8Array(32).fill(1));
  const all: readonly ServerMessage[] = [
    { kind: "presence", name: "Bob", devices: [bob.device] },
    { kind: "presence", name: "Alice", devices: [alice, bob.device] },
    { kind: "grant", ...bob, conversation, key, ticket: new Uint8Array(200), bundle },
    { kind: "absent", ...bob },
    { kind: "bounced", message, ...bob },
    { kind: "confirmed", message, ...bob },
    { kind: "delivery", message, ...bob, receivedAt: 1, envelope: new Uint8Array(300).fill(1) },
    { kind: "unregistered", user: bob.user },
  ];
  const frames = all.map((said) => serverFrames.encode(said));
  return [...frames, concat(...frames), ...LATER.map((kind) => frozenFrame(kind as Message["kind"]))];
}

test.each(seeds)(
  "IMS_SEED=%d: a client, and a server that is almost right",
  (seed) => {
    let duo: Duo | null = null;
    let frames: readonly Uint8Array[] = [];
    fuzz(seed, serverFrames, (_, change) => {
      if (duo === null) {
        duo = Duo.at("nothing", realm.keys, users);
        const attached = duo.notices.find((notice) => notice.kind === "attached");
        frames = answers(attached?.kind === "attached" ? attached.device : bob.device);
      }
      duo.say({ kind: "presence", name: "Bob", devices: [bob.device] });
      duo.handle({ kind: "send", id: newMessageId(duo.env), to: "Bob", text: "hello" });
      duo.sealed(change(frames));
      clientEnds.add(duo.ended);
      if (duo.ended !== undefined) duo = null;
    });
  },
  60_000,
);

test.skipIf(only !== undefined)("the runs were neither all refused nor all harmless", () => {
  for (const end of ["wire.malformed", "state.unexpected", undefined] as const) {
    expect(serverEnds).toContain(end);
    expect(clientEnds).toContain(end);
  }
});

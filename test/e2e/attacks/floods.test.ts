/** Sessions and strangers who say little things as fast as they can, beside two users who write to each other. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { hostEnv } from "../../../cmd/host/env.ts";
import { askStatus } from "../../../cmd/server/adminSocket.ts";
import type { Status } from "../../../cmd/server/status.ts";
import type { ErrorCode } from "../../../core/errors.ts";
import { type Address, newDeviceId, newMessageId } from "../../../core/ids.ts";
import { RECORD_FRAMES_MAX } from "../../../core/limits.ts";
import type { ClientMessage, ServerMessage } from "../../../core/wire/messages.ts";
import { beside } from "../../support/beside.ts";
import { Crowd, loopback, UPGRADE } from "../../support/crowd.ts";
import { reportFigures } from "../../support/figures.ts";
import { OPCODE } from "../../support/frames.ts";
import { Intruder } from "../../support/intruder.ts";
import { RunningRealm } from "../../support/runningRealm.ts";
import { RawSocket } from "../../support/stranger.ts";
import { Talk } from "../../support/talk.ts";

setDefaultTimeout(90_000);

/** Each flood lasts so long, and the calm before it half of that. */
const FLOOD_MS = Bun.env.SLOW === "1" ? 5000 : 1500;
/**
 * More than any text takes, and less than a server needs that does not get its turn. The process that floods is also
 * the one that waits: its own lag is told beside it.
 */
const WAIT_MS = 4000;
const FRAMES_PER_SECOND = 1000;
const TICKET_FRAMES = 10;
/** What may be asked for at once, in seconds' worth, and one record that overdraws it. */
const BURST_SECONDS = 2;
const NOTHING = new Uint8Array(0);

let realm: RunningRealm;
let talk: Talk;
beforeAll(async () => {
  const limits = { sessionFramesPerSecond: FRAMES_PER_SECOND, connectionsPerAddress: 200 };
  realm = await RunningRealm.start({ limits });
  talk = await Talk.begin(realm);
  await talk.more(20);
});
afterAll(async () => {
  await talk?.[Symbol.asyncDispose]();
  await realm?.[Symbol.asyncDispose]();
});

/** Strangers that were ended for what they did. */
let strangersEnded = 0;

async function statusOf(): Promise<Status> {
  const { folder } = realm;
  return JSON.parse(await askStatus(folder.at("data"), folder.path)) as Status;
}

/** A flood beside a pair that talks: nobody waits long, and the figures say how long. */
async function suffer(title: string, flood: () => Promise<Record<string, string | number>>): Promise<void> {
  const calm = await beside(realm, talk, () => Bun.sleep(FLOOD_MS / 2));
  let figures: Record<string, string | number> = {};
  const lap = await beside(realm, talk, async () => {
    figures = await flood();
  });
  reportFigures(`attack 24 ${title}`, { ...figures, calm: calm.wait, flood: lap.wait, memory: lap.memory });
  expect(lap.longestMs).toBeLessThan(WAIT_MS);
  expect(lap.grew).toBeLessThan(64);
  const { faults, sessions } = await statusOf();
  const pair = sessions.map(({ user }) => user).filter((user) => user === "alice" || user === "bob");
  expect([faults, pair.length]).toEqual([0, 2]);
}

interface Flood {
  readonly title: string;
  readonly record: (own: Intruder, other: Address) => readonly ClientMessage[];
  /** The answers that count what was served, at most so many a second. */
  readonly answer: ServerMessage["kind"];
  readonly perSecond: number;
  /** Where the answer comes. */
  readonly heardBy: "sender" | "other";
}

const times = <T>(count: number, make: () => T): readonly T[] => Array.from({ length: count }, make);
const letter = (to: Address): ClientMessage => ({
  kind: "send",
  message: newMessageId(hostEnv),
  ...to,
  envelope: Uint8Array.of(1),
});

const FLOODS: readonly Flood[] = [
  {
    title: "records of 64 ticket requests",
    record: (_own, other) => times(RECORD_FRAMES_MAX, () => ({ kind: "ticketRequest", ...other })),
    ...{ answer: "grant", perSecond: FRAMES_PER_SECOND / TICKET_FRAMES, heardBy: "sender" },
  },
  {
    title: "records of 64 messages that bounce",
    record: ({ peer }) =>
      times(RECORD_FRAMES_MAX, () => letter({ user: peer.self.user, device: newDeviceId(hostEnv) })),
    ...{ answer: "bounced", perSecond: FRAMES_PER_SECOND, heardBy: "sender" },
  },
  {
    title: "records of 64 messages to one device",
    record: (_own, other) => times(RECORD_FRAMES_MAX, () => letter(other)),
    ...{ answer: "delivery", perSecond: FRAMES_PER_SECOND, heardBy: "other" },
  },
  {
    title: "records of one tiny frame",
    record: (_own, other) => [letter(other)],
    ...{ answer: "delivery", perSecond: FRAMES_PER_SECOND, heardBy: "other" },
  },
];

/** The flood goes on as a session whose backlog is never full, and then without any regard for that. */
test.each(FLOODS)("$title: so much is served in a second, and beyond 4 MiB the session ends", async (flood) => {
  const { title, record, answer, perSecond, heardBy } = flood;
  await suffer(title, async () => {
    using other = await Intruder.login(realm, "Dana");
    using steady = await Intruder.login(realm, "Chris");
    const counter = heardBy === "sender" ? steady : other;
    // Just so much that something waits all the time.
    const began = performance.now();
    const perRecord = record(steady, other.peer.self).length;
    const enough = (perSecond * (BURST_SECONDS + FLOOD_MS / 1000) * 2) / perRecord;
    for (let sent = 0; sent < enough && !steady.socket.closed; sent += 1)
      steady.peer.send(record(steady, other.peer.self));
    await Bun.sleep(FLOOD_MS);
    const served = counter.count(answer);
    const seconds = (performance.now() - began) / 1000;
    expect(served).toBeLessThanOrEqual(perSecond * (seconds + BURST_SECONDS) + RECORD_FRAMES_MAX);
    expect(served).toBeGreaterThanOrEqual(perSecond * BURST_SECONDS);
    expect(steady.socket.closed).toBe(false);
    const { queues } = await statusOf();

    using rude = await Intruder.login(realm, "Chris");
    const rudeBegan = performance.now();
    const records = await rude.flood(rudeBegan + 20_000, () => rude.peer.send(record(rude, other.peer.self)));
    expect(await rude.ended()).toBe("channel.busy");
    const endedAfterMs = performance.now() - rudeBegan;
    await realm.logged("user.logout", { device: rude.peer.self.device, code: "channel.busy" });
    return {
      "served in a second": `${Math.round(served / seconds)} (limit ${perSecond}, twice that at once)`,
      "records that waited": queues.sessionFrames,
      "a flood without end": `${records} records, ended after ${(endedAfterMs / 1000).toFixed(1)} s`,
    };
  });
});

/** Begins with more than is served for a long time, so that whatever follows waits. */
function overdraw(own: Intruder): void {
  for (let sent = 0; sent < 20; sent += 1) {
    own.peer.send(times(RECORD_FRAMES_MAX, () => ({ kind: "ticketRequest", ...own.peer.self })));
  }
}

interface Nuisance {
  readonly title: string;
  readonly send: (socket: RawSocket) => void;
  /** How a session ends that does it, and a stranger's close codes. */
  readonly session: ErrorCode;
  readonly strangers: readonly number[];
}

const NUISANCES: readonly Nuisance[] = [
  {
    title: "WebSocket pings",
    send: (socket) => socket.send(NOTHING, OPCODE.ping),
    session: "channel.busy",
    strangers: [4205],
  },
  {
    title: "messages of no bytes",
    send: (socket) => socket.send(NOTHING),
    session: "channel.busy",
    strangers: [4103, 4205],
  },
];

test.each(NUISANCES)(
  "$title, of a session and of strangers: they are ended",
  async ({ title, send, session, strangers: codes }) => {
    await suffer(title, async () => {
      using chris = await Intruder.login(realm, "Chris");
      overdraw(chris);
      const sent = await chris.flood(performance.now() + 20_000, () => send(chris.socket));
      expect(await chris.ended()).toBe(session);
      const until = performance.now() + FLOOD_MS;
      let [strangers, asked] = [0, 0];
      const before = refusals();
      while (performance.now() < until) {
        using socket = await RawSocket.open(realm.port, { localAddress: loopback(strangers) });
        strangers += 1;
        for (; !socket.closed && performance.now() < until + 2000; asked += 1) {
          send(socket);
          if (asked % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        expect(codes as unknown[]).toContain(await socket.ended());
      }
      strangersEnded += strangers;
      return {
        "sent by the session": sent,
        strangers,
        "sent by strangers": asked,
        "log lines of refusals": refusals() - before,
      };
    });
  },
);

test("fragments of no bytes, of a session and of a stranger: neither memory nor others notice", async () => {
  await suffer("empty fragments", async () => {
    using chris = await Intruder.login(realm, "Chris");
    using stranger = await RawSocket.open(realm.port, { localAddress: loopback(7) });
    const fragment = Uint8Array.of(0x00, 0x80, 0, 0, 0, 0);
    const many = new Uint8Array(fragment.length * 200);
    for (let at = 0; at < many.length; at += fragment.length) many.set(fragment, at);
    let sent = 0;
    for (const socket of [chris.socket, stranger]) socket.write(Uint8Array.of(0x02, 0x80, 0, 0, 0, 0));
    for (const until = performance.now() + FLOOD_MS; performance.now() < until; sent += 400) {
      for (const socket of [chris.socket, stranger]) {
        socket.write(many);
        await socket.drained();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { fragments: sent, "session ended": String(chris.socket.closed), "stranger ended": String(stranger.closed) };
  });
});

test("strangers who connect and go, again and again: the log holds their number", async () => {
  await suffer("strangers who come and go", async () => {
    let came = 0;
    const before = refusals();
    for (const until = performance.now() + FLOOD_MS; performance.now() < until; ) {
      using crowd = new Crowd({ port: realm.port, from: (stranger) => loopback(came + stranger), say: UPGRADE });
      await crowd.come(100, true);
      came += 100;
    }
    expect(refusals() - before).toBeLessThan(50);
    return { connections: came, "log lines": refusals() - before };
  });
});

test("a user who logs in and out in a loop: others hear of it, and wait for nothing", async () => {
  await suffer("logins and logouts in a loop", async () => {
    const presence = realm.log.length;
    let logins = 0;
    for (const until = performance.now() + FLOOD_MS; performance.now() < until; logins += 1) {
      using chris = await Intruder.login(realm, "Chris");
      await chris.peer.logOut();
    }
    return { logins, "log lines": realm.log.length - presence };
  });
});

test("a flood leaves nothing behind: the next session of the same user is served as ever", async () => {
  using again = await Intruder.login(realm, "Chris");
  await again.served();
  const { queues, sessions } = await statusOf();
  expect([queues.sessionFrames, sessions.length]).toEqual([0, 3]);
});

test("the log has told of each of those strangers, in a few lines", async () => {
  await talk.end();
  await realm.stop();
  const codes = ["channel.busy", "wire.version"];
  const lines = realm.log.filter(({ event, code }) => event === "connection.refused" && codes.includes(String(code)));
  const told = lines.reduce((sum, { count }) => sum + (typeof count === "number" ? count : 1), 0);
  reportFigures("attack 24 the log of all that", { strangers: strangersEnded, told, lines: lines.length });
  expect(told).toBe(strangersEnded);
  expect(lines.length).toBeLessThan(30);
});

/** Lines about strangers who were turned away or went. */
function refusals(): number {
  return realm.log.filter(({ event }) => event.startsWith("connection.")).length;
}

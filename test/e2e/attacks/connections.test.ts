/** Strangers who connect, as many as they can, and then do nothing, or next to nothing. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { descriptors } from "../../../cmd/server/machine.ts";
import { Crowd, loopback, UPGRADE } from "../../support/crowd.ts";
import { processCost, reportFigures } from "../../support/figures.ts";
import { encodeFrame, OPCODE } from "../../support/frames.ts";
import { RunningRealm } from "../../support/runningRealm.ts";
import { halfFrame, hello, RawSocket } from "../../support/stranger.ts";
import { Talk } from "../../support/talk.ts";

const SLOW = process.env.SLOW === "1";
setDefaultTimeout(SLOW ? 240_000 : 60_000);

/** As many as this process, and a server started by it, may have open. */
const ALLOWED = descriptors()?.max ?? 1000;
const IDLE = Math.min(SLOW ? 10_000 : 2000, ALLOWED - 500);
const PER_ADDRESS = 8;
/** More than any text takes, and less than a server needs that does not get its turn. */
const WAIT_MS = 2000;

test(`${IDLE} connections that do nothing: both limits hold, and sessions are not disturbed`, async () => {
  const limits = { connections: IDLE + 2, connectionsPerAddress: PER_ADDRESS, handshakeSeconds: 600 };
  await using realm = await RunningRealm.start({ limits });
  const { port, server } = realm;
  await using talk = await Talk.begin(realm);
  await talk.more(20);
  const before = processCost(server.pid);

  using crowd = new Crowd({ port, from: (stranger) => loopback(Math.floor(stranger / PER_ADDRESS)), say: UPGRADE });
  const began = performance.now();
  await crowd.come(IDLE - 1, true);
  const tookMs = performance.now() - began;
  expect([crowd.answered(101), crowd.open]).toEqual([IDLE - 1, IDLE - 1]);

  // One more of an address that has as many as it may; of another one more is let in, and then nobody.
  using again = new Crowd({ port, from: () => loopback(0), say: UPGRADE });
  await again.come(50, true);
  expect(again.answered(429)).toBe(50);
  using others = new Crowd({ port, from: (stranger) => loopback(100_000 + stranger), say: UPGRADE });
  await others.come(1, true);
  await others.come(50, true);
  expect([others.answered(101), others.answered(503)]).toEqual([1, 50]);
  expect(await realm.as("Chris", ["users"])).toMatchObject({
    code: 4,
    err: expect.stringContaining("the server takes no more connections now: it is full, or it is stopping"),
  });

  await talk.more(50);
  const full = processCost(server.pid);
  crowd.leave();
  let code = 4;
  for (let tries = 0; code !== 0 && tries < 20; tries += 1) code = (await realm.as("Chris", ["users"])).code;
  expect(code).toBe(0);
  await talk.end();
  expect(talk.longestMs).toBeLessThan(WAIT_MS);
  expect(full.memoryMiB - before.memoryMiB).toBeLessThan(40 + IDLE / 100); // 10 KiB each, and what the process takes anyway
  reportFigures("attack 21 connections that do nothing", {
    connections: IDLE,
    "all in after": `${(tookMs / 1000).toFixed(1)} s`,
    "server CPU": `${(full.cpuSeconds - before.cpuSeconds).toFixed(1)} s`,
    "texts exchanged": talk.texts,
    "longest wait": `${talk.longestMs} ms`,
    memory: `${before.memoryMiB} -> ${full.memoryMiB} MiB, ${processCost(server.pid).memoryMiB} after they left`,
  });
});

const SLUGGISH = 100;
const DEADLINE_SECONDS = 3;

test("half a handshake, or one byte a second: closed at the deadline, counted from the upgrade", async () => {
  const limits = { handshakeSeconds: DEADLINE_SECONDS, loginSeconds: DEADLINE_SECONDS, connectionsPerAddress: 1000 };
  await using realm = await RunningRealm.start({ limits });
  const { port, server } = realm;
  await using talk = await Talk.begin(realm);
  const memory = processCost(server.pid).memoryMiB;
  const bytes = await hello(realm.folder.at("keys/server.pub"));
  const lives: number[] = [];
  const sockets: RawSocket[] = [];
  const stranger = async (act: (socket: RawSocket) => Promise<void> | void): Promise<void> => {
    const socket = await RawSocket.open(port);
    sockets.push(socket);
    let began = performance.now();
    expect(socket.status).toBe(101);
    await act(socket);
    if (act === halfLogin) began = performance.now(); // its second deadline
    await socket.ended(30_000);
    lives.push(performance.now() - began);
  };

  const frame = encodeFrame({ opcode: OPCODE.binary, payload: bytes }, true);
  const timers: ReturnType<typeof setInterval>[] = [];
  const drip = (socket: RawSocket): void => {
    let sent = 0;
    const next = (): void => {
      socket.write(frame.subarray(sent, sent + 1));
      sent += 1;
    };
    timers.push(setInterval(next, 1000));
    next();
  };
  const halfHello = (socket: RawSocket): void => socket.write(halfFrame(bytes, 100));
  const halfLogin = async (socket: RawSocket): Promise<void> => {
    socket.send(bytes);
    await socket.next();
    socket.write(halfFrame(new Uint8Array(1024), 1));
  };
  const acts = [drip, halfHello, halfLogin, () => {}];
  await Promise.all(Array.from({ length: SLUGGISH }, (_, at) => stranger(acts[at % acts.length] ?? drip)));
  for (const timer of timers) clearInterval(timer);
  for (const socket of sockets) socket[Symbol.dispose]();

  await talk.end();
  expect(Math.min(...lives)).toBeGreaterThan(DEADLINE_SECONDS * 1000 - 500);
  expect(Math.max(...lives)).toBeLessThan(DEADLINE_SECONDS * 1000 + WAIT_MS);
  expect(talk.longestMs).toBeLessThan(WAIT_MS);
  reportFigures("attack 22 half a handshake, one byte a second", {
    connections: SLUGGISH,
    deadline: `${DEADLINE_SECONDS} s`,
    "closed after": `${(Math.min(...lives) / 1000).toFixed(2)} to ${(Math.max(...lives) / 1000).toFixed(2)} s`,
    "texts exchanged": talk.texts,
    "longest wait": `${talk.longestMs} ms`,
    memory: `${memory} -> ${processCost(server.pid).memoryMiB} MiB`,
  });
});

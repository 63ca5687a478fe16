import { beforeAll, expect, test } from "bun:test";
import { StatusReport } from "../../../cmd/server/status.ts";
import type { UserEntries } from "../../../cmd/server/users.ts";
import type { Users } from "../../../core/kdc/realm.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { Plug, Rig } from "../../support/plugged.ts";
import { registerAll, type TestRealm, testRealm } from "../../support/realm.ts";
import { openChannel } from "../../support/remotePeer.ts";

let realm: TestRealm;
let users: Users;
beforeAll(async () => {
  realm = testRealm();
  users = await registerAll(realm, ["alice", "bob", "chris"]);
});

const MINUTE_MS = 60_000;
const timeOf = (ms: number): string => new Date(START_MS + ms).toISOString();

function reportOf(rig: Rig, registered: Users = users): StatusReport {
  return new StatusReport({
    ...{ driver: rig.driver, users: () => registered as UserEntries, nowMs: () => rig.env.nowMs() },
    ...{ fingerprint: "SHA256:abc", place: () => ({ host: "127.0.0.1", port: 4040 }), metricsPort: () => 0 },
    journal: { counts: { logins: 5, logouts: 3, faults: 0, refusals: new Map([["door.full", 2]]) } },
    audit: { figures: { lines: 1, dropped: 0 } },
  });
}

test("whom a session key is held for and since when, until they log out", async () => {
  const rig = new Rig(realm, users);
  const report = reportOf(rig);
  expect(report.status().sessions).toEqual([]);
  rig.env.now += MINUTE_MS;
  const bob = await rig.logIn("bob");
  rig.env.now += MINUTE_MS;
  const alice = await rig.logIn("alice");
  rig.env.now += MINUTE_MS;
  const rowOf = (user: string, device: string, since: string) => ({ user, device, since, prefix: "192.0.2.0/24" });
  const rows = [
    rowOf("bob", bob.self.device, timeOf(MINUTE_MS)),
    rowOf("alice", alice.self.device, timeOf(2 * MINUTE_MS)),
  ];
  expect(report.status()).toMatchObject({
    ...{ startedAt: timeOf(0), devices: 2, connections: 2, logins: 5, logouts: 3, refusals: { "door.full": 2 } },
    users: { registered: 3, locked: 0, online: 2 },
    sessions: rows,
  });
  expect(report.status().sessions).toEqual(rows); // and nothing more: no key
  await bob.logOut();
  expect(report.status()).toMatchObject({ devices: 1, sessions: [{ user: "alice" }] });
});

test("a stranger is a connection and no session; locked users are counted", async () => {
  const rig = new Rig(realm, users);
  const channel = await openChannel(rig.peerEnv, new Plug(rig.driver), realm.keys.staticKey.publicKey);
  const locked = new Map(Array.from(users, ([name, user]) => [name, { ...user, active: user.name !== "bob" }]));
  expect(reportOf(rig, locked).status()).toMatchObject({
    connections: 1,
    devices: 0,
    sessions: [],
    users: { registered: 3, locked: 1 },
  });
  channel[Symbol.dispose]();
});

test("what waits is counted", () => {
  const rig = new Rig(realm, users);
  const report = reportOf(rig);
  const plug = new Plug(rig.driver);
  plug.buffered = 70;
  new Plug(rig.driver).buffered = 7;
  plug.send(new Uint8Array(10));
  expect(report.figures().queues).toEqual({ gate: 1, sessionFrames: 0, sendBytes: 77 });
});

test("records of a session that wait for their turn are counted", async () => {
  const rig = new Rig(realm, users);
  const alice = await rig.logIn("alice");
  const report = reportOf(rig);
  await new Promise((resolve) => setImmediate(resolve)); // its turn of the login is over
  for (let times = 0; times < 4; times += 1) alice.send([{ kind: "ticketRequest", ...alice.self }]);
  expect(report.figures().queues.sessionFrames).toBe(3);
});

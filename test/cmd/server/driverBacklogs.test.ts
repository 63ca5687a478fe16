/** What the driver lets peers pile up, each and all together. */
import { beforeAll, expect, test } from "bun:test";
import { newDeviceId, newMessageId } from "../../../core/ids.ts";
import type { Users } from "../../../core/kdc/realm.ts";
import { BACKLOG_MAX_BYTES, BACKLOGS_MAX_BYTES, RECORD_FRAMES_MAX } from "../../../core/limits.ts";
import { type PluggedPeer, Rig } from "../../support/plugged.ts";
import { registerAll, type TestRealm, testRealm } from "../../support/realm.ts";

let realm: TestRealm;
let users: Users;
beforeAll(async () => {
  realm = testRealm();
  users = await registerAll(realm, ["alice", "bob", "chris"]);
});

/** Asks for more than is served in a minute, so that what follows waits. */
function overdraw({ peerEnv }: Rig, { self, send }: PluggedPeer): void {
  const question = { kind: "ticketRequest", user: self.user, device: newDeviceId(peerEnv) } as const;
  for (let count = 0; count < 100; count += 1) send(Array.from({ length: RECORD_FRAMES_MAX }, () => question));
}

test("messages of no bytes that wait are bounded like any others", async () => {
  const own = new Rig(realm, users);
  const alice = await own.logIn("alice");
  overdraw(own, alice);
  let sent = 0;
  for (; own.ends.length === 0 && sent < 2 * BACKLOG_MAX_BYTES; sent += 1) alice.plug.send(new Uint8Array(0));
  expect(own.ends).toEqual([["alice", "channel.busy"]]);
  expect(sent).toBeLessThan(BACKLOG_MAX_BYTES / 128);
});

test("when all have too much waiting, the session that has most of it ends", async () => {
  const own = new Rig(realm, users, { devicesPerUser: 64 });
  const record = new Uint8Array(65_536);
  const lines = BACKLOGS_MAX_BYTES / (BACKLOG_MAX_BYTES / 2);
  for (let line = 0; own.ends.length === 0 && line < 2 * lines; line += 1) {
    const peer = await own.logIn(line === 3 ? "bob" : "alice");
    overdraw(own, peer);
    const bytes = line === 3 ? BACKLOG_MAX_BYTES * 0.75 : BACKLOG_MAX_BYTES / 2;
    for (let sent = 0; sent < bytes && own.ends.length === 0; sent += record.length) peer.plug.send(record);
  }
  expect(own.ends).toEqual([["bob", "channel.busy"]]);
}, 30_000);

test("when all leave too much unread, whoever has most of it is cut, whoever is written to", async () => {
  const own = new Rig(realm, users);
  const [alice, bob, chris] = [await own.logIn("alice"), await own.logIn("bob"), await own.logIn("chris")];
  const write = (to: PluggedPeer): void => {
    chris.send([{ kind: "send", message: newMessageId(own.peerEnv), ...to.self, envelope: new Uint8Array(10) }]);
  };
  const served = async (): Promise<void> => {
    chris.send([{ kind: "ticketRequest", ...chris.self }]);
    while (!(await chris.receive()).some(({ kind }) => kind === "absent"));
  };
  alice.plug.buffered = BACKLOGS_MAX_BYTES * 0.6;
  bob.plug.buffered = BACKLOGS_MAX_BYTES * 0.4;
  write(alice);
  write(bob);
  await served();
  expect(own.ends).toEqual([]);
  bob.plug.buffered += 1024;
  write(bob);
  await served();
  expect(own.ends).toEqual([["alice", "server.slowReader"]]);
  bob.plug.buffered = BACKLOGS_MAX_BYTES;
  write(bob);
  await served();
  expect([own.ends.length, own.driver.online.devices]).toEqual([1, 2]);
});

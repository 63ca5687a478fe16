import { expect, test } from "bun:test";
import type { ConversationId, DeviceId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";
import type { ConnectionId } from "../../../core/peer/online.ts";
import { Outgoing } from "../../../core/peer/outgoing.ts";
import { Secret } from "../../../core/secret.ts";
import { bundle } from "../../support/frozenFrames.ts";

const [one, two] = [1 as ConnectionId, 2 as ConnectionId];
const user = parseUserName("alice");

test("frames are handed over once, in order, to whom they are for", () => {
  const outgoing = new Outgoing();
  outgoing.send(one, { kind: "attached", name: "Alice" });
  outgoing.broadcast([one, two], Uint8Array.of(1, 2, 3), new Set([two]));
  outgoing.queue(two, Uint8Array.of(4));
  const handed: [ConnectionId, number][] = [];
  outgoing.flush((connection, frames) => handed.push([connection, frames.length]));
  outgoing.flush((connection, frames) => handed.push([connection, frames.length]));
  expect(handed).toEqual([
    [one, 2],
    [two, 1],
  ]);
});

test("a frame that holds a key is wiped when it has been handed over, and no other is", () => {
  const outgoing = new Outgoing();
  const key = Secret.take(new Uint8Array(32).fill(7));
  const conversation = "00".repeat(16) as ConversationId;
  const grant = {
    kind: "grant",
    user,
    device: "00".repeat(8) as DeviceId,
    conversation,
    key,
    ticket: new Uint8Array(9),
    bundle,
  };
  outgoing.sendKey(one, grant as Parameters<Outgoing["sendKey"]>[1]);
  outgoing.send(one, { kind: "attached", name: "Alice" });
  const frames: Uint8Array[] = [];
  outgoing.flush((_, some) => {
    frames.push(...some);
    expect(some[0]?.includes(7)).toBe(true);
  });
  expect([frames[0]?.every((byte) => byte === 0), frames[1]?.every((byte) => byte === 0)]).toEqual([true, false]);
  expect(key.wiped).toBe(false);
});

import { expect, test } from "bun:test";
import type { Address, DeviceId } from "../../../core/ids.ts";
import type { UserName } from "../../../core/name.ts";
import { type ConnectionId, Online } from "../../../core/peer/online.ts";

const at = (user: string, device: string): Address => ({ user: user as UserName, device: device as DeviceId });

test("who is online, on which devices, over which connection", () => {
  const online = new Online();
  online.add(at("alice", "a"), 1 as ConnectionId);
  online.add(at("alice", "b"), 2 as ConnectionId);
  online.add(at("bob", "a"), 3 as ConnectionId);
  expect([online.users, online.devices]).toEqual([2, 3]);
  expect(online.devicesOf("alice" as UserName)).toEqual(["a", "b"] as DeviceId[]);
  expect(online.connectionOf(at("bob", "a"))).toBe(3 as ConnectionId);
  expect([...online.connections()] as number[]).toEqual([1, 2, 3]);

  online.remove(at("alice", "a"));
  expect(online.connectionOf(at("alice", "a"))).toBeNull();
  expect(online.devicesOf("alice" as UserName)).toEqual(["b"] as DeviceId[]);
  online.remove(at("alice", "b"));
  online.remove(at("alice", "b"));
  online.remove(at("nobody", "b"));
  expect([online.users, online.devices]).toEqual([1, 1]);
  expect(online.devicesOf("alice" as UserName)).toEqual([]);
});

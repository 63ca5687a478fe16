import { expect, test } from "bun:test";
import { rangeMatcher } from "../../../cmd/host/addresses.ts";
import { clientAddress } from "../../../cmd/server/door.ts";

test.each([
  ["203.0.113.9", null, "203.0.113.9"],
  ["203.0.113.9", "198.51.100.1", "203.0.113.9"], // not a proxy of ours: its header counts for nothing
  ["::ffff:203.0.113.9", "198.51.100.1", "203.0.113.9"],
  ["10.0.0.1", null, "10.0.0.1"],
  ["10.0.0.1", "", "10.0.0.1"],
  ["10.0.0.1", " , ", "10.0.0.1"],
  ["10.0.0.1", "198.51.100.1", "198.51.100.1"],
  ["::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"],
  ["10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"],
  ["10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"], // what a client has put in front of it
  ["10.0.0.1", "127.0.0.1,10.0.0.9,198.51.100.1", "198.51.100.1"],
  ["10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"], // two proxies of ours
  ["10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ["10.0.0.1", "fd00::7, 10.0.0.2", "fd00::7"],
  ["10.0.0.1", "2001:db8::1", "2001:db8::1"],
  ["10.0.0.1", "198.51.100.1:4711", "198.51.100.1"],
  ["10.0.0.1", "[2001:db8::1]:4711, 10.0.0.2:80", "2001:db8::1"],
  ["10.0.0.1", "[2001:db8::1]", "2001:db8::1"],
  ["10.0.0.1", "a.b:80", "a.b:80"], // nonsense stays, and counts as one unknown
  ["", null, ""],
])("a connection from %j with X-Forwarded-For %j is from %j", (direct, forwarded, address) => {
  expect(clientAddress(direct, forwarded, rangeMatcher(["10.0.0.0/8", "fd00::/8"]))).toBe(address);
});

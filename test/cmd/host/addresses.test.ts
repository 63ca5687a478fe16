import { expect, test } from "bun:test";
import {
  hostPrefixOf,
  isLoopback,
  isWildcard,
  parseHost,
  parseRange,
  prefixOf,
  rangeMatcher,
} from "../../../cmd/host/addresses.ts";

test.each(["localhost", "ims.example.org", "a", "x-1.local", "ims_server", "127.0.0.1", "::1", "fe80::1", "::"])(
  "%j is a host",
  (host) => expect(parseHost(host)).toBe(host),
);

test.each([
  "",
  " ",
  "[::1]",
  "a b",
  "-a",
  "a-",
  "a..b",
  ".a",
  "1.2.3",
  "256.1.1.1",
  "a/b",
  "a:1",
  "ä.de",
  "a\n",
  "\0",
  `${"a".repeat(64)}.b`,
  `${"a.".repeat(127)}a`,
])("%j is no host", (host) => expect(parseHost(host)).toBeNull());

test.each(["10.0.0.0/8", "10.0.0.1", "::1", "fd00::/8", "0.0.0.0/0", "::/0", "::1/128"])("%j is a range", (range) =>
  expect(parseRange(range)).toBe(range),
);

test.each(["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "name/8", "10/8", "10.0.0.0/8/8"])(
  "%j is no range",
  (range) => expect(parseRange(range)).toBeNull(),
);

test.each([
  ["10.1.2.3", true],
  ["::ffff:10.1.2.3", true],
  ["::FFFF:10.1.2.3", true],
  ["11.1.2.3", false],
  ["fd12::1", true],
  ["fe12::1", false],
  ["192.0.2.7", true],
  ["192.0.2.8", false],
  ["", false],
  ["name", false],
])("%j in the ranges: %p", (address, expected) => {
  expect(rangeMatcher(["10.0.0.0/8", "fd00::/8", "192.0.2.7"])(address)).toBe(expected);
});

test("no ranges hold nothing", () => expect(rangeMatcher([])("127.0.0.1")).toBe(false));

test.each([
  ["127.0.0.1", true, false],
  ["127.8.8.8", true, false],
  ["::1", true, false],
  ["LocalHost", true, false],
  ["0.0.0.0", false, true],
  ["::", false, true],
  ["192.0.2.1", false, false],
  ["localhost.example.org", false, false],
  ["128.0.0.1", false, false],
])("%s: loopback %p, wildcard %p", (host, loopback, wildcard) => {
  expect([isLoopback(host), isWildcard(host)]).toEqual([loopback, wildcard]);
});

test.each([
  ["192.0.2.7", "192.0.2.0/24", "192.0.2.7/32"],
  ["0.0.0.0", "0.0.0.0/24", "0.0.0.0/32"],
  ["255.255.255.255", "255.255.255.0/24", "255.255.255.255/32"],
  ["::ffff:192.0.2.7", "192.0.2.0/24", "192.0.2.7/32"],
  ["::FFFF:192.0.2.7", "192.0.2.0/24", "192.0.2.7/32"],
  ["::ffff:c000:207", "192.0.2.0/24", "192.0.2.7/32"],
  ["0:0:0:0:0:ffff:192.0.2.7", "192.0.2.0/24", "192.0.2.7/32"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1::/48", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::", "2001:db8:1::/48", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8::/48", "2001:db8::/64"],
  ["2001:0:1:0:1::", "2001:0:1::/48", "2001:0:1::/64"],
  ["2001:10::", "2001:10::/48", "2001:10::/64"],
  ["0:0:0:1::", "::/48", "0:0:0:1::/64"],
  ["1::2:3:4:5:6:7", "1:0:2::/48", "1:0:2:3::/64"],
  ["::2:3:4:5:6:7:8", "0:2:3::/48", "0:2:3:4::/64"],
  ["::", "::/48", "::/64"],
  ["::1", "::/48", "::/64"],
  ["::192.0.2.7", "::/48", "::/64"],
  ["64:ff9b::192.0.2.7", "64:ff9b::/48", "64:ff9b::/64"],
  ["fe80::1%eth0", "fe80::/48", "fe80::/64"],
  ["fe80::1%::ffff:1.2.3.4", "fe80::/48", "fe80::/64"],
  ["::ffff:192.0.2.7%eth0", "192.0.2.0/24", "192.0.2.7/32"],
  ["", "unknown", "unknown"],
  ["name", "unknown", "unknown"],
  ["192.0.2", "unknown", "unknown"],
  ["192.0.2.256", "unknown", "unknown"],
  ["192.0.2.7:4040", "unknown", "unknown"],
  ["[::1]", "unknown", "unknown"],
  ["1:2:3:4:5:6:7:8:9", "unknown", "unknown"],
  ["::1::", "unknown", "unknown"],
])("%j is of the network %s and the host %s", (address, network, host) => {
  expect([prefixOf(address), hostPrefixOf(address)]).toEqual([network, host]);
});

test("every prefix is a range that holds the address it was taken of", () => {
  for (const address of ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1:2:3:4:5:6", "::1", "fe80::1"]) {
    for (const prefix of [prefixOf(address), hostPrefixOf(address)]) {
      expect(parseRange(prefix)).toBe(prefix);
      expect(rangeMatcher([prefix])(address)).toBe(true);
    }
  }
});

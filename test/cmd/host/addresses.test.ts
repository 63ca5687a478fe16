import { expect, test } from "bun:test";
import { isLoopback, isWildcard, parseHost, parseRange, rangeMatcher } from "../../../cmd/host/addresses.ts";

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

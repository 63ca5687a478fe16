import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "../../../core/bytes.ts";
import { type Channel, RECORD_PLAINTEXT_MAX_BYTES } from "../../../core/channel/record.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { COUNTER_MAX, RECORD_MAX_BYTES } from "../../../core/limits.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { Secret } from "../../../core/secret.ts";
import { openPair } from "../../support/channelPair.ts";
import { failure } from "../../support/codes.ts";
import { quickCrypto } from "../../support/fixedEnv.ts";
import { KNOWN, knownEnd, knownPair, recordOf } from "../../support/knownChannel.ts";
import { fixedBytes } from "../../support/noise.ts";

const text = (n: number): Uint8Array => utf8(`text ${n}`);

describe.each([nobleCrypto, nativeCrypto])("on $name", (crypto) => {
  const suite = aesGcmSha256(crypto);

  test("a record is what PROTOCOL §4.3 says, under a key and a counter for each direction", () => {
    const { client, server } = knownPair({}, suite);
    for (let counter = 0; counter < 3; counter += 1) {
      const [up, down] = [client.seal(text(counter)), server.seal(text(counter))];
      expect(up).toEqual(recordOf(KNOWN.toServer, counter, text(counter)));
      expect(down).toEqual(recordOf(KNOWN.toClient, counter, text(counter)));
      expect([server.open(up), client.open(down)]).toEqual([text(counter), text(counter)]);
    }
  });

  test("the longest record has 65,535 bytes", () => {
    const { client, server } = knownPair({}, suite);
    const plaintext = fixedBytes("long", 64);
    const longest = new Uint8Array(RECORD_PLAINTEXT_MAX_BYTES);
    longest.set(plaintext, longest.length - 64);
    const record = client.seal(longest.slice());
    expect(record).toHaveLength(RECORD_MAX_BYTES);
    expect(server.open(record)).toEqual(longest);
    expect(() => client.seal(new Uint8Array(RECORD_PLAINTEXT_MAX_BYTES + 1))).toThrow("record too long");
  });

  test("a longer one is refused unopened, and takes no counter", () => {
    const server = knownEnd("responder", {}, { ...suite, open: () => expect.unreachable() });
    const long = recordOf(KNOWN.toServer, 0, new Uint8Array(RECORD_PLAINTEXT_MAX_BYTES + 1));
    expect(failure(() => server.open(long)).code).toBe("wire.tooLong");
  });

  test("the last counter serves once, and then the direction is over, until the keys are switched", () => {
    const { client, server } = knownPair({ counter: COUNTER_MAX - 1 }, suite);
    expect(server.open(client.seal(text(0)))).toEqual(text(0));
    const last = client.seal(text(1));
    expect(last).toEqual(recordOf(KNOWN.toServer, COUNTER_MAX, text(1)));
    expect(server.open(last)).toEqual(text(1));
    const frames = text(2);
    expect(failure(() => client.seal(frames)).code).toBe("channel.exhausted");
    expect(frames).toEqual(new Uint8Array(frames.length));
    // Neither the counter after the last, nor the first ones again.
    for (const counter of [COUNTER_MAX + 1, COUNTER_MAX, 0, 1]) {
      expect(failure(() => server.open(recordOf(KNOWN.toServer, counter, text(3)))).code).toBe("channel.exhausted");
    }
    expect(client.open(server.seal(text(4)))).toEqual(text(4));
    using sessionKey = Secret.take(new Uint8Array(64));
    for (const end of [client, server]) end.switchKeys(sessionKey);
    expect(server.open(client.seal(text(5)))).toEqual(text(5));
  });
});

test("what is sealed is wiped, also when it is too long", () => {
  const { client } = knownPair();
  const frames = text(0);
  client.seal(frames);
  expect(frames).toEqual(new Uint8Array(frames.length));
  const long = new Uint8Array(RECORD_PLAINTEXT_MAX_BYTES + 1).fill(1);
  expect(() => client.seal(long)).toThrow();
  expect(long.every((byte) => byte === 0)).toBe(true);
});

test("what is opened shares no memory with the record", () => {
  const { client, server } = knownPair();
  const record = client.seal(text(0));
  const opened = server.open(record);
  record.fill(0);
  expect(opened).toEqual(text(0));
});

describe("a record from elsewhere does not open", () => {
  const refused = (end: Channel, record: Uint8Array): void => {
    expect(failure(() => end.open(record)).code).toBe("channel.record");
  };

  test("a side's own, sent back to it", async () => {
    const { client, server } = await openPair();
    for (const end of [client, server]) {
      const [first, second] = [end.seal(text(0)), end.seal(text(1))];
      refused(end, first);
      refused(end, second);
    }
  });

  test("one of another session between the same two, with the same counter", async () => {
    const [one, two] = [await openPair(quickCrypto, "one"), await openPair(quickCrypto, "two")];
    refused(two.server, one.client.seal(text(0)));
    refused(two.client, one.server.seal(text(0)));
    expect(two.server.open(two.client.seal(text(1)))).toEqual(text(1));
  });

  test("one of the same channel before its keys were switched", async () => {
    const { client, server } = await openPair();
    const before = client.seal(text(0));
    using sessionKey = Secret.take(new Uint8Array(64));
    for (const end of [client, server]) end.switchKeys(sessionKey);
    refused(server, before);
    expect(server.open(client.seal(text(1)))).toEqual(text(1));
  });

  test("one with associated data", () => {
    const suite = aesGcmSha256(nativeCrypto);
    using key = Secret.copy(KNOWN.toServer);
    refused(knownEnd("responder"), suite.seal(key, 0, utf8("ad"), text(0)));
  });
});

/** What the network does to the records on their way; positions wrap around. */
type Action = readonly ["drop" | "double" | "swap" | "cut" | "flip" | "reflect" | "splice", number, number];
const ACTIONS = ["drop", "double", "swap", "cut", "flip", "reflect", "splice"] as const;

function act(queue: Uint8Array[], [kind, a, b]: Action, own: readonly Uint8Array[], foreign: readonly Uint8Array[]) {
  const at = a % Math.max(queue.length, 1);
  const other = b % Math.max(queue.length, 1);
  const [one, two] = [queue[at], queue[other]];
  if (one === undefined || two === undefined) return;
  if (kind === "drop") queue.splice(at, 1);
  if (kind === "double") queue.splice(other, 0, one);
  if (kind === "swap") [queue[at], queue[other]] = [two, one];
  if (kind === "cut") queue[at] = one.slice(0, b % one.length);
  if (kind === "flip") queue[at] = one.map((byte, i) => (i === b % one.length ? byte ^ (1 << (b % 8)) : byte));
  const [ours, theirs] = [own[at], foreign[at]];
  if (kind === "reflect" && ours !== undefined) queue.splice(at, 0, ours);
  if (kind === "splice" && theirs !== undefined) queue[at] = theirs;
}

test("whatever happens to records: the plaintext in order up to the first that is not as sent, and then the end", () => {
  const actions = fc.array(fc.tuple(fc.constantFrom(...ACTIONS), fc.nat(40), fc.nat(400)), { maxLength: 4 });
  const seen = { whole: 0, broken: 0 };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), actions, (count, list) => {
      const { client, server } = knownPair();
      const other = knownPair({ toServer: fixedBytes("another session") });
      const texts = Array.from({ length: count }, (_, n) => text(n));
      const sent = texts.map((plaintext) => client.seal(plaintext.slice()));
      const own = texts.map((plaintext) => server.seal(plaintext.slice()));
      const foreign = texts.map((plaintext) => other.client.seal(plaintext.slice()));
      const queue = [...sent];
      for (const action of list) act(queue, action, own, foreign);
      const opened: Uint8Array[] = [];
      let end: string | null = null;
      for (const record of queue) {
        try {
          opened.push(server.open(record));
        } catch (error) {
          end = String(error);
          break;
        }
      }
      const differs = queue.findIndex((record, n) => record.toHex() !== sent[n]?.toHex());
      expect(opened).toEqual(texts.slice(0, differs < 0 ? queue.length : differs));
      expect(end).toBe(differs < 0 ? null : "CodedError: channel.record: a record does not open");
      seen[differs < 0 ? "whole" : "broken"] += 1;
    }),
    { numRuns: Bun.env.SLOW === "1" ? 5000 : 300 },
  );
  expect(seen.whole).toBeGreaterThan(10);
  expect(seen.broken).toBeGreaterThan(50);
});

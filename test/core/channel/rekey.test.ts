import { describe, expect, test } from "bun:test";
import { hkdfSync } from "node:crypto";
import { concat, utf8 } from "../../../core/bytes.ts";
import { type Channel, RECORD_PLAINTEXT_MAX_BYTES } from "../../../core/channel/record.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { REKEY_BYTES, REKEY_RECORDS } from "../../../core/limits.ts";
import { aesGcmSha256, type NoiseSuite } from "../../../core/noise/suite.ts";
import { Secret } from "../../../core/secret.ts";
import { failure } from "../../support/codes.ts";
import { KNOWN, knownEnd, knownPair, recordOf, rekeyed } from "../../support/knownChannel.ts";
import { fixedBytes } from "../../support/noise.ts";

const TEXT = utf8("text");
const real = aesGcmSha256(nativeCrypto);

/** Ciphers that only count: a record is its plaintext, so that a gibibyte of them costs nothing. */
function ledger() {
  const rekeys: number[] = [];
  let records = 0;
  const pass = (bytes: Uint8Array): Uint8Array => {
    records += 1;
    return bytes;
  };
  const suite: NoiseSuite = {
    ...real,
    seal(key, counter, ad, plaintext) {
      if (typeof counter === "number") return pass(plaintext);
      rekeys.push(records);
      return real.seal(key, counter, ad, plaintext);
    },
    open: (_key, _counter, _ad, sealed) => pass(sealed),
  };
  return { suite, rekeys };
}

/** The same for either end: one record of `bytes`. */
const SIDES = [
  ["sealing", (end: Channel, bytes: Uint8Array) => end.seal(bytes), "initiator"],
  ["opening", (end: Channel, bytes: Uint8Array) => end.open(bytes), "responder"],
] as const;

describe.each(SIDES)("%s", (_, pass, role) => {
  const repeat = (end: Channel, times: number, bytes: Uint8Array): void => {
    for (let i = 0; i < times; i += 1) pass(end, bytes);
  };

  test("the key is replaced after every 65,536 records", () => {
    const { suite, rekeys } = ledger();
    const end = knownEnd(role, {}, suite);
    const empty = new Uint8Array(0);
    repeat(end, REKEY_RECORDS - 1, empty);
    expect(rekeys).toEqual([]);
    repeat(end, 2 * REKEY_RECORDS, empty);
    expect(rekeys).toEqual([REKEY_RECORDS, 2 * REKEY_RECORDS]);
  });

  const FULL = RECORD_PLAINTEXT_MAX_BYTES;
  const whole = Math.floor(REKEY_BYTES / FULL);
  test.each([
    [REKEY_BYTES % FULL, [whole + 1]],
    [(REKEY_BYTES % FULL) - 1, []],
    [(REKEY_BYTES % FULL) + 1, [whole + 1]],
  ])("full records, then one of %d bytes: replaced at 2^30 bytes", (rest, expected) => {
    const { suite, rekeys } = ledger();
    const end = knownEnd(role, {}, suite);
    repeat(end, whole, new Uint8Array(FULL));
    expect(rekeys).toEqual([]);
    pass(end, new Uint8Array(rest));
    expect(rekeys).toEqual(expected);
    // Both counts have started again.
    repeat(end, 1, new Uint8Array(1));
    repeat(end, whole - 1, new Uint8Array(FULL));
    expect(rekeys).toEqual(expected.length > 0 ? expected : [whole + 2]);
  });

  test("a switch of keys starts the count of bytes again", () => {
    const { suite, rekeys } = ledger();
    const end = knownEnd(role, {}, suite);
    repeat(end, whole, new Uint8Array(FULL));
    using sessionKey = Secret.take(new Uint8Array(64));
    end.switchKeys(sessionKey);
    repeat(end, whole, new Uint8Array(FULL));
    expect(rekeys).toEqual([]);
    repeat(end, 1, new Uint8Array(FULL));
    expect(rekeys).toEqual([2 * whole + 1]);
  });

  test("a switch of keys starts the count of records again", () => {
    const { suite, rekeys } = ledger();
    const end = knownEnd(role, {}, suite);
    repeat(end, REKEY_RECORDS - 1, new Uint8Array(0));
    using sessionKey = Secret.take(new Uint8Array(64));
    end.switchKeys(sessionKey);
    repeat(end, REKEY_RECORDS - 1, new Uint8Array(0));
    expect(rekeys).toEqual([]);
    repeat(end, 1, new Uint8Array(0));
    expect(rekeys).toEqual([2 * REKEY_RECORDS - 1]);
  });
});

test("a record that is refused does not count", () => {
  const { suite, rekeys } = ledger();
  let refuse = false;
  const open: NoiseSuite["open"] = (...sealed) => (refuse ? real : suite).open(...sealed);
  const end = knownEnd("responder", {}, { ...suite, open });
  for (let i = 0; i < REKEY_RECORDS - 1; i += 1) end.open(new Uint8Array(0));
  refuse = true;
  expect(failure(() => end.open(new Uint8Array(20))).code).toBe("channel.record");
  expect(rekeys).toEqual([]);
  refuse = false;
  end.open(new Uint8Array(0));
  expect(rekeys).toEqual([REKEY_RECORDS]);
});

test("both ends go on in step with the key that PROTOCOL §4.3 says, and switch from it", () => {
  const { client, server } = knownPair();
  for (let counter = 0; counter < REKEY_RECORDS - 1; counter += 1) server.open(client.seal(new Uint8Array(1)));
  const last = client.seal(TEXT.slice());
  expect(last).toEqual(recordOf(KNOWN.toServer, REKEY_RECORDS - 1, TEXT));
  expect(server.open(last)).toEqual(TEXT);

  const fresh = rekeyed(KNOWN.toServer);
  // The counter goes on; the old key is over, the other direction keeps its own.
  expect(failure(() => server.open(recordOf(KNOWN.toServer, REKEY_RECORDS, TEXT))).code).toBe("channel.record");
  const next = client.seal(TEXT.slice());
  expect(next).toEqual(recordOf(fresh, REKEY_RECORDS, TEXT));
  expect(server.open(next)).toEqual(TEXT);
  const down = server.seal(TEXT.slice());
  expect(down).toEqual(recordOf(KNOWN.toClient, 0, TEXT));
  expect(client.open(down)).toEqual(TEXT);

  const sessionKey = fixedBytes("session key", 64);
  using borrowed = Secret.copy(sessionKey);
  for (const end of [client, server]) end.switchKeys(borrowed);
  const ikm = concat(fresh, KNOWN.toClient, sessionKey);
  const keys = new Uint8Array(hkdfSync("sha512", ikm, KNOWN.handshakeHash, utf8("IMS/1 session"), 64));
  const [up, back] = [client.seal(TEXT.slice()), server.seal(TEXT.slice())];
  expect(up).toEqual(recordOf(keys.slice(0, 32), 0, TEXT));
  expect(back).toEqual(recordOf(keys.slice(32), 0, TEXT));
  expect([server.open(up), client.open(back)]).toEqual([TEXT, TEXT]);
});

test("2^30 bytes bring both ends to the same key", () => {
  const { client, server } = knownPair();
  const full = new Uint8Array(RECORD_PLAINTEXT_MAX_BYTES);
  const count = Math.ceil(REKEY_BYTES / full.length);
  for (let counter = 0; counter < count; counter += 1) server.open(client.seal(full));
  const next = client.seal(TEXT.slice());
  expect(next).toEqual(recordOf(rekeyed(KNOWN.toServer), count, TEXT));
  expect(server.open(next)).toEqual(TEXT);
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isoTime, jsonLine, messageJson, peerTime } from "../../../cmd/client/json.ts";
import type { DeviceId, MessageId } from "../../../core/ids.ts";
import type { MessageNotice } from "../../../core/peer/notices.ts";

const MESSAGE: MessageNotice = {
  kind: "message",
  id: "0123456789abcdef0123456789abcdef" as MessageId,
  from: "Bob",
  device: "fedcba9876543210" as DeviceId,
  to: "Alice",
  own: false,
  trust: "pinned",
  sentAt: 1_767_323_045_678,
  receivedAt: 1_767_323_045_700,
  text: "hi",
};

describe("a message", () => {
  test("has exactly these fields in this order", () => {
    expect(messageJson(MESSAGE)).toBe(
      '{"type":"message","id":"0123456789abcdef0123456789abcdef","from":"Bob","device":"fedcba9876543210","to":"Alice",' +
        '"sentAt":"2026-01-02T03:04:05.678Z","receivedAt":"2026-01-02T03:04:05.700Z","text":"hi","identity":"pinned"}\n',
    );
  });

  test("of our own from another device has no more", () => {
    expect(messageJson({ ...MESSAGE, own: true })).toBe(messageJson(MESSAGE));
  });

  test("is one line of printable ASCII whose text comes back as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        const line = messageJson({ ...MESSAGE, text });
        expect(line).toMatch(/^[\x20-\x7e]+\n$/);
        expect(JSON.parse(line).text).toBe(text);
      }),
    );
  });

  test.each([
    "\u007f\u0080\u009b",
    "\u202e\u2066",
    "\u2028\u2029",
    "\ufeff",
    "\u{1f469}\u200d\u{1f680}",
    '"\\\n\r\t\0',
  ])("%j is escaped", (text) => {
    const line = messageJson({ ...MESSAGE, text });
    expect(line).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(line).text).toBe(text);
  });
});

describe("times", () => {
  test.each([
    [0, "1970-01-01T00:00:00.000Z"],
    [1, "1970-01-01T00:00:00.001Z"],
    [1_767_323_045_678, "2026-01-02T03:04:05.678Z"],
    [253_402_300_799_999, "9999-12-31T23:59:59.999Z"],
    [253_402_300_800_000, "+010000-01-01T00:00:00.000Z"],
    [8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"],
  ])("%i is %s", (ms, text) => {
    expect(isoTime(ms)).toBe(text);
    expect(peerTime(ms)).toBe(text);
  });

  test.each([8_640_000_000_000_001, Number.MAX_SAFE_INTEGER, 2 ** 63])("of a peer, %d is the last there is", (ms) => {
    expect(peerTime(ms)).toBe("+275760-09-13T00:00:00.000Z");
  });

  test("any time that a peer may stamp is a time", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (ms) => {
        const { sentAt } = JSON.parse(messageJson({ ...MESSAGE, sentAt: ms }));
        expect(sentAt).toMatch(/^(\d{4}|\+\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        expect(Date.parse(sentAt)).toBe(Math.min(ms, 8_640_000_000_000_000));
      }),
    );
  });
});

test("a line has its fields as given, and one line end", () => {
  expect(jsonLine({ type: "user", name: "Zoë", online: true, devices: 2 })).toBe(
    '{"type":"user","name":"Zo\\u00eb","online":true,"devices":2}\n',
  );
});

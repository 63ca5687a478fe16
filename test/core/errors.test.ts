import { expect, test } from "bun:test";
import { CodedError, codeOfWire, ERRORS, type ErrorCode } from "../../core/errors.ts";

/** What a peer may be told. Append only: a number is never reused. */
const WIRE: Readonly<Record<number, ErrorCode>> = {
  101: "wire.malformed",
  102: "wire.tooLong",
  103: "wire.version",
  201: "channel.handshake",
  202: "channel.record",
  203: "channel.exhausted",
  204: "channel.deadline",
  205: "channel.busy",
  206: "channel.puzzle",
  301: "auth.rejected",
  302: "auth.tooManyDevices",
  303: "auth.ended",
  304: "auth.device",
  305: "auth.tooManyAttempts",
  306: "auth.removed",
  401: "state.unexpected",
  501: "server.stopping",
  502: "server.slowReader",
  503: "server.fault",
};

test("the numbers that a peer is told are these, each one's own", () => {
  const told = Object.entries(ERRORS).filter(([, { wire }]) => wire !== 0);
  expect(Object.fromEntries(told.map(([code, { wire }]) => [wire, code]))).toEqual(WIRE);
  expect(told).toHaveLength(Object.keys(WIRE).length);
  // A close code is 4000 and the number (RFC 6455 §7.4.2: up to 4999).
  for (const [, { wire }] of told) expect(wire).toBeLessThan(1000);
});

test.each(Object.entries(WIRE))("%s is read as %s", (wire, code) => {
  expect(codeOfWire(Number(wire))).toBe(code);
});

test.each([0, 1, 100, 999, 65535])("%d, which nobody says, is a lost connection", (wire) => {
  expect(codeOfWire(wire)).toBe("connection.lost");
});

test("an error has a code, and a detail for our own log", () => {
  const cause = new Error("below");
  const error = new CodedError("wire.malformed", "a field", { cause });
  expect(error).toMatchObject({ name: "CodedError", code: "wire.malformed", detail: "a field", cause });
  expect(error.message).toBe("wire.malformed: a field");
  expect(new CodedError("wire.malformed").message).toBe("wire.malformed");
  expect(error).toBeInstanceOf(Error);
});

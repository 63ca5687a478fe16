import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { Secret, wipe } from "../../core/secret.ts";

const bytesOf = (secret: Secret): number[] => secret.use((bytes) => [...bytes]);

describe("ownership", () => {
  test("take keeps the buffer, copy does not", () => {
    const [taken, copied] = [Uint8Array.of(1, 2), Uint8Array.of(3, 4)];
    wipe(Secret.take(taken), Secret.copy(copied));
    expect([...taken, ...copied]).toEqual([0, 0, 3, 4]);
  });

  test.each(["copy", "slice"])("%s of a platform buffer does not alias it", (how) => {
    const buffer = Buffer.from([1, 2, 3]);
    const secret = how === "copy" ? Secret.copy(buffer) : Secret.take(buffer).slice(0, 3);
    buffer.fill(9);
    expect(bytesOf(secret)).toEqual([1, 2, 3]);
  });

  test("concat and slice make secrets of their own", () => {
    const [one, two] = [Secret.take(Uint8Array.of(1, 2)), Secret.take(Uint8Array.of(3))];
    const both = Secret.concat(one, two);
    const part = both.slice(1, 3);
    wipe(one, two, both);
    expect(bytesOf(part)).toEqual([2, 3]);
    expect(Secret.concat().length).toBe(0);
  });
});

describe("wiping", () => {
  test("zeroes the bytes and ends all use", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const secret = Secret.take(bytes);
    expect([secret.length, secret.wiped]).toEqual([3, false]);
    wipe(secret, null, undefined);
    wipe(secret);
    expect([...bytes]).toEqual([0, 0, 0]);
    expect([secret.length, secret.wiped]).toEqual([0, true]);
    expect(() => secret.use(() => 0)).toThrow("secret used after it was wiped");
    expect(() => secret.slice(0, 1)).toThrow("secret used after it was wiped");
    expect(() => Secret.concat(secret)).toThrow("secret used after it was wiped");
  });

  test("happens at the end of a block, also by a throw", () => {
    const bytes = Uint8Array.of(1);
    expect(() => {
      using secret = Secret.take(bytes);
      secret.use(() => {
        throw new Error("within");
      });
    }).toThrow("within");
    expect(bytes[0]).toBe(0);
  });
});

test("nothing prints the bytes", () => {
  const secret = Secret.take(new TextEncoder().encode("hunter2"));
  const printed = [`${secret}`, String(secret), JSON.stringify({ secret }), inspect({ secret }), Bun.inspect(secret)];
  for (const text of printed) {
    expect(text).toContain("[secret]");
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain("104");
  }
  expect(Object.keys(secret)).toEqual([]);
});

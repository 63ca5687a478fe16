import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { STRETCH } from "../../../core/limits.ts";
import { Secret } from "../../../core/secret.ts";
import { filled, noRandom, PROVIDERS, refusal, reveal, stretch } from "../../support/primitives.ts";

const SMALL = { memoryKiB: 64, passes: 1, lanes: 1, outputBytes: 32 };

describe.each(PROVIDERS)("Argon2id on %s", (_, crypto) => {
  // From src/test.c of the reference implementation, version 0x13: "password", "somesalt", 256 KiB, two passes.
  test.each([
    [1, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"],
    [2, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"],
  ])("the reference implementation's answer with %p lanes", async (lanes, answer) => {
    const params = { memoryKiB: 256, passes: 2, lanes, outputBytes: 32 };
    const output = await stretch(crypto, utf8("password"), utf8("somesalt"), params);
    expect(output.toHex()).toBe(answer);
  });

  test("the input may be wiped as soon as the call has returned", async () => {
    const salt = filled(16, 2);
    const expected = await stretch(nobleCrypto, filled(64, 1), salt, SMALL);
    const input = Secret.copy(filled(64, 1));
    const answer = crypto.run({ op: "stretch", input, salt, params: SMALL }, noRandom);
    input[Symbol.dispose]();
    salt.fill(0);
    const result = await answer;
    if (result.op !== "stretch") throw new Error("another operation");
    expect(reveal(result.output)).toEqual(expected);
  });

  test.each([
    ["too little memory", { ...SMALL, memoryKiB: 16, lanes: 4 }, 16],
    ["no pass", { ...SMALL, passes: 0 }, 16],
    ["no lane", { ...SMALL, lanes: 0 }, 16],
    ["a short salt", SMALL, 7],
  ])("%s is a bug", async (_what, params, saltBytes) => {
    expect(await refusal(() => stretch(crypto, filled(8, 1), filled(saltBytes, 2), params))).toBe("plain");
  });
});

test("the providers give the same output", async () => {
  const params = fc.record({
    memoryKiB: fc.integer({ min: 32, max: 80 }),
    passes: fc.integer({ min: 1, max: 3 }),
    lanes: fc.integer({ min: 1, max: 4 }),
    outputBytes: fc.integer({ min: 4, max: 100 }),
  });
  const input = fc.uint8Array({ maxLength: 100 });
  const salt = fc.uint8Array({ minLength: 8, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(input, salt, params, async (bytes, saltBytes, sizes) => {
      const native = await stretch(nativeCrypto, bytes, saltBytes, sizes);
      expect(native).toEqual(await stretch(nobleCrypto, bytes, saltBytes, sizes));
    }),
    { numRuns: 30 },
  );
});

test("the full parameters: what noble computed once", async () => {
  const output = await stretch(nativeCrypto, utf8("P4nc@ke$"), new Uint8Array(16), STRETCH);
  expect(output.toHex()).toBe(
    "b3bf730eada15789c5052d8a6894dcf011e2fedf8900a781ad292904ae7a09af3f1dfdd9ab862536bd9709104ba44fa4d46543af2a109f8cc6a2d2077fabe987",
  );
});

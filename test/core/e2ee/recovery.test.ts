import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { drawRecoveryCode, formatRecoveryCode, parseRecoveryCode } from "../../../core/e2ee/recovery.ts";
import { Secret } from "../../../core/secret.ts";
import { codeOr, failure } from "../../support/codes.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { filled, hex, PROVIDERS, reveal } from "../../support/primitives.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The text of 16 bytes as PROTOCOL says it, by big integers. */
function textByHand(bytes: Uint8Array): string {
  const digest = createHash("sha256").update(bytes).digest();
  let rest = (BigInt(`0x${bytes.toHex()}`) << 12n) | BigInt((digest.readUInt16BE(0) >> 6) & 0x3ff);
  let text = "";
  for (let at = 0; at < 28; at += 1) {
    text = ALPHABET.charAt(Number(rest & 31n)) + text;
    rest >>= 5n;
  }
  return text.replace(/(.{4})(?=.)/g, "$1-");
}

const format = (bytes: Uint8Array): string => formatRecoveryCode(nobleCrypto, Secret.copy(bytes));
const parse = (text: string) => codeOr(() => reveal(parseRecoveryCode(nobleCrypto, text)));

const BYTES = filled(16, 3);
const TEXT = format(BYTES);

describe.each(PROVIDERS)("on %s", (_, crypto) => {
  test("any 16 bytes are written as PROTOCOL says, and read again", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const text = formatRecoveryCode(crypto, Secret.copy(bytes));
        expect(text).toBe(textByHand(bytes));
        expect(reveal(parseRecoveryCode(crypto, text))).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  test("is drawn anew", () => {
    const env = fixedEnv("code", crypto);
    const [one, two] = [drawRecoveryCode(env), drawRecoveryCode(env)];
    expect([one.length, two.length]).toEqual([16, 16]);
    expect(reveal(one)).not.toEqual(reveal(two));
  });
});

test.each([
  ["00".repeat(16), "0000-0000-0000-0000-0000-0000-006X"],
  ["ff".repeat(16), "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZWBB"],
])("%s is %s", (bytes, text) => {
  expect(textByHand(hex(bytes))).toBe(text);
  expect(format(hex(bytes))).toBe(text);
  expect(parse(text)).toEqual(hex(bytes));
});

describe("reads what people make of it", () => {
  const zeros = format(new Uint8Array(16));
  test.each<readonly [string, string, Uint8Array]>([
    ["in small letters", TEXT.toLowerCase(), BYTES],
    ["without hyphens", TEXT.replaceAll("-", ""), BYTES],
    ["with spaces for them", TEXT.replaceAll("-", "  "), BYTES],
    ["with dashes", TEXT.replaceAll("-", "\u2013"), BYTES],
    ["over two lines", ` ${TEXT.slice(0, 15)}\r\n\t${TEXT.slice(15)}\n`, BYTES],
    ["one by one", Array.from(TEXT.replaceAll("-", "")).join(" - "), BYTES],
    ["with O for 0", zeros.replaceAll("0", "O"), new Uint8Array(16)],
    ["with o for 0", zeros.replaceAll("0", "o"), new Uint8Array(16)],
  ])("%s", (_, text, bytes) => {
    expect(parse(text)).toEqual(bytes);
  });

  test("with I, i, L and l for 1", () => {
    const bytes = hex("0842108421084210842108421084210c");
    const text = format(bytes);
    expect(text).toStartWith("1111-1111");
    for (const letter of "IiLl") expect(parse(text.replaceAll("1", letter))).toEqual(bytes);
  });
});

describe("refuses", () => {
  const whole = TEXT.replaceAll("-", "");
  test.each([
    ["nothing", ""],
    ["hyphens", "------"],
    ["27 characters", whole.slice(1)],
    ["29 characters", `${whole}0`],
    ["the letter U", `U${whole.slice(1)}`],
    ["a mark", `${whole.slice(0, 27)}!`],
    ["a letter that is K in lower case only", `\u212a${whole.slice(1)}`],
    ["a letter that is I in upper case only", `\u0131${whole.slice(1)}`],
    ["a letter of two in upper case", `\u00df${whole.slice(2)}`],
    ["a digit of another script", `\u0661${whole.slice(1)}`],
    ["a surrogate pair", `\u{1d7d8}${whole.slice(1)}`],
    ["half of one", `\ud835${whole.slice(1)}`],
    ["a zero byte between", `${whole.slice(0, 4)}\0${whole.slice(4)}`],
    ["the name of a property", "__proto__"],
  ])("%s", (_, text) => {
    const error = failure(() => parseRecoveryCode(nobleCrypto, text));
    expect(error.code).toBe("account.code");
    expect(error.detail).toBe("that is not a recovery code; it has 28 letters and digits");
  });

  test("one wrong character, wherever it is, but for one in a thousand", () => {
    let passed = 0;
    for (let at = 0; at < 28; at += 1) {
      for (const letter of ALPHABET) {
        if (whole[at] === letter) continue;
        const read = parse(whole.slice(0, at) + letter + whole.slice(at + 1));
        if (read === "account.code") continue;
        passed += 1;
        expect(at).toBeLessThan(26);
        expect(read).not.toEqual(BYTES);
      }
    }
    expect(passed).toBeLessThan(4);
  });

  test("the two bits that are left over, when they are not 0: every code has one text", () => {
    const last = ALPHABET.indexOf(whole.charAt(25));
    expect(last % 4).toBe(0);
    for (const more of [1, 2, 3]) {
      const text = whole.slice(0, 25) + ALPHABET.charAt(last + more) + whole.slice(26);
      expect(failure(() => parseRecoveryCode(nobleCrypto, text)).detail).toBe(
        "a letter or digit of the recovery code is wrong",
      );
    }
  });
});

test("writing needs 16 bytes, and neither way leaves a secret behind", () => {
  expect(() => format(new Uint8Array(15))).toThrow("not 16 bytes");
  expect(() => format(new Uint8Array(17))).toThrow("not 16 bytes");
  const code = Secret.copy(BYTES);
  using watch = new SecretWatch();
  const read = parseRecoveryCode(nobleCrypto, formatRecoveryCode(nobleCrypto, code));
  expect(watch.alive()).toEqual([read]);
  read[Symbol.dispose]();
  expect(parse(`${TEXT.slice(0, -1)}${TEXT.endsWith("0") ? "1" : "0"}`)).toBe("account.code");
  expect(watch.alive()).toEqual([]);
});

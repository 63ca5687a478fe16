import { describe, expect, test } from "bun:test";
import { createCipheriv, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { openWith, sealWith } from "../../../core/e2ee/messageKey.ts";
import type { MessageId } from "../../../core/ids.ts";
import { codeOr } from "../../support/codes.ts";
import { fakeCrypto } from "../../support/fakeCrypto.ts";
import { keyOf } from "../../support/owners.ts";
import { messageId } from "../../support/parties.ts";
import { filled, PROVIDERS, secret } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const id = messageId(1);
const data = filled(50, 2);
const text = filled(64, 3);

describe.each([...PROVIDERS, ["the fake", fakeCrypto] as const])("on %s", (_, crypto) => {
  const key = keyOf(1);

  test("opens what was sealed, of any length", () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const sized = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(sized(32), sized(16), bytes, bytes, (given, name, associated, plaintext) => {
        using messageKey = secret(given);
        const message = name.toHex() as MessageId;
        const sealed = sealWith(crypto, messageKey, message, associated, plaintext);
        expect(sealed.length).toBe(plaintext.length + 16);
        expect(openWith(crypto, messageKey, message, associated, sealed)).toEqual(plaintext);
      }),
      { numRuns: 40 },
    );
  });

  test("any bit altered, another key, id or associated data: crypto.open", () => {
    const sealed = sealWith(crypto, key, id, data, text);
    const codeOf = (at = sealed, name = id, associated = data, by = key) =>
      codeOr(() => openWith(crypto, by, name, associated, at).toHex());
    expect(codeOf()).toBe(text.toHex());
    for (let at = 0; at < sealed.length; at += 1) expect(codeOf(flip(sealed, at))).toBe("crypto.open");
    for (let at = 0; at < data.length; at += 1) expect(codeOf(sealed, id, flip(data, at))).toBe("crypto.open");
    for (let at = 0; at < 16; at += 1) {
      const other = flip(Uint8Array.fromHex(id), at).toHex() as MessageId;
      expect(codeOf(sealed, other)).toBe("crypto.open");
    }
    for (let at = 0; at < 32; at += 1) {
      using other = secret(flip(filled(32, 1), at));
      expect(codeOf(sealed, id, data, other)).toBe("crypto.open");
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(codeOf(sealed.slice(0, length))).toBe("crypto.open");
    }
    expect(codeOf(Uint8Array.of(...sealed, 0))).toBe("crypto.open");
  });

  test("a key that is used again, as after a restored copy, seals under another AEAD key and nonce", () => {
    const used: string[] = [];
    const spy = {
      ...crypto,
      seal: (...[by, nonce, associated, plaintext]: Parameters<typeof crypto.seal>) => {
        used.push(`${by.use((bytes) => bytes.toHex())} ${nonce.toHex()}`);
        return crypto.seal(by, nonce, associated, plaintext);
      },
    };
    for (let i = 0; i < 50; i += 1) sealWith(spy, key, messageId(i), data, text);
    expect(new Set(used.map((pair) => pair.slice(0, 64))).size).toBe(50);
    expect(new Set(used.map((pair) => pair.slice(65))).size).toBe(50);
  });

  test("leaves no secret behind, also when it does not open; the message key stays", () => {
    using watch = new SecretWatch();
    const sealed = sealWith(crypto, key, id, data, text);
    openWith(crypto, key, id, data, sealed);
    expect<unknown>(codeOr(() => openWith(crypto, key, id, data, flip(sealed, 0)))).toBe("crypto.open");
    expect(watch.count).toBeGreaterThan(5);
    expect(watch.alive()).toEqual([]);
    expect(key.wiped).toBe(false);
  });
});

test.each(PROVIDERS)("on %s: by hand", (_, crypto) => {
  const material = Buffer.from(hkdfSync("sha256", filled(32, 1), Uint8Array.fromHex(id), "IMS/1 message", 44));
  const cipher = createCipheriv("aes-256-gcm", material.subarray(0, 32), material.subarray(32));
  cipher.setAAD(data);
  const sealed = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  using key = keyOf(1);
  expect(sealWith(crypto, key, id, data, text).toHex()).toBe(sealed.toString("hex"));
});

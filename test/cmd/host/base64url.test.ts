import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatBase64url, parseBase64url } from "../../../cmd/host/base64url.ts";

test("bytes come back, and the text is what the platform writes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      const text = formatBase64url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64url"));
      expect(parseBase64url(text)).toEqual(bytes);
    }),
  );
});

test("any text is refused or is the only spelling of its bytes", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-D_=+/ -]{0,9}$/), (text) => {
      const bytes = parseBase64url(text);
      if (bytes !== null) expect(formatBase64url(bytes)).toBe(text);
    }),
    { numRuns: 2000 },
  );
});

test.each(["A", "AA==", "AB", "AAB", "A A", "AA\n", "AA+A", "AA/A", "ÄA", "AAAAA"])("%j is refused", (text) => {
  expect(parseBase64url(text)).toBeNull();
});

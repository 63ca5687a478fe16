import { expect, test } from "bun:test";
import fc from "fast-check";
import { ristrettoDh, ristrettoKeyPair, ristrettoPublicKey } from "../../../core/crypto/ristretto.ts";
import { filled, hex, refusal, reveal, secret } from "../../support/primitives.ts";
import { externalVectors } from "../../support/vectors.ts";

interface Login {
  readonly config: { readonly Group: string; readonly Fake: string };
  readonly inputs: {
    readonly client_keyshare_seed: string;
    readonly server_private_key: string;
    readonly server_public_key: string;
  };
  readonly outputs: { readonly KE1: string };
}

const logins = (externalVectors("opaque") as readonly Login[] | null) ?? [];
const real = logins.filter(({ config }) => config.Group === "ristretto255" && config.Fake === "False");

test.each(real)("RFC 9807 appendix C: key share and server key (%#)", ({ inputs, outputs }) => {
  // KE1 ends with the client's key share (RFC 9807 §6.1).
  const { publicKey } = ristrettoKeyPair(hex(inputs.client_keyshare_seed));
  expect(publicKey.toHex()).toBe(outputs.KE1.slice(-64));
  expect(ristrettoPublicKey(secret(hex(inputs.server_private_key))).toHex()).toBe(inputs.server_public_key);
});

/** RFC 9496 appendix A.1: small multiples of the generator. */
test.each([
  [1, "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"],
  [2, "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919"],
  [3, "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259"],
])("%p times the generator", (scalar, encoded) => {
  const bytes = new Uint8Array(32);
  bytes[0] = scalar;
  expect(ristrettoPublicKey(secret(bytes)).toHex()).toBe(encoded);
});

test("both sides agree, from bytes or from a secret", () => {
  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(seed, seed, (a, b) => {
      const mine = ristrettoKeyPair(a);
      const yours = ristrettoKeyPair(secret(b));
      expect(mine.publicKey).toEqual(ristrettoPublicKey(mine.privateKey));
      const shared = ristrettoDh(mine.privateKey, yours.publicKey);
      expect(shared.length).toBe(32);
      expect(reveal(shared)).toEqual(reveal(ristrettoDh(yours.privateKey, mine.publicKey)));
    }),
    { numRuns: 10 },
  );
});

test.each([
  ["the identity", "00".repeat(32)],
  ["no bytes", ""],
  ["a length of 31", "00".repeat(31)],
  ["a value not canonical", `ed${"ff".repeat(30)}7f`],
  ["a value negative", `01${"00".repeat(31)}`],
])("refuses %s", async (_what, encoded) => {
  const { privateKey } = ristrettoKeyPair(filled(32, 1));
  expect(await refusal(() => ristrettoDh(privateKey, hex(encoded)))).toBe("crypto.badKey");
});

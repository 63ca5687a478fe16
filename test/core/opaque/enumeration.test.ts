import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import { finishLogin, generateKE2 } from "../../../core/opaque/login.ts";
import type { RegistrationRecord } from "../../../core/opaque/record.ts";
import { Secret } from "../../../core/secret.ts";
import { account, answer, begin, codeOf, GROUPS, register, seededRandom } from "../../support/opaque.ts";

/** `crypto` that notes every call and the lengths of what it is given. */
function noting(crypto: CryptoProvider, notes: string[]): CryptoProvider {
  const note = <A extends readonly unknown[], R>(name: string, fn: (...args: A) => R) => {
    return (...args: A): R => {
      notes.push(
        `${name} ${args.map((one) => (one instanceof Uint8Array || one instanceof Secret ? one.length : "-"))}`,
      );
      return fn(...args);
    };
  };
  return {
    ...crypto,
    sha512: note("sha512", crypto.sha512),
    hmacSha512: note("hmacSha512", crypto.hmacSha512),
    dhKey: note("dhKey", crypto.dhKey),
    dh: note("dh", crypto.dh),
  };
}

describe.each(GROUPS)("known and unknown names, %s", (group) => {
  const plain = account({ crypto: nativeCrypto, group });
  const { record } = register(plain, "pizza");
  const { ke1 } = begin(plain, record, "pizza").client;

  function work(one: RegistrationRecord | null, named: boolean) {
    const notes: string[] = [];
    const config = { crypto: noting(nativeCrypto, notes), group };
    const alice = account(config, named ? {} : { identities: { client: null, server: null } });
    notes.length = 0;
    const random = seededRandom("work");
    const draws = (length: number): Uint8Array => {
      notes.push(`random ${length}`);
      return random(length);
    };
    const { ke2, state } = generateKE2(config, alice.keys, { ...alice, record: one, ke1 }, draws);
    return { notes, lengths: [ke2.length, state.expectedClientMac.length, state.sessionKey.length] };
  }

  test.each([true, false])("the server takes the same steps for both, named %p", (named) => {
    const known = work(record, named);
    expect(work(null, named)).toEqual(known);
    expect(known.notes.length).toBeGreaterThan(15);
    expect(known.lengths).toEqual([320, 64, 64]);
  });

  test("the client hears the same, and no KE3 finishes a login of nobody", () => {
    const nobody = begin(plain, null, "pizza");
    expect(codeOf(() => answer(plain, nobody.client.state, nobody.server.ke2))).toBe("auth.rejected");
    const real = begin(plain, record, "pizza");
    const { ke3 } = answer(plain, real.client.state, real.server.ke2);
    expect(codeOf(() => finishLogin(nobody.server.state, ke3))).toBe("auth.rejected");
  });

  test("the part of the answer that is the same at each try says nothing of a record", () => {
    // The evaluated element is the only part without fresh randomness, and it comes from the name alone.
    const [known, unknown] = [record, null].map((one) => begin(plain, one, "pizza").server.ke2);
    expect(known?.subarray(0, 32)).toEqual(unknown?.subarray(0, 32) as Uint8Array);
    expect(known?.subarray(64, 192)).not.toEqual(unknown?.subarray(64, 192) as Uint8Array);
  });
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { finishLogin, generateKE2, generateKE3, receiveKE2 } from "../../../core/opaque/login.ts";
import { Secret } from "../../../core/secret.ts";
import { BAD_PUBLIC_KEYS, BAD_RISTRETTO } from "../../support/badKeys.ts";
import {
  account,
  answer,
  begin,
  bytes,
  codeOf,
  flipped,
  GROUPS,
  hexOf,
  PROVIDERS,
  register,
  seededRandom,
  serverKeys,
  unstretched,
} from "../../support/opaque.ts";

const CONFIGS = PROVIDERS.flatMap((crypto) =>
  GROUPS.map((group) => [`${group} ${crypto.name}`, crypto, group] as const),
);

describe.each(CONFIGS)("login, %s", (_name, crypto, group) => {
  const alice = account({ crypto, group });
  const { record, exportKey } = register(alice, "pizza");

  test("the right password gives both sides one session key, and the export key of the registration", () => {
    const { client, server } = begin(alice, record, "pizza");
    expect([client.ke1.length, server.ke2.length]).toEqual([96, 320]);
    const login = answer(alice, client.state, server.ke2);
    expect([login.ke3.length, login.sessionKey.length, login.exportKey.length]).toEqual([64, 64, 64]);
    expect(hexOf(finishLogin(server.state, login.ke3))).toBe(hexOf(login.sessionKey));
    expect(hexOf(login.exportKey)).toBe(hexOf(exportKey));
  });

  test("every login has a session key of its own", () => {
    const keys = ["one", "two"].map((seed) => {
      const { client, server } = begin(alice, record, "pizza", seed);
      return hexOf(answer(alice, client.state, server.ke2).sessionKey);
    });
    expect(new Set(keys).size).toBe(2);
  });

  test.each([
    ["another password", begin(alice, record, "pizzas")],
    ["no password", begin(alice, record, "")],
    ["an unknown name", begin(alice, null, "pizza")],
    ["another user's OPRF key", begin({ ...alice, credentialIdentifier: bytes("bob") }, record, "pizza")],
    ["another server key", begin({ ...alice, keys: serverKeys(alice.config, "another") }, record, "pizza")],
    ["another context", begin({ ...alice, context: bytes("contexT") }, record, "pizza")],
    ["no context", begin({ ...alice, context: bytes("") }, record, "pizza")],
    [
      "another client name",
      begin({ ...alice, identities: { ...alice.identities, client: bytes("bob") } }, record, "pizza"),
    ],
    [
      "another server name",
      begin({ ...alice, identities: { ...alice.identities, server: bytes("x") } }, record, "pizza"),
    ],
    ["no names", begin({ ...alice, identities: { client: null, server: null } }, record, "pizza")],
  ])("the client refuses %s", (_case, { client, server }) => {
    expect(codeOf(() => answer(alice, client.state, server.ke2))).toBe("auth.rejected");
  });

  test("the client refuses the wrong stretching", () => {
    const { client, server } = begin(alice, record, "pizza");
    const zeros = () => Secret.take(new Uint8Array(64));
    expect(codeOf(() => answer(alice, client.state, server.ke2, zeros))).toBe("auth.rejected");
  });

  test("the states keep no reference to the messages", () => {
    const { client, server } = begin(alice, record, "pizza");
    const ke2 = server.ke2.slice();
    client.ke1.fill(0);
    const stretching = receiveKE2(client.state, ke2);
    ke2.fill(0);
    const stretched = unstretched(stretching.stretchInput);
    const { identities, context } = alice;
    const { ke3 } = generateKE3(alice.config, stretching, { stretched, identities, context });
    expect(codeOf(() => finishLogin(server.state, ke3))).toBe("accepted");
  });

  test("KE2 and KE3 of another login are refused", () => {
    const one = begin(alice, record, "pizza", "one");
    const two = begin(alice, record, "pizza", "two");
    expect(codeOf(() => answer(alice, one.client.state, two.server.ke2))).toBe("auth.rejected");
    const { ke3 } = answer(alice, two.client.state, two.server.ke2);
    expect(codeOf(() => finishLogin(one.server.state, ke3))).toBe("auth.rejected");
    expect(codeOf(() => finishLogin(two.server.state, ke3))).toBe("accepted");
  });

  test("our own messages sent back are refused", () => {
    const { client, server } = begin(alice, record, "pizza");
    expect(codeOf(() => finishLogin(server.state, server.ke2.slice(-64)))).toBe("auth.rejected");
    const echo = new Uint8Array(320);
    echo.set(client.ke1);
    expect(codeOf(() => answer(alice, client.state, echo))).toBe("auth.rejected");
  });
});

describe.each(GROUPS)("altered login messages, %s", (group) => {
  const config = { crypto: nativeCrypto, group };
  const alice = account(config);
  const { record } = register(alice, "pizza");
  const answered = (ke1: Uint8Array) =>
    generateKE2(config, alice.keys, { ...alice, record, ke1 }, seededRandom("server"));

  test("a bit flipped in any byte of KE1: no KE1, or a KE2 that the client refuses", () => {
    const { client } = begin(alice, record, "pizza");
    for (let at = 0; at < 96; at += 1) {
      const code = codeOf(() => answer(alice, client.state, answered(flipped(client.ke1, at)).ke2));
      // Only the element and the key share can be no such thing at all; the nonce is any 32 bytes.
      expect(at >= 32 && at < 64 ? ["auth.rejected"] : ["wire.malformed", "auth.rejected"]).toContain(code);
    }
  });

  test("a bit flipped in any byte of KE2: one code, and the client's state as it was", () => {
    const { client, server } = begin(alice, record, "pizza");
    const { password, blind, keyShareSeed, ke1 } = client.state;
    const before = [password, blind, keyShareSeed, ke1].map(hexOf);
    for (let at = 0; at < 320; at += 1) {
      expect(codeOf(() => answer(alice, client.state, flipped(server.ke2, at)))).toBe("auth.rejected");
    }
    expect([password, blind, keyShareSeed, ke1].map(hexOf)).toEqual(before);
    expect(codeOf(() => answer(alice, client.state, server.ke2))).toBe("accepted");
  });

  test("a bit flipped in any byte of KE3: one code, and the server's state as it was", () => {
    const { client, server } = begin(alice, record, "pizza");
    const { ke3, sessionKey } = answer(alice, client.state, server.ke2);
    const { expectedClientMac } = server.state;
    const before = [hexOf(expectedClientMac), hexOf(server.state.sessionKey)];
    for (let at = 0; at < 64; at += 1) {
      expect(codeOf(() => finishLogin(server.state, flipped(ke3, at)))).toBe("auth.rejected");
    }
    expect([hexOf(expectedClientMac), hexOf(server.state.sessionKey)]).toEqual(before);
    expect(hexOf(finishLogin(server.state, ke3))).toBe(hexOf(sessionKey));
  });

  test("a message cut or continued anywhere is malformed", () => {
    const { client, server } = begin(alice, record, "pizza");
    const { ke3 } = answer(alice, client.state, server.ke2);
    const lengths = (message: Uint8Array) => [0, 1, message.length - 1, message.length + 1, 2 * message.length];
    const resized = (message: Uint8Array, length: number) => {
      const out = new Uint8Array(length);
      out.set(message.subarray(0, length));
      return out;
    };
    for (const length of lengths(client.ke1)) {
      expect(codeOf(() => answered(resized(client.ke1, length)))).toBe("wire.malformed");
    }
    for (const length of lengths(server.ke2)) {
      expect(codeOf(() => receiveKE2(client.state, resized(server.ke2, length)))).toBe("wire.malformed");
    }
    for (const length of lengths(ke3)) {
      expect(codeOf(() => finishLogin(server.state, resized(ke3, length)))).toBe("wire.malformed");
    }
  });

  test.each(BAD_RISTRETTO)("no element in KE1 or KE2: %s", (_name, element) => {
    const { client, server } = begin(alice, record, "pizza");
    const ke1 = client.ke1.slice();
    ke1.set(element);
    expect(codeOf(() => answered(ke1))).toBe("wire.malformed");
    const ke2 = server.ke2.slice();
    ke2.set(element);
    expect(codeOf(() => receiveKE2(client.state, ke2))).toBe("auth.rejected");
  });

  test.each(BAD_PUBLIC_KEYS[group])("no key share in KE1 or KE2: %s", (_name, publicKey) => {
    const { client, server } = begin(alice, record, "pizza");
    const ke1 = client.ke1.slice();
    ke1.set(publicKey, 64);
    expect(codeOf(() => answered(ke1))).toBe("wire.malformed");
    const ke2 = server.ke2.slice();
    ke2.set(publicKey, 224);
    expect(codeOf(() => answer(alice, client.state, ke2))).toBe("auth.rejected");
  });

  test("any 96 bytes are no KE1, or one that is answered; any 320 bytes are refused", () => {
    const { client } = begin(alice, record, "pizza");
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 96, maxLength: 96 }), (ke1) => {
        expect(["wire.malformed", "accepted"]).toContain(codeOf(() => answered(ke1)));
      }),
      { numRuns: 50 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 320, maxLength: 320 }), (ke2) => {
        expect(codeOf(() => answer(alice, client.state, ke2))).toBe("auth.rejected");
      }),
      { numRuns: 50 },
    );
  });
});

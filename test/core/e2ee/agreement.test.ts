import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import {
  type Agreement,
  type AgreementHeader,
  type AgreementStart,
  acceptAgreement,
  beginAgreement,
  type Party,
} from "../../../core/e2ee/agreement.ts";
import type { PrekeyPair } from "../../../core/e2ee/prekey.ts";
import type { Env } from "../../../core/env.ts";
import type { ConversationId, DeviceId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";
import type { Secret } from "../../../core/secret.ts";
import type { Prekey } from "../../../core/wire/account.ts";
import { type Member, member, publicPrekey, setting } from "../../support/agreeing.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { codeOr } from "../../support/codes.ts";
import { fakeCrypto } from "../../support/fakeCrypto.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { keyOf } from "../../support/owners.ts";
import { filled, PROVIDERS, reveal } from "../../support/primitives.ts";
import { flip, queuedEnv } from "../../support/queued.ts";
import {
  type OracleParty,
  type OraclePrekey,
  type OracleTranscript,
  oracleAsk,
  oracleKey,
  oracleTranscript,
} from "../../support/ratchetOracle.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const env = fixedEnv("agreement", nativeCrypto);
const given = setting(env);
const { asker, peer } = given;
const stranger = member(env, "mallory");
const start: AgreementStart = given;
const prekeys = { signed: peer.signed, oneTime: peer.oneTime };

const publicOf = (pair: PrekeyPair): Prekey => publicPrekey(env.crypto, peer, pair);
const publics = { signed: publicOf(peer.signed), oneTime: publicOf(peer.oneTime) };
const text = (key: Secret): string => reveal(key).toHex();

type Known = { readonly signed: Prekey; readonly oneTime: Prekey | null };
const begin = (known: Known = publics, changed: AgreementStart = start, by: Env = env): Agreement =>
  beginAgreement(by, changed, asker.agreementSecret, known);

interface Accepting {
  readonly start: AgreementStart;
  readonly secret: Secret;
  readonly prekeys: { readonly signed: PrekeyPair; readonly oneTime: PrekeyPair | null };
  readonly header: AgreementHeader;
}

function accept(header: AgreementHeader, changed: Partial<Accepting> = {}): string {
  const use = { start, secret: peer.agreementSecret, prekeys, header, ...changed };
  using key = acceptAgreement(env.crypto, use.start, use.secret, use.prekeys, use.header);
  return text(key);
}

const withAsker = (change: Partial<Party>): AgreementStart => ({ ...start, asker: { ...asker, ...change } });
const withPeer = (change: Partial<Party>): AgreementStart => ({ ...start, peer: { ...peer, ...change } });
const user = parseUserName("mallory");
const device = "ff".repeat(8) as DeviceId;

describe.each([...PROVIDERS, ["the fake", fakeCrypto] as const])("on %s", (_, crypto) => {
  const own = fixedEnv("agreement of a provider", crypto);
  const made = setting(own);
  const known = {
    signed: publicPrekey(crypto, made.peer, made.peer.signed),
    oneTime: publicPrekey(crypto, made.peer, made.peer.oneTime),
  };

  test.each([true, false])("both sides agree on 32 bytes, fresh each time (a one-time prekey: %p)", (withOneTime) => {
    const keys = [1, 2].map(() => {
      const oneTime = withOneTime ? known.oneTime : null;
      const begun = beginAgreement(own, made, made.asker.agreementSecret, { ...known, oneTime });
      const pairs = { signed: made.peer.signed, oneTime: withOneTime ? made.peer.oneTime : null };
      const accepted = acceptAgreement(crypto, made, made.peer.agreementSecret, pairs, begun);
      expect(text(accepted)).toBe(text(begun.secret));
      expect([accepted.length, begun.ephemeral.length, begun.kemCiphertext.length]).toEqual([32, 32, 1088]);
      return text(accepted);
    });
    expect(keys[0]).not.toBe(keys[1] ?? "");
  });
});

describe("what both sides must agree on: with another one, the key is another", () => {
  const begun = begin();

  test("and with nothing else it is the same", () => {
    expect(accept(begun)).toBe(text(begun.secret));
  });

  test.each<readonly [string, Partial<Accepting>]>([
    ["the KDC's key", { start: { ...start, kdcKey: keyOf(1) } }],
    ["an empty KDC's key", { start: { ...start, kdcKey: keyOf(1, 0) } }],
    ["the realm", { start: { ...start, realm: filled(32, 9) } }],
    ["the conversation", { start: { ...start, conversation: "11".repeat(16) as ConversationId } }],
    ["the asker's name", { start: withAsker({ address: { ...asker.address, user } }) }],
    ["the asker's device", { start: withAsker({ address: { ...asker.address, device } }) }],
    ["the asker's identity key", { start: withAsker({ identityKey: stranger.identityKey }) }],
    ["the asker's agreement key", { start: withAsker({ agreementKey: stranger.agreementKey }) }],
    ["the peer's name", { start: withPeer({ address: { ...peer.address, user } }) }],
    ["the peer's device", { start: withPeer({ address: { ...peer.address, device } }) }],
    ["the peer's identity key", { start: withPeer({ identityKey: stranger.identityKey }) }],
    ["the peer's agreement key, as it is said to be", { start: withPeer({ agreementKey: stranger.agreementKey }) }],
    [
      "both identity keys, swapped",
      {
        start: {
          ...start,
          asker: { ...asker, identityKey: peer.identityKey },
          peer: { ...peer, identityKey: asker.identityKey },
        },
      },
    ],
    ["both sides, swapped", { start: { ...start, asker: peer, peer: asker } }],
    ["the peer's agreement secret", { secret: stranger.agreementSecret }],
    ["the signed prekey", { prekeys: { ...prekeys, signed: stranger.signed } }],
    ["the signed prekey's id", { prekeys: { ...prekeys, signed: { ...peer.signed, id: 9 } } }],
    ["its X25519 key", { prekeys: { ...prekeys, signed: { ...peer.signed, dhSecret: keyOf(3) } } }],
    [
      "its ML-KEM key, which is not used",
      { prekeys: { ...prekeys, signed: { ...peer.signed, kemSeed: keyOf(3, 64) } } },
    ],
    ["the one-time prekey", { prekeys: { ...prekeys, oneTime: stranger.oneTime } }],
    ["its id", { prekeys: { ...prekeys, oneTime: { ...peer.oneTime, id: 9 } } }],
    ["its X25519 secret", { prekeys: { ...prekeys, oneTime: { ...peer.oneTime, dhSecret: keyOf(3) } } }],
    ["its ML-KEM seed", { prekeys: { ...prekeys, oneTime: { ...peer.oneTime, kemSeed: keyOf(3, 64) } } }],
    ["no one-time prekey", { prekeys: { ...prekeys, oneTime: null } }],
    ["both prekeys, swapped", { prekeys: { signed: peer.oneTime, oneTime: peer.signed } }],
    ["the ephemeral key", { header: { ...begun, ephemeral: stranger.agreementKey } }],
    ["the first byte of the KEM ciphertext", { header: { ...begun, kemCiphertext: flip(begun.kemCiphertext, 0) } }],
    ["the last one", { header: { ...begun, kemCiphertext: flip(begun.kemCiphertext, 1087) } }],
  ])("%s", (_, changed) => {
    expect(accept(begun, changed)).not.toBe(text(begun.secret));
  });

  test("names of which one is the other's beginning do not run together", () => {
    const of = (one: string, two: string) => {
      const named = (party: Member, name: string) => ({ ...party.address, user: parseUserName(name) });
      const split = { ...withAsker({ address: named(asker, one) }), peer: { ...peer, address: named(peer, two) } };
      return accept(begun, { start: split });
    };
    expect(of("ab", "c")).not.toBe(of("a", "bc"));
  });
});

describe("against the oracle", () => {
  const oracleParty = ({ address, identityKey, agreementKey }: Party): OracleParty => ({
    ...{ ...address, identityKey, agreementKey },
  });
  const known = {
    ...{ realm: given.realm, conversation: given.conversation, signed: publics.signed as OraclePrekey },
    ...{ asker: oracleParty(asker), peer: oracleParty(peer) },
  };
  const kdcKey = reveal(given.kdcKey);

  test.each([true, false])("the same key, byte for byte, over many runs (a one-time prekey: %p)", (withOneTime) => {
    const draws = fixedEnv(`oracle ${withOneTime}`, env.crypto);
    for (let run = 0; run < 10; run += 1) {
      const drawn = [draws.randomBytes(32), draws.randomBytes(32)];
      const oneTime = withOneTime ? publics.oneTime : null;
      const mine = begin({ ...publics, oneTime }, start, queuedEnv(env.crypto, drawn));
      const draw = queuedEnv(env.crypto, drawn).randomBytes;
      const theirs = oracleAsk(draw, kdcKey, reveal(asker.agreementSecret), { ...known, oneTime });
      expect(mine.ephemeral).toEqual(theirs.ephemeral);
      expect(mine.kemCiphertext.toHex()).toBe(theirs.kemCiphertext.toHex());
      expect(text(mine.secret)).toBe(theirs.secret.toHex());
      expect(theirs.shared.length).toBe(withOneTime ? 5 : 4);
    }
  });

  const begun = oracleAsk(env.randomBytes, kdcKey, reveal(asker.agreementSecret), {
    ...{ ...known, oneTime: publics.oneTime },
  });
  const transcript: OracleTranscript = { ...known, ...begun, oneTime: publics.oneTime };
  const encoded = oracleTranscript(transcript);
  const key = accept(begun);

  test("is what the peer computes", () => {
    expect(oracleKey(kdcKey, begun.shared, encoded).toHex()).toBe(key);
  });

  test.each(["DH1", "DH2", "DH3", "DH4", "SS"].map((name, at) => [name, at] as const))(
    "without %s, all else known, it is another key",
    (_name, at) => {
      const zero = begun.shared.map((one, i) => (i === at ? new Uint8Array(32) : one));
      const left = begun.shared.filter((_one, i) => i !== at);
      for (const shared of [zero, left]) expect(oracleKey(kdcKey, shared, encoded).toHex()).not.toBe(key);
    },
  );

  test("without the KDC's key, all else known, it is another key", () => {
    for (const other of [new Uint8Array(0), new Uint8Array(32), flip(kdcKey, 31)]) {
      expect(oracleKey(other, begun.shared, encoded).toHex()).not.toBe(key);
    }
  });

  test("the transcript counts throughout, also with the same secrets", () => {
    const keys = new Set([key]);
    const step = 7; // no field but the shortest is passed over
    for (let at = 0; at < encoded.length; at += step)
      keys.add(oracleKey(kdcKey, begun.shared, flip(encoded, at)).toHex());
    expect(keys.size).toBe(1 + Math.ceil(encoded.length / step));
  });
});

describe("keys that are none: e2ee.invalid, and nothing is left", () => {
  const begun = begin();
  const bad = BAD_PUBLIC_KEYS.curve25519;

  test.each(bad)("%s, towards the asker", (_name, key) => {
    const cases: readonly (readonly [Known, AgreementStart])[] = [
      [{ ...publics, signed: { ...publics.signed, dhKey: key } }, start],
      [{ ...publics, oneTime: { ...publics.oneTime, dhKey: key } }, start],
      [publics, withPeer({ agreementKey: key })],
    ];
    for (const [known, changed] of cases) {
      using watch = new SecretWatch();
      expect<unknown>(codeOr(() => begin(known, changed))).toBe("e2ee.invalid");
      expect(watch.alive()).toEqual([]);
    }
  });

  test.each(bad)("%s, towards the peer", (_name, key) => {
    for (const changed of [{ header: { ...begun, ephemeral: key } }, { start: withAsker({ agreementKey: key }) }]) {
      using watch = new SecretWatch();
      expect<unknown>(codeOr(() => accept(begun, changed))).toBe("e2ee.invalid");
      expect(watch.alive()).toEqual([]);
    }
  });

  test.each([0, 31, 33])("an X25519 key of %p bytes", (length) => {
    const key = filled(length, 1);
    const known = { ...publics, signed: { ...publics.signed, dhKey: key } };
    expect<unknown>(codeOr(() => begin(known))).toBe("e2ee.invalid");
    expect<unknown>(codeOr(() => accept(begun, { header: { ...begun, ephemeral: key } }))).toBe("e2ee.invalid");
  });

  test("an ML-KEM key or ciphertext of another length, or at the modulus", () => {
    for (const kemKey of [new Uint8Array(1183), new Uint8Array(1185), new Uint8Array(1184).fill(255)]) {
      const oneTime = { ...publics.oneTime, kemKey };
      expect<unknown>(codeOr(() => begin({ ...publics, oneTime }))).toBe("e2ee.invalid");
      const signed = { ...publics.signed, kemKey };
      expect<unknown>(codeOr(() => begin({ signed, oneTime: null }))).toBe("e2ee.invalid");
    }
    for (const kemCiphertext of [new Uint8Array(0), new Uint8Array(1087), new Uint8Array(1089)]) {
      expect<unknown>(codeOr(() => accept(begun, { header: { ...begun, kemCiphertext } }))).toBe("e2ee.invalid");
    }
  });
});

test("nothing is left but the key, and what was borrowed is not wiped", () => {
  const borrowed = [
    given.kdcKey,
    asker.agreementSecret,
    peer.agreementSecret,
    peer.signed.dhSecret,
    peer.oneTime.kemSeed,
  ];
  using watch = new SecretWatch();
  const begun = begin();
  const accepted = acceptAgreement(env.crypto, start, peer.agreementSecret, prekeys, begun);
  expect(watch.alive()).toEqual([begun.secret, accepted]);
  expect(borrowed.map(({ wiped }) => wiped)).toEqual(borrowed.map(() => false));
  expect(watch.count).toBeGreaterThan(10);
});

test("a bug is not taken for a bad key of the peer's", () => {
  const dh = (): never => {
    throw new Error("a bug");
  };
  expect(() => begin(publics, start, { ...env, crypto: { ...env.crypto, dh } })).toThrow("a bug");
});

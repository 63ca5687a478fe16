import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { type AgreementHeader, acceptAgreement, beginAgreement, type Party } from "../../../core/e2ee/agreement.ts";
import type { PrekeyPair } from "../../../core/e2ee/prekey.ts";
import type { ConversationId, DeviceId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";
import { publicPrekey } from "../../support/agreeing.ts";
import { codeOr } from "../../support/codes.ts";
import { agreementVectors } from "../../support/makeConversationVectors.ts";
import { reveal } from "../../support/primitives.ts";
import { queuedEnv } from "../../support/queued.ts";
import { type OracleParty, oracleAsk } from "../../support/ratchetOracle.ts";
import vector from "../../vectors/agreement.json";

const { inputs, cases, refused, other } = vector;
const unhex = (hex: string): Uint8Array => Uint8Array.fromHex(hex);
const key = (hex: string): Secret => Secret.take(unhex(hex));
type Member = typeof inputs.asker;
const party = ({ user, device, identityKey, agreementKey }: Member): Party => ({
  address: { user: parseUserName(user), device: device as DeviceId },
  ...{ identityKey: unhex(identityKey), agreementKey: unhex(agreementKey) },
});
const pair = ({ id, dhSecret, kemSeed }: typeof inputs.signed): PrekeyPair => ({
  ...{ id, dhSecret: key(dhSecret), kemSeed: key(kemSeed), expiresAt: 0 },
});
const [asker, peer] = [party(inputs.asker), party(inputs.peer)];
const start = {
  ...{ realm: unhex(inputs.realm), conversation: inputs.conversation as ConversationId, kdcKey: key(inputs.kdcKey) },
  ...{ asker, peer },
};
const prekeys = { signed: pair(inputs.signed), oneTime: pair(inputs.oneTime) };
const secrets = { asker: key(inputs.asker.agreementSecret), peer: key(inputs.peer.agreementSecret) };

test("the file has just the fields that are checked here", () => {
  expect(Object.keys(vector)).toEqual(["about", "inputs", "cases", "refused", "other"]);
  const given = ["realm", "conversation", "kdcKey", "asker", "peer", "signed", "oneTime"];
  expect(Object.keys(inputs)).toEqual(given);
  for (const member of [inputs.asker, inputs.peer]) {
    expect(Object.keys(member)).toEqual(["user", "device", "identityKey", "agreementKey", "agreementSecret"]);
  }
  const fields = ["oneTime", "ephemeralSecret", "kemMessage", "ephemeral", "kemCiphertext", "secret"];
  for (const one of cases) expect(Object.keys(one)).toEqual(fields);
  expect(cases.map(({ oneTime }) => oneTime)).toEqual([true, false]);
  for (const one of other) expect(Object.keys(one)).toEqual(["field", "at", "flip", "secret"]);
  for (const one of refused) expect(Object.keys(one)).toHaveLength(3);
});

test("the maker makes the same file again", () => {
  const hex = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? value.toHex() : value);
  expect(JSON.parse(JSON.stringify(agreementVectors(), hex))).toEqual(vector);
});

describe.each([nobleCrypto, nativeCrypto])("agreement.json by $name", (crypto) => {
  const first = cases[0];
  const header = { ephemeral: unhex(first?.ephemeral ?? ""), kemCiphertext: unhex(first?.kemCiphertext ?? "") };
  const accept = (given: AgreementHeader, withOneTime = true): string => {
    const pairs = withOneTime ? prekeys : { ...prekeys, oneTime: null };
    using secret = acceptAgreement(crypto, start, secrets.peer, pairs, given);
    return reveal(secret).toHex();
  };

  test("the secrets belong to the public keys", () => {
    for (const end of ["asker", "peer"] as const) {
      const { publicKey } = secrets[end].use((bytes) => crypto.dhKey(bytes));
      expect(publicKey).toEqual(start[end].agreementKey);
    }
  });

  test.each(cases)("both sides get the secret (a one-time prekey: $oneTime)", (one) => {
    const env = queuedEnv(crypto, [unhex(one.ephemeralSecret), unhex(one.kemMessage)]);
    const begun = beginAgreement(env, start, secrets.asker, {
      signed: publicPrekey(crypto, peer, prekeys.signed),
      oneTime: one.oneTime ? publicPrekey(crypto, peer, prekeys.oneTime) : null,
    });
    expect(begun.ephemeral.toHex()).toBe(one.ephemeral);
    expect(begun.kemCiphertext.toHex()).toBe(one.kemCiphertext);
    expect(reveal(begun.secret).toHex()).toBe(one.secret);
    expect(accept({ ephemeral: unhex(one.ephemeral), kemCiphertext: unhex(one.kemCiphertext) }, one.oneTime)).toBe(
      one.secret,
    );
  });

  test.each(refused)("$field that is none: $code (%#)", ({ field, code, ...change }) => {
    const name = field as keyof AgreementHeader;
    const bytes = "value" in change ? unhex(String(change.value)) : header[name].slice(0, change.length);
    expect<unknown>(codeOr(() => accept({ ...header, [name]: bytes }))).toBe(code);
  });

  test.each(other)("$field with byte $at altered: another secret", ({ field, at, flip, secret }) => {
    const name = field as keyof AgreementHeader;
    const bytes = header[name].slice();
    bytes[at] = (bytes[at] ?? 0) ^ Number.parseInt(flip, 16);
    expect(accept({ ...header, [name]: bytes })).toBe(secret);
    expect(secret).not.toBe(first?.secret ?? "");
  });
});

/** The protocol once more, on noble's functions alone (PROTOCOL §9.1). */
test.each(cases)("the oracle gets the same (a one-time prekey: $oneTime)", (one) => {
  const oracleParty = ({ address, identityKey, agreementKey }: Party): OracleParty => ({
    ...{ ...address, identityKey, agreementKey },
  });
  const { randomBytes } = queuedEnv(nobleCrypto, [unhex(one.ephemeralSecret), unhex(one.kemMessage)]);
  const made = oracleAsk(randomBytes, unhex(inputs.kdcKey), unhex(inputs.asker.agreementSecret), {
    ...{ realm: start.realm, conversation: start.conversation, asker: oracleParty(asker), peer: oracleParty(peer) },
    signed: publicPrekey(nobleCrypto, peer, prekeys.signed),
    oneTime: one.oneTime ? publicPrekey(nobleCrypto, peer, prekeys.oneTime) : null,
  });
  expect(made.ephemeral.toHex()).toBe(one.ephemeral);
  expect(made.kemCiphertext.toHex()).toBe(one.kemCiphertext);
  expect(made.secret.toHex()).toBe(one.secret);
});

/** What the login gives to OPAQUE, against the table of PROTOCOL §6.1 written out here. */
import { expect, test } from "bun:test";
import { concat, lv, utf8 } from "../../../core/bytes.ts";
import {
  acceptLogin,
  answerLogin,
  type LoginContext,
  opaqueConfig,
  proveLogin,
  receiveLogin,
  startLogin,
} from "../../../core/kdc/login.ts";
import { parseUserName } from "../../../core/name.ts";
import { importAkeKey } from "../../../core/opaque/group.ts";
import { finishLogin, generateKE1, generateKE2, generateKE3, receiveKE2 } from "../../../core/opaque/login.ts";
import { Secret } from "../../../core/secret.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { fixedBytes, fixedSecret } from "../../support/noise.ts";
import { registerUser } from "../../support/registration.ts";

const SUITE = "IMS/1 OPAQUE-3DH ristretto255-SHA512 HKDF-SHA512 HMAC-SHA512 SHA512 Argon2id-65536-3-4 curve25519";
const realm = fixedBytes("realm");
const handshakeHash = fixedBytes("handshake hash");
const config = opaqueConfig(quickCrypto);
const keys = {
  privateKey: importAkeKey(config, fixedSecret("opaque key")),
  oprfSeed: Secret.take(fixedBytes("oprf seed", 64)),
};
const typed = utf8("correct horse");
const hexOf = (secret: Secret): string => secret.use((bytes) => bytes.toHex());
const bytesOf = (label: string) => {
  const env = fixedEnv(label, quickCrypto);
  return (length: number): Uint8Array => env.randomBytes(length);
};

/** The same inputs, by hand. */
const input = concat(lv(typed), lv(utf8("alice")), lv(realm));
const inputs = { identities: { client: utf8("alice"), server: realm }, credentialIdentifier: utf8("alice") };

test.each([
  ["login", ""],
  ["password", "IMS/1 password change"],
] as const)(
  "for a %s all three messages and both keys are OPAQUE's for these inputs and no others",
  async (purpose, label) => {
    const context: LoginContext = { user: parseUserName("Alice"), realm, handshakeHash, purpose };
    const byHand = { ...inputs, context: concat(utf8(SUITE), handshakeHash, utf8(label)) };
    using password = Secret.copy(typed);
    const record = await registerUser(fixedEnv("register", quickCrypto), { realm, keys }, context.user, password);
    const start = startLogin(fixedEnv("client", quickCrypto), context, password);
    const started = generateKE1(config, Secret.copy(input), bytesOf("client"));
    expect(start.ke1).toEqual(started.ke1);

    const answer = answerLogin(fixedEnv("server", quickCrypto), keys, context, { record, ke1: start.ke1 });
    const request = { ...byHand, record, ke1: start.ke1 };
    const answered = generateKE2(config, keys, request, bytesOf("server"));
    expect(answer.ke2).toEqual(answered.ke2);

    const { state, job } = receiveLogin(start.state, answer.ke2);
    const stretching = receiveKE2(started.state, answer.ke2);
    if (job.op !== "stretch") throw new Error("another job");
    expect(hexOf(job.input)).toBe(hexOf(stretching.stretchInput));
    expect(job.salt).toEqual(new Uint8Array(16));
    expect(job.params).toEqual({ memoryKiB: 65_536, passes: 3, lanes: 4, outputBytes: 64 });
    const result = quickCrypto.run(job, () => expect.unreachable());
    if (result instanceof Promise || result.op !== "stretch") throw new Error("not stretched");

    const proof = proveLogin(fixedEnv("client", quickCrypto), state, context, result.output);
    const proved = generateKE3(config, stretching, { ...byHand, stretched: result.output });
    expect(proof.ke3).toEqual(proved.ke3);
    expect(hexOf(proof.sessionKey)).toBe(hexOf(proved.sessionKey));
    expect(hexOf(proof.exportKey)).toBe(hexOf(proved.exportKey));
    expect(proof.sessionKey).toHaveLength(64);
    expect(hexOf(acceptLogin(answer.state, proof.ke3))).toBe(hexOf(proof.sessionKey));
    expect(hexOf(finishLogin(answered.state, proof.ke3))).toBe(hexOf(proof.sessionKey));
  },
);

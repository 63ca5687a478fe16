import { describe, expect, test } from "bun:test";
import { utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import type { Job } from "../../../core/crypto/provider.ts";
import type { Env } from "../../../core/env.ts";
import {
  acceptLogin,
  answerLogin,
  opaqueConfig,
  proveLogin,
  receiveLogin,
  startLogin,
} from "../../../core/kdc/login.ts";
import {
  answerRegistration,
  finishRecord,
  finishRegistration,
  receiveRegistration,
  requestRegistration,
  startRegistration,
} from "../../../core/kdc/register.ts";
import { parseUserName } from "../../../core/name.ts";
import { deriveAkeKey } from "../../../core/opaque/group.ts";
import { RECORD_BYTES } from "../../../core/opaque/messages.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import { failure, rejection } from "../../support/codes.ts";
import { countedEnv } from "../../support/demoRealm.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { registerUser } from "../../support/registration.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const user = parseUserName("Alice");
const realm = new Uint8Array(32).fill(1);
const context = { user, realm, handshakeHash: new Uint8Array(32).fill(2), purpose: "login" } as const;

function serverOpaqueKeys(env: Env) {
  const privateKey = deriveAkeKey(opaqueConfig(nativeCrypto), Secret.take(env.randomBytes(32)));
  return { privateKey, oprfSeed: Secret.take(env.randomBytes(64)) };
}

test("a registered user logs in with the password, and no other", async () => {
  const env = countedEnv("register", 0);
  const keys = serverOpaqueKeys(env);
  const password = Secret.take(utf8("P4nc@ke$"));
  const record = await registerUser(env, { realm, keys }, user, password);
  expect(password.wiped).toBe(false);

  const login = async (typed: string): Promise<boolean> => {
    const { ke1, state } = startLogin(env, context, Secret.take(utf8(typed)));
    const answer = answerLogin(env, keys, context, { record, ke1 });
    const received = receiveLogin(state, answer.ke2);
    const result = await env.crypto.run(received.job, env.randomBytes);
    if (result.op !== "stretch") throw new Error("not stretched");
    const proof = proveLogin(env, received.state, context, result.output);
    const own = acceptLogin(answer.state, proof.ke3);
    return own.use((a) => proof.sessionKey.use((b) => Buffer.compare(a, b) === 0));
  };
  expect(await login("P4nc@ke$")).toBe(true);
  expect((await rejection(login("p4nc@ke$"))).code).toBe("auth.rejected");
});

test("an empty password is refused before anything is drawn", async () => {
  const env = countedEnv("register", 0);
  const keys = serverOpaqueKeys(env);
  const counted = { ...env, randomBytes: () => expect.unreachable() };
  const empty = Secret.take(new Uint8Array(0));
  expect((await rejection(registerUser(counted, { realm, keys }, user, empty))).code).toBe("password.invalid");
});

test("it is two steps of no waiting, which leave no secret and the password alone", () => {
  const env = fixedEnv("register", quickCrypto);
  const keys = serverOpaqueKeys(env);
  const password = Secret.take(utf8("P4nc@ke$"));
  using watch = new SecretWatch();
  const { job, state } = startRegistration(env, { realm, keys }, user, password);
  expect(watch.alive()).toEqual([state.stretching.stretchInput]);
  const result = quickCrypto.run(job, () => expect.unreachable());
  if (result instanceof Promise || result.op !== "stretch") throw new Error("not stretched");
  const record = finishRecord(env, state, result.output);
  expect(record).toHaveLength(RECORD_BYTES);
  expect(watch.alive()).toEqual([state.stretching.stretchInput, result.output]);
  wipe(state, result.output);
  expect(watch.alive()).toEqual([]);
  expect(password.wiped).toBe(false);
});

describe("over a channel", () => {
  const env = fixedEnv("register", quickCrypto);
  const keys = serverOpaqueKeys(env);
  const stretch = (job: Job): Secret => {
    const result = quickCrypto.run(job, () => expect.unreachable());
    if (result instanceof Promise || result.op !== "stretch") throw new Error("not stretched");
    return result.output;
  };
  const hex = (secret: Secret): string => secret.use((bytes) => bytes.toHex());

  test("the record logs in, and the login exports the key that the registration has exported", () => {
    using password = Secret.take(utf8("another password"));
    const asked = requestRegistration(env, { user, realm }, password);
    const response = answerRegistration(env.crypto, keys, user, asked.request);
    const { state } = receiveRegistration(env.crypto, asked.state, response);
    const { record, exportKey } = finishRegistration(env, state, stretch(state.job));
    expect([asked.request.length, response.length, record.length, exportKey.length]).toEqual([
      32,
      64,
      RECORD_BYTES,
      64,
    ]);

    const { ke1, state: login } = startLogin(env, context, password);
    const answer = answerLogin(env, keys, context, { record, ke1 });
    const received = receiveLogin(login, answer.ke2);
    const proof = proveLogin(env, received.state, context, stretch(received.job));
    expect(hex(acceptLogin(answer.state, proof.ke3))).toBe(hex(proof.sessionKey));
    expect(hex(proof.exportKey)).toBe(hex(exportKey));
  });

  test("each step wipes what it is told to, and leaves nothing else", () => {
    using watch = new SecretWatch();
    const password = Secret.take(utf8("another password"));
    const asked = requestRegistration(env, { user, realm }, password);
    const response = answerRegistration(env.crypto, keys, user, asked.request);
    const { state } = receiveRegistration(env.crypto, asked.state, response);
    wipe(asked.state);
    expect(watch.alive()).toEqual([password, state.stretching.stretchInput]);
    const stretched = stretch(state.job);
    const { exportKey } = finishRegistration(env, state, stretched);
    wipe(state, stretched);
    expect(watch.alive()).toEqual([password, exportKey]);
  });

  test.each([
    ["a request of another length", new Uint8Array(31)],
    ["a request that is no group element", new Uint8Array(32).fill(0xff)],
  ])("%s is refused by the server", (_, request) => {
    expect(failure(() => answerRegistration(env.crypto, keys, user, request)).code).toBe("wire.malformed");
  });

  test("a response that is none is refused by the asker", () => {
    using password = Secret.take(utf8("another password"));
    const { state } = requestRegistration(env, { user, realm }, password);
    const receive = () => receiveRegistration(env.crypto, state, new Uint8Array(64).fill(0xff));
    expect(failure(receive).code).toBe("wire.malformed");
  });
});

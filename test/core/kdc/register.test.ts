import { expect, test } from "bun:test";
import { utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import type { Env } from "../../../core/env.ts";
import {
  acceptLogin,
  answerLogin,
  opaqueConfig,
  proveLogin,
  receiveLogin,
  startLogin,
} from "../../../core/kdc/login.ts";
import { registerUser } from "../../../core/kdc/register.ts";
import { parseUserName } from "../../../core/name.ts";
import { deriveAkeKey } from "../../../core/opaque/group.ts";
import { Secret } from "../../../core/secret.ts";
import { rejection } from "../../support/codes.ts";
import { countedEnv } from "../../support/demoRealm.ts";

const user = parseUserName("Alice");
const realm = new Uint8Array(32).fill(1);
const context = { user, realm, handshakeHash: new Uint8Array(32).fill(2) };

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
    const result = await env.crypto.run(received.job, (length) => env.randomBytes(length));
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

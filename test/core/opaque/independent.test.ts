import { beforeAll, describe, expect, test } from "bun:test";
import * as opaque from "@serenity-kit/opaque";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { OpaqueServerKeys } from "../../../core/opaque/credential.ts";
import type { Identities } from "../../../core/opaque/envelope.ts";
import { importAkeKey, type OpaqueConfig, STRETCH_SALT } from "../../../core/opaque/group.ts";
import { finishLogin, generateKE1, generateKE2, generateKE3, receiveKE2 } from "../../../core/opaque/login.ts";
import { parseRecord, type RegistrationRecord } from "../../../core/opaque/record.ts";
import {
  createRegistrationRequest,
  createRegistrationResponse,
  finalizeRegistrationRequest,
  receiveRegistrationResponse,
} from "../../../core/opaque/registration.ts";
import { Secret } from "../../../core/secret.ts";
import { bytes, codeOf, hexOf, secret, seededRandom } from "../../support/opaque.ts";

/**
 * Against `@serenity-kit/opaque` (opaque-ke, in Rust): ristretto255 throughout and no context. Everything crosses as
 * base64url; what it calls a registration record, a login request and so on are the RFC's bytes.
 */
const NAME = "alice";
const PASSWORD = "correct horse battery staple";
const CONTEXT = new Uint8Array(0);
const keyStretching = { "argon2id-custom": { iterations: 2, memory: 64, parallelism: 2 } };
const params = { memoryKiB: 64, passes: 2, lanes: 2, outputBytes: 64 };

const to64 = (value: Uint8Array): string => value.toBase64({ alphabet: "base64url", omitPadding: true });
const from64 = (text: string): Uint8Array => Uint8Array.fromBase64(text, { alphabet: "base64url" });

const config: OpaqueConfig = { crypto: nobleCrypto, group: "ristretto255" };
const CASES = [
  ["no identities", undefined],
  ["both identities", { client: "alice", server: "realm of bob" }],
  ["a client identity", { client: "alice" }],
  ["a server identity", { server: "realm of bob" }],
] as const;
type Names = (typeof CASES)[number][1];

const identitiesOf = (names: Names): Identities => ({
  client: names !== undefined && "client" in names ? bytes(names.client) : null,
  server: names !== undefined && "server" in names ? bytes(names.server) : null,
});
const optional = (names: Names) => (names === undefined ? {} : { identifiers: names });

async function stretch(input: Secret): Promise<Secret> {
  const job = { op: "stretch", input, salt: STRETCH_SALT, params } as const;
  const result = await nativeCrypto.run(job, seededRandom("unused"));
  if (result.op !== "stretch") throw new Error("not what was asked");
  return result.output;
}

/** Our client; the other side answers with base64url. */
async function ourRegistration(names: Names, ask: (request: string) => string) {
  const random = seededRandom("our registration");
  const { request, state } = createRegistrationRequest(secret(PASSWORD), random);
  const stretching = receiveRegistrationResponse(config, state, from64(ask(to64(request))));
  const stretched = await stretch(stretching.stretchInput);
  return finalizeRegistrationRequest(config, stretching, { stretched, identities: identitiesOf(names) }, random);
}

async function ourLogin(names: Names, password: string, ask: (ke1: string) => string) {
  const { ke1, state } = generateKE1(config, secret(password), seededRandom("our login"));
  const stretching = receiveKE2(state, from64(ask(to64(ke1))));
  const stretched = await stretch(stretching.stretchInput);
  return () => generateKE3(config, stretching, { stretched, identities: identitiesOf(names), context: CONTEXT });
}

/** Our server, with the keys of one of theirs: `oprf_seed (64) || private key (32) || …`. */
function ourKeys(serverSetup: string): OpaqueServerKeys {
  const setup = from64(serverSetup);
  const privateKey = importAkeKey(config, Secret.copy(setup.subarray(64, 96)));
  return { privateKey, oprfSeed: Secret.copy(setup.subarray(0, 64)) };
}

function theirRegistration(names: Names, ask: (request: string) => string) {
  const started = opaque.client.startRegistration({ password: PASSWORD });
  return opaque.client.finishRegistration({
    password: PASSWORD,
    clientRegistrationState: started.clientRegistrationState,
    registrationResponse: ask(started.registrationRequest),
    keyStretching,
    ...optional(names),
  });
}

let serverSetup = "";
beforeAll(async () => {
  await opaque.ready;
  serverSetup = opaque.server.createSetup();
});

const theirResponse = (registrationRequest: string): string =>
  opaque.server.createRegistrationResponse({ serverSetup, userIdentifier: NAME, registrationRequest })
    .registrationResponse;

const ourResponse = (request: string): string =>
  to64(createRegistrationResponse(config, ourKeys(serverSetup), from64(request), bytes(NAME)));

function theirServer(names: Names, record: string | null) {
  let state = "";
  const answer = (startLoginRequest: string): string => {
    const setup = { serverSetup, userIdentifier: NAME, registrationRecord: record, ...optional(names) };
    const started = opaque.server.startLogin({ ...setup, startLoginRequest });
    state = started.serverLoginState;
    return started.loginResponse;
  };
  const finish = (ke3: Uint8Array): string => {
    const finished = { serverLoginState: state, finishLoginRequest: to64(ke3), ...optional(names) };
    return hexOf(from64(opaque.server.finishLogin(finished).sessionKey));
  };
  return { answer, finish };
}

function ourServer(names: Names, record: RegistrationRecord | null, ke1: string) {
  const login = { record, credentialIdentifier: bytes(NAME), identities: identitiesOf(names), context: CONTEXT };
  return generateKE2(config, ourKeys(serverSetup), { ...login, ke1: from64(ke1) }, seededRandom("our server"));
}

function theirLogin(names: Names, password: string, ask: (ke1: string) => string) {
  const started = opaque.client.startLogin({ password });
  return opaque.client.finishLogin({
    password,
    clientLoginState: started.clientLoginState,
    loginResponse: ask(started.startLoginRequest),
    keyStretching,
    ...optional(names),
  });
}

describe.each(CASES)("an independent implementation, %s", (_title, names) => {
  test("our client with their server", async () => {
    const { record, exportKey } = await ourRegistration(names, theirResponse);
    const server = theirServer(names, to64(record));
    const client = (await ourLogin(names, PASSWORD, server.answer))();
    expect(hexOf(client.sessionKey)).toBe(server.finish(client.ke3));
    expect(hexOf(client.exportKey)).toBe(hexOf(exportKey));
  });

  test("their client with our server", () => {
    const registered = theirRegistration(names, ourResponse);
    const record = parseRecord(config, from64(registered.registrationRecord));
    let state: ReturnType<typeof ourServer>["state"] | undefined;
    const client = theirLogin(names, PASSWORD, (ke1) => {
      const answered = ourServer(names, record, ke1);
      state = answered.state;
      return to64(answered.ke2);
    });
    if (client === undefined || state === undefined) throw new Error("refused");
    expect(hexOf(from64(client.sessionKey))).toBe(hexOf(finishLogin(state, from64(client.finishLoginRequest))));
    expect(client.exportKey).toBe(registered.exportKey);
    expect(from64(client.serverStaticPublicKey)).toEqual(ourKeys(serverSetup).privateKey.publicKey);
  });

  test("a record made there opens here, with the same export key", async () => {
    const registered = theirRegistration(names, theirResponse);
    const record = parseRecord(config, from64(registered.registrationRecord));
    const client = await ourLogin(names, PASSWORD, (ke1) => to64(ourServer(names, record, ke1).ke2));
    expect(to64(client().exportKey.use((key) => key.slice()))).toBe(registered.exportKey);
  });

  test.each(["wrong", ""])("the password %p is refused by both clients", async (wrong) => {
    const { record } = await ourRegistration(names, theirResponse);
    const client = await ourLogin(names, wrong, theirServer(names, to64(record)).answer);
    expect(codeOf(client)).toBe("auth.rejected");
    expect(theirLogin(names, wrong, (ke1) => to64(ourServer(names, record, ke1).ke2))).toBeUndefined();
  });

  test("an unknown name is refused by both clients", async () => {
    const client = await ourLogin(names, PASSWORD, theirServer(names, null).answer);
    expect(codeOf(client)).toBe("auth.rejected");
    expect(theirLogin(names, PASSWORD, (ke1) => to64(ourServer(names, null, ke1).ke2))).toBeUndefined();
  });
});

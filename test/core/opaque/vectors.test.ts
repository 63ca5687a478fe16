import { describe, expect, test } from "bun:test";
import { deriveOprfKey, type OpaqueServerKeys } from "../../../core/opaque/credential.ts";
import { type Identities, randomizePassword } from "../../../core/opaque/envelope.ts";
import { deriveAkeKey, importAkeKey, type OpaqueConfig } from "../../../core/opaque/group.ts";
import { deriveKeys, encodePreamble } from "../../../core/opaque/keySchedule.ts";
import { finishLogin, generateKE1, generateKE2, generateKE3, receiveKE2 } from "../../../core/opaque/login.ts";
import { splitKe1, splitKe2 } from "../../../core/opaque/messages.ts";
import { parseRecord, splitRecord } from "../../../core/opaque/record.ts";
import {
  createRegistrationRequest,
  createRegistrationResponse,
  finalizeRegistrationRequest,
  receiveRegistrationResponse,
} from "../../../core/opaque/registration.ts";
import { Secret } from "../../../core/secret.ts";
import { drawsBlind, hexOf, PROVIDERS, queuedRandom, unhex, unstretched } from "../../support/opaque.ts";
import { externalVectors } from "../../support/vectors.ts";

/** RFC 9807 appendix C. The key stretching function of all of them is the identity. */
interface Vector {
  readonly config: { readonly Context: string; readonly Group: string; readonly Fake: string };
  readonly inputs: Readonly<Record<string, string>>;
  readonly intermediates: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

const GROUP_NAMES: readonly string[] = ["curve25519", "ristretto255"];
const vectors = (externalVectors("opaque") ?? []) as readonly Vector[];
const titled = vectors.map((vector, index) => {
  const { Group, Fake } = vector.config;
  return { title: `${Fake === "True" ? "fake" : "real"} ${index + 1}, ${Group}`, vector };
});
const ours = titled.filter(({ vector }) => GROUP_NAMES.includes(vector.config.Group));
for (const { title } of titled.filter((one) => !ours.includes(one))) {
  process.stderr.write(`skipped: OPAQUE vector ${title}: not a group of ours\n`);
}
const real = ours.filter(({ vector }) => vector.config.Fake === "False");
const fake = ours.filter(({ vector }) => vector.config.Fake === "True");

function fields(values: Readonly<Record<string, string>>): (name: string) => Uint8Array {
  return (name) => {
    const value = values[name];
    if (value === undefined) throw new Error(`vector without ${name}`);
    return unhex(value);
  };
}

function setUp(vector: Vector, crypto: OpaqueConfig["crypto"]) {
  const config: OpaqueConfig = { crypto, group: vector.config.Group === "curve25519" ? "curve25519" : "ristretto255" };
  const input = fields(vector.inputs);
  const optional = (name: string) => (name in vector.inputs ? input(name) : null);
  const identities: Identities = { client: optional("client_identity"), server: optional("server_identity") };
  const keys: OpaqueServerKeys = {
    privateKey: importAkeKey(config, Secret.take(input("server_private_key"))),
    oprfSeed: Secret.take(input("oprf_seed")),
  };
  expect(hexOf(keys.privateKey.publicKey)).toBe(hexOf(input("server_public_key")));
  return {
    config,
    input,
    identities,
    keys,
    context: unhex(vector.config.Context),
    credentialIdentifier: input("credential_identifier"),
    serverRandom: queuedRandom(input("masking_nonce"), input("server_nonce"), input("server_keyshare_seed")),
  };
}

function registered(set: ReturnType<typeof setUp>) {
  const { config, input, identities, keys, credentialIdentifier } = set;
  const random = queuedRandom(drawsBlind(input("blind_registration")), input("envelope_nonce"));
  const { request, state } = createRegistrationRequest(Secret.take(input("password")), random);
  const response = createRegistrationResponse(config, keys, request, credentialIdentifier);
  const stretching = receiveRegistrationResponse(config, state, response);
  const stretched = unstretched(stretching.stretchInput);
  const finished = finalizeRegistrationRequest(config, stretching, { stretched, identities }, random);
  return { request, response, stretching, stretched, ...finished };
}

test("the selection is what we think it is", () => {
  if (vectors.length > 0) expect([real.length, fake.length, vectors.length]).toEqual([4, 2, 9]);
});

describe.each(PROVIDERS.map((crypto) => [crypto.name, crypto] as const))("RFC 9807 vectors, %s", (_name, crypto) => {
  for (const { title, vector } of real) {
    test(`registration, ${title}`, () => {
      const set = setUp(vector, crypto);
      const inner = fields(vector.intermediates);
      const output = fields(vector.outputs);
      const oprfKey = deriveOprfKey(set.config, set.keys.oprfSeed, set.credentialIdentifier);
      expect(hexOf(oprfKey)).toBe(hexOf(inner("oprf_key")));
      const got = registered(set);
      expect(hexOf(got.request)).toBe(hexOf(output("registration_request")));
      expect(hexOf(got.response)).toBe(hexOf(output("registration_response")));
      const randomized = randomizePassword(set.config, got.stretching.stretchInput, got.stretched);
      expect(hexOf(randomized)).toBe(hexOf(inner("randomized_password")));
      expect(hexOf(got.record)).toBe(hexOf(output("registration_upload")));
      const record = splitRecord(got.record);
      expect(hexOf(record.clientPublicKey)).toBe(hexOf(inner("client_public_key")));
      expect(hexOf(record.maskingKey)).toBe(hexOf(inner("masking_key")));
      expect(hexOf(record.envelope)).toBe(hexOf(inner("envelope")));
      expect(hexOf(got.exportKey)).toBe(hexOf(output("export_key")));
    });

    test(`login, ${title}`, () => {
      const set = setUp(vector, crypto);
      const { config, input, identities, context, keys } = set;
      const output = fields(vector.outputs);
      const record = parseRecord(config, output("registration_upload"));
      const password = Secret.take(input("password"));
      const blind = drawsBlind(input("blind_login"));
      const clientRandom = queuedRandom(blind, input("client_nonce"), input("client_keyshare_seed"));
      const { ke1, state } = generateKE1(config, password, clientRandom);
      expect(hexOf(ke1)).toBe(hexOf(output("KE1")));
      const server = generateKE2(config, keys, { ...set, record, ke1 }, set.serverRandom);
      expect(hexOf(server.ke2)).toBe(hexOf(output("KE2")));
      const stretching = receiveKE2(state, server.ke2);
      const stretched = unstretched(stretching.stretchInput);
      const client = generateKE3(config, stretching, { stretched, identities, context });
      expect(hexOf(client.ke3)).toBe(hexOf(output("KE3")));
      expect(hexOf(client.sessionKey)).toBe(hexOf(output("session_key")));
      expect(hexOf(client.exportKey)).toBe(hexOf(output("export_key")));
      expect(hexOf(finishLogin(server.state, client.ke3))).toBe(hexOf(output("session_key")));
    });

    // handshake_secret and auth_key never leave the functions that make them; the MACs above prove them.
    test(`key schedule, ${title}`, () => {
      const set = setUp(vector, crypto);
      const inner = fields(vector.intermediates);
      const output = fields(vector.outputs);
      const clientPublicKey = inner("client_public_key");
      const keyShare = deriveAkeKey(set.config, Secret.take(set.input("server_keyshare_seed")));
      const ke1 = output("KE1");
      const { keyShare: peer } = splitKe1(ke1);
      const ikm = Secret.concat(keyShare.dh(peer), set.keys.privateKey.dh(peer), keyShare.dh(clientPublicKey));
      const preamble = encodePreamble({
        context: set.context,
        clientIdentity: set.identities.client ?? clientPublicKey,
        serverIdentity: set.identities.server ?? set.keys.privateKey.publicKey,
        ke1,
        unsignedKe2: splitKe2(output("KE2")).unsigned,
      });
      const keys = deriveKeys(crypto, ikm, preamble);
      expect(hexOf(keys.serverMacKey)).toBe(hexOf(inner("server_mac_key")));
      expect(hexOf(keys.clientMacKey)).toBe(hexOf(inner("client_mac_key")));
      expect(hexOf(keys.sessionKey)).toBe(hexOf(output("session_key")));
    });
  }

  for (const { title, vector } of fake) {
    test(`answer to an unknown name, ${title}`, () => {
      const set = setUp(vector, crypto);
      const parts = [set.input("client_public_key"), set.input("masking_key"), new Uint8Array(96)];
      const record = parseRecord(set.config, new Uint8Array(parts.flatMap((part) => [...part])));
      const ke1 = set.input("KE1");
      const { ke2 } = generateKE2(set.config, set.keys, { ...set, record, ke1 }, set.serverRandom);
      expect(hexOf(ke2)).toBe(hexOf(fields(vector.outputs)("KE2")));
    });
  }
});

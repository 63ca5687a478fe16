import { describe, expect, test } from "bun:test";
import { utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
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
import type { RegistrationRecord } from "../../../core/opaque/record.ts";
import { Secret } from "../../../core/secret.ts";
import { codeOr } from "../../support/codes.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { flip } from "../../support/queued.ts";
import { registerUser } from "../../support/registration.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const user = parseUserName("Alice");
const realm = new Uint8Array(32).fill(1);
const context: LoginContext = { user, realm, handshakeHash: new Uint8Array(32).fill(2), purpose: "login" };

/** A provider that stretches quickly. */
const quick = (crypto: CryptoProvider): CryptoProvider => ({ ...crypto, run: quickCrypto.run });

async function world(crypto: CryptoProvider) {
  const env = fixedEnv("login", quick(crypto));
  const privateKey = importAkeKey(opaqueConfig(crypto), Secret.take(new Uint8Array(32).fill(3)));
  const keys = { privateKey, oprfSeed: Secret.take(new Uint8Array(64).fill(4)) };
  const register = (password: string) => registerUser(env, { realm, keys }, user, Secret.take(utf8(password)));
  return { env, keys, record: await register("right"), changed: await register("changed in between") };
}

type World = Awaited<ReturnType<typeof world>>;

const [noble, native] = [await world(nobleCrypto), await world(nativeCrypto)];

interface Attempt {
  readonly record: RegistrationRecord | null;
  readonly password?: string;
  readonly client?: Partial<LoginContext>;
  readonly server?: Partial<LoginContext>;
  /** What the network does to each message. */
  readonly ke1?: (bytes: Uint8Array) => Uint8Array;
  readonly ke2?: (bytes: Uint8Array) => Uint8Array;
  readonly ke3?: (bytes: Uint8Array) => Uint8Array;
}

const same = (bytes: Uint8Array): Uint8Array => bytes;

/** A whole login; both session keys as hexadecimal. */
function login({ env, keys }: World, attempt: Attempt): readonly [client: string, server: string] {
  const { record, password = "right", ke1 = same, ke2 = same, ke3 = same } = attempt;
  const ours = { ...context, ...attempt.client };
  const theirs = { ...context, ...attempt.server };
  using typed = Secret.take(utf8(password));
  const start = startLogin(env, ours, typed);
  using _started = start.state;
  const answer = answerLogin(env, keys, theirs, { record, ke1: ke1(start.ke1) });
  using _answered = answer.state;
  const { state, job } = receiveLogin(start.state, ke2(answer.ke2));
  using _stretching = state;
  const result = env.crypto.run(job, () => expect.unreachable());
  if (result instanceof Promise || result.op !== "stretch") throw new Error("not stretched");
  using stretched = result.output;
  const proof = proveLogin(env, state, ours, stretched);
  using own = proof.sessionKey;
  using _exported = proof.exportKey;
  using accepted = acceptLogin(answer.state, ke3(proof.ke3));
  return [own.use((bytes) => bytes.toHex()), accepted.use((bytes) => bytes.toHex())];
}

describe.each([
  ["noble", noble],
  ["native", native],
] as const)("%s", (_, made) => {
  const { record, changed } = made;

  test("the right password gives both sides one key of 64 bytes, another at each login", () => {
    const [client, server] = login(made, { record });
    expect(client).toBe(server);
    expect(client).toHaveLength(128);
    expect(login(made, { record })[0]).not.toBe(client);
  });

  test.each<readonly [string, Omit<Attempt, "record">]>([
    ["a wrong password", { password: "wrong" }],
    ["a password with a space more", { password: "right " }],
    ["another user", { client: { user: parseUserName("bob") } }],
    ["another realm", { client: { realm: new Uint8Array(32) } }],
    ["another channel", { client: { handshakeHash: new Uint8Array(32) } }],
    ["a server on another channel", { server: { handshakeHash: new Uint8Array(32) } }],
    ["a server that takes it for another user", { server: { user: parseUserName("bob") } }],
    ["a server of another realm", { server: { realm: new Uint8Array(32) } }],
    ["a proof that is made for a change of the password", { client: { purpose: "password" } }],
    ["a proof of a login, for a change of the password", { server: { purpose: "password" } }],
  ])("%s is rejected, and nothing more is said", (_name, attempt) => {
    expect(codeOr(() => login(made, { record, ...attempt }))).toBe("auth.rejected");
  });

  test("a change of the password is proved likewise", () => {
    const purpose = { purpose: "password" } as const;
    const [client, server] = login(made, { record, client: purpose, server: purpose });
    expect(client).toBe(server);
  });

  test("so are an unknown or locked user and a password that was changed", () => {
    expect(codeOr(() => login(made, { record: null }))).toBe("auth.rejected");
    expect(codeOr(() => login(made, { record: changed }))).toBe("auth.rejected");
  });
});

describe("one altered byte", () => {
  const { record } = native;
  const at = (index: number) => (bytes: Uint8Array) => flip(bytes, index);

  test.each(Array.from({ length: 96 }, (_, i) => i))("of KE1, %d: no login, and no other word than these", (index) => {
    const code = codeOr(() => login(native, { record, ke1: at(index) }));
    expect(["auth.rejected", "wire.malformed"]).toContain(String(code));
    // Only what depends on nothing secret may be called malformed: an element, a public key.
    if (index >= 32 && index < 64) expect(code).toBe("auth.rejected");
  });

  test("of KE2: rejected, whatever the byte", () => {
    for (let index = 0; index < 320; index += 3) {
      expect(codeOr(() => login(native, { record, ke2: at(index) }))).toBe("auth.rejected");
    }
  });

  test("of KE3: rejected, whatever the byte", () => {
    for (let index = 0; index < 64; index += 1) {
      expect(codeOr(() => login(native, { record, ke3: at(index) }))).toBe("auth.rejected");
    }
  });

  test.each(["ke1", "ke2", "ke3"] as const)("too many or too few of %s: malformed", (message) => {
    for (const change of [(bytes: Uint8Array) => bytes.slice(1), (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)]) {
      expect(codeOr(() => login(native, { record, [message]: change }))).toBe("wire.malformed");
    }
  });
});

test("KE2 for nobody has the length of one for somebody, and is another at each try", () => {
  const { env, keys, record } = native;
  using password = Secret.take(utf8("right"));
  const { ke1 } = startLogin(env, context, password);
  const answers = [record, null, null].map((of) => answerLogin(env, keys, context, { record: of, ke1 }).ke2);
  expect(answers.map(({ length }) => length)).toEqual([320, 320, 320]);
  expect(answers[1]).not.toEqual(answers[2]);
  // The evaluated element is the user's own, known or not: asking twice tells nothing.
  expect(new Set(answers.map((bytes) => bytes.slice(0, 32).toHex())).size).toBe(1);
});

test("a proof counts once, for the answer that it was made for", () => {
  const { env, keys, record } = native;
  let seen: Uint8Array = new Uint8Array(0);
  login(native, {
    record,
    ke3: (bytes) => {
      seen = bytes.slice();
      return bytes;
    },
  });
  using password = Secret.take(utf8("right"));
  const { ke1 } = startLogin(env, context, password);
  const { state } = answerLogin(env, keys, context, { record, ke1 });
  expect(codeOr(() => acceptLogin(state, seen))).toBe("auth.rejected");
});

test("the password is borrowed; a login leaves only what it hands out, and a failed one nothing", () => {
  const { record } = native;
  using watch = new SecretWatch();
  login(native, { record });
  expect(watch.count).toBeGreaterThan(20);
  expect(watch.alive()).toEqual([]);
  expect(codeOr(() => login(native, { record, password: "wrong" }))).toBe("auth.rejected");
  expect(codeOr(() => login(native, { record, ke1: (bytes) => bytes.slice(1) }))).toBe("wire.malformed");
  expect(watch.alive()).toEqual([]);
});

test.each(["", "x".repeat(1025)])("a password that cannot be is refused before anything is drawn: %#", (text) => {
  const idle = { ...native.env, randomBytes: () => expect.unreachable() };
  using password = Secret.take(utf8(text));
  expect(codeOr(() => startLogin(idle, context, password))).toBe("password.invalid");
});

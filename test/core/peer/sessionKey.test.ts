import { expect, test } from "bun:test";
import { parseUserName } from "../../../core/name.ts";
import { Client } from "../../../core/peer/client.ts";
import type { ClientEffect } from "../../../core/peer/clientEvents.ts";
import type { ConnectionId } from "../../../core/peer/online.ts";
import { Server } from "../../../core/peer/server.ts";
import type { ServerEvent } from "../../../core/peer/serverEvents.ts";
import { Secret } from "../../../core/secret.ts";
import { answerOf, storedOf } from "../../support/answers.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { MemoryStore } from "../../support/memoryStore.ts";
import { passwordOf, registerAll, testRealm } from "../../support/realm.ts";
import { runNow } from "../../support/scriptedPeers.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice"]);
const connection = 1 as ConnectionId;
const SESSION_KEY_BYTES = 64;

/** Alice, logged in: both machines, joined directly, and every secret that each of them made. */
function loggedIn(watch: SecretWatch, seed = "session key") {
  const env = fixedEnv(seed, quickCrypto);
  const server = new Server(env, realm.keys, { users, devicesPerUser: 8 });
  const password = Secret.take(new TextEncoder().encode(passwordOf("alice")));
  const user = parseUserName("alice");
  const serverPublicKey = realm.keys.staticKey.publicKey;
  const client = new Client(env, {
    ...{ realm: realm.keys.realm, serverPublicKey, user, password },
    ...{ stored: null, interactive: false, temporary: false, attach: true },
  });
  const store = new MemoryStore();
  const atServer = (event: ServerEvent): void => {
    for (const effect of watch.as("server", () => server.handle(event))) {
      if (effect.kind === "transmit") atClient(client.handle.bind(client, { kind: "frame", bytes: effect.bytes }));
      if (effect.kind === "compute") atServer({ ...runNow(env, effect.job), connection } as ServerEvent);
      const answer = answerOf(effect) ?? storedOf(effect, store);
      if (answer !== null) atServer(answer);
    }
  };
  const atClient = (handle: () => readonly ClientEffect[]): void => {
    for (const effect of watch.as("client", handle)) {
      if (effect.kind === "transmit") atServer({ kind: "frame", connection, bytes: effect.bytes });
      if (effect.kind === "compute") atClient(() => client.handle(runNow(env, effect.job) as never));
    }
  };
  watch.as("server", () => server.handle({ kind: "connected", connection }));
  atClient(() => client.handle({ kind: "connected" }));
  expect(client.attached).toBe(true);
  const alive = (owner: string) => watch.alive(owner).filter((secret) => secret.length === SESSION_KEY_BYTES);
  const [atTheServer, ...others] = alive("server");
  if (atTheServer === undefined || others.length > 0) throw new Error("not one session key at the server");
  const key = hex(atTheServer);
  /** The client's secrets that hold the session key. */
  const atTheClient = alive("client").filter((secret) => hex(secret) === key);
  return { server, client, key, atTheServer, atTheClient, atServer, atClient };
}

function hex(secret: Secret): string {
  return secret.use((bytes) => bytes.toHex());
}

test("both sides keep one session key while the user is logged in", () => {
  using watch = new SecretWatch();
  const { atTheServer, atTheClient } = loggedIn(watch);
  expect(atTheServer.wiped).toBe(false);
  expect(atTheClient).toHaveLength(1);
});

test("the session key is wiped on both sides at logout", () => {
  using watch = new SecretWatch();
  const { client, atTheServer, atTheClient, atClient } = loggedIn(watch);
  atClient(() => client.handle({ kind: "logout" }));
  expect(atTheServer.wiped).toBe(true);
  expect(atTheClient.map((secret) => secret.wiped)).toEqual([true]);
  expect(watch.alive("client")).toEqual([]);
  expect(watch.alive("server")).toEqual([]);
});

test.each(["stop", "locked", "cut"])("so it is at any other end: %s", (how) => {
  using watch = new SecretWatch();
  const { client, atTheServer, atTheClient, atServer, atClient } = loggedIn(watch);
  if (how === "stop") atServer({ kind: "stop" });
  else if (how === "locked") atServer({ kind: "users", users: new Map() });
  else {
    atServer({ kind: "disconnected", connection });
    atClient(() => client.handle({ kind: "disconnected", code: null }));
  }
  expect(atTheServer.wiped).toBe(true);
  expect(atTheClient.map((secret) => secret.wiped)).toEqual([true]);
  expect(watch.alive("client")).toEqual([]);
  expect(watch.alive("server")).toEqual([]);
});

test("every login has a session key of its own", () => {
  const keys = ["one", "two"].map((seed) => {
    using watch = new SecretWatch();
    return loggedIn(watch, seed).key;
  });
  expect(keys[0]).not.toBe(keys[1]);
});

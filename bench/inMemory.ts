/** The pieces of work done once by the server's machine in this process, for the primitives that they call. */
import type { CryptoProvider } from "../core/crypto/provider.ts";
import type { Env } from "../core/env.ts";
import type { ServerKeys, Users } from "../core/kdc/realm.ts";
import { DEVICES_MAX } from "../core/limits.ts";
import type { ConnectionId } from "../core/peer/online.ts";
import { Server } from "../core/peer/server.ts";
import type { PeerEffect, ServerEffect, StoreEffect } from "../core/peer/serverEvents.ts";
import { wipeMessage } from "../core/wire/frames.ts";
import { answerOf, storedOf } from "../test/support/answers.ts";
import { MemoryStore } from "../test/support/memoryStore.ts";
import { logIn } from "../test/support/remotePeer.ts";
import { Inbox, type Transport } from "../test/support/transport.ts";
import { letterTo } from "./messages.ts";
import { accountOf, loadEnv } from "./peers.ts";
import { addOprf, type Primitive, Recorder, timeCalls } from "./primitives.ts";
import type { KnownRealm } from "./tasks.ts";

/** The server machine without a network. */
class MemoryServer {
  readonly #env: Env;
  readonly #server: Server;
  readonly #store = new MemoryStore();
  readonly #inboxes = new Map<ConnectionId, Inbox>();
  readonly #effects: ServerEffect[] = [];
  #running = false;

  constructor(env: Env, keys: ServerKeys, users: Users) {
    this.#env = env;
    this.#server = new Server(env, keys, { users, devicesPerUser: DEVICES_MAX });
  }

  connect(): Transport {
    const connection = (this.#inboxes.size + 1) as ConnectionId;
    const inbox = new Inbox();
    this.#inboxes.set(connection, inbox);
    this.#run(this.#server.handle({ kind: "connected", connection }));
    return {
      send: (bytes) => this.#run(this.#server.handle({ kind: "frame", connection, bytes })),
      receive: () => inbox.next(),
      close: async () => this.#run(this.#server.handle({ kind: "disconnected", connection })),
    };
  }

  /** In their order, also when one of them leads to the next event. */
  #run(effects: readonly ServerEffect[]): void {
    this.#effects.push(...effects);
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#effects.shift(); next !== undefined; next = this.#effects.shift()) {
      if (next.kind === "wake") this.#wake(next.afterMs);
      else this.#deal(next);
    }
    this.#running = false;
  }

  #deal(effect: PeerEffect | StoreEffect): void {
    const answer = answerOf(effect) ?? storedOf(effect, this.#store);
    if (answer !== null) this.#run(this.#server.handle(answer));
    if (effect.kind === "transmit") this.#inboxes.get(effect.connection)?.push(effect.bytes);
    if (effect.kind === "close") this.#inboxes.get(effect.connection)?.end();
    if (effect.kind === "compute") void this.#compute(effect);
  }

  #wake(afterMs: number): void {
    setTimeout(() => this.#run(this.#server.handle({ kind: "awake" })), afterMs);
  }

  async #compute({ connection, job }: Extract<PeerEffect, { kind: "compute" }>): Promise<void> {
    const result = await this.#env.crypto.run(job, this.#env.randomBytes);
    this.#run(this.#server.handle({ kind: "computed", connection, result }));
  }
}

export interface WorkPrimitives {
  readonly login: readonly Primitive[];
  readonly ticket: readonly Primitive[];
  readonly relay: readonly Primitive[];
}

export interface MemoryRealm {
  readonly keys: (crypto: CryptoProvider) => ServerKeys & Disposable;
  readonly users: Users;
  readonly known: KnownRealm;
}

/** The primitives of one login, one ticket and one relayed message, each kind timed for about `forMs`. */
export async function timePrimitives(realm: MemoryRealm, forMs: number): Promise<WorkPrimitives> {
  const recorder = new Recorder();
  using keys = realm.keys(recorder.crypto);
  const server = new MemoryServer({ ...loadEnv, crypto: recorder.crypto }, keys, realm.users);
  const logInAs = (index: number) => logIn(loadEnv, server.connect(), accountOf(realm.known, index));

  await (await logInAs(0)).logOut(); // the first login of a device also makes its account and its keys
  recorder.take();
  addOprf(recorder, loadEnv.randomBytes);
  await (await logInAs(0)).logOut();
  const login = await timeCalls(recorder.take(), forMs);

  const [alice, bob] = [await logInAs(0), await logInAs(1)];
  await alice.receive(); // Bob's presence
  const askTicket = async (): Promise<void> => {
    alice.send([{ kind: "ticketRequest", ...bob.self }]);
    for (const message of await alice.receive()) wipeMessage(message);
  };
  await askTicket(); // the one that takes Bob's one-time prekey, of which he is told
  await bob.receive();
  recorder.take();
  await askTicket();
  const ticket = await timeCalls(recorder.take(), forMs);

  recorder.take();
  alice.send([letterTo(bob.self)]);
  await bob.receive();
  return { login, ticket, relay: await timeCalls(recorder.take(), forMs) };
}

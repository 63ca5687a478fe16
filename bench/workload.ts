/** The pieces of work that are measured, once against a running server and once in memory for their primitives. */

import { hostEnv } from "../cmd/host/env.ts";
import { serverKeys } from "../cmd/server/keyring.ts";
import { openRealm } from "../cmd/server/realm.ts";
import { loadUsers } from "../cmd/server/users.ts";
import { nativeCrypto } from "../core/crypto/native.ts";
import { wipeMessage } from "../core/wire/frames.ts";
import { DEMO_USERS } from "../test/support/demoRealm.ts";
import { type Account, logIn, type Peer } from "../test/support/remotePeer.ts";
import type { Transport } from "../test/support/transport.ts";
import { addOprf, type Primitive, Recorder } from "./primitives.ts";
import { cpuMs } from "./process.ts";
import { MemoryServer } from "./transport.ts";

/** How long each kind of primitive is timed. */
const PRIMITIVE_MS = 250;

/** How much work, and how many pieces of it at a time. */
export interface Load {
  readonly count: number;
  readonly together: number;
}

/** Server CPU in milliseconds for one run of `work`. */
export async function serverCpu(pid: number, load: Load, work: (index: number) => Promise<void>): Promise<number> {
  const before = cpuMs(pid);
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < load.count) {
      started += 1;
      await work(started);
    }
  };
  await Promise.all(Array.from({ length: load.together }, worker));
  return (cpuMs(pid) - before) / load.count;
}

/** The demo users in turn. */
export function accountOf(realm: Pick<Account, "realm" | "serverPublicKey">, index: number): Account {
  const [user, password] = DEMO_USERS[index % DEMO_USERS.length] ?? ["", ""];
  return { ...realm, user, password };
}

/** Logs in and out again. */
export async function loginAndOut(transport: Transport, account: Account): Promise<void> {
  const peer = await logIn(hostEnv, transport, account);
  await peer.logOut();
}

/** Asks for tickets, and waits for them all. */
export async function takeTickets(asker: Peer, peer: Peer, { count, together }: Load): Promise<void> {
  let asked = 0;
  for (let granted = 0; granted < count; ) {
    for (; asked < count && asked - granted < together; asked += 1) {
      asker.send([{ kind: "ticketRequest", ...peer.self }]);
    }
    for (const message of await asker.receive()) {
      if (message.kind === "grant") granted += 1;
      wipeMessage(message);
    }
  }
}

export interface Primitives {
  readonly login: readonly Primitive[];
  readonly ticket: readonly Primitive[];
}

/** The primitives of one login and of one ticket, timed in this process. */
export async function timePrimitives(config: string): Promise<Primitives> {
  const recorder = new Recorder();
  const env = { ...hostEnv, crypto: recorder.crypto };
  const io = { env: {}, cwd: process.cwd(), execDir: process.cwd() };
  using realm = openRealm({ config }, io, nativeCrypto);
  using keys = serverKeys(realm.keys, recorder.crypto);
  const server = new MemoryServer(env, keys, loadUsers(realm.usersFile));
  const known = { realm: keys.realm, serverPublicKey: keys.staticKey.publicKey };

  recorder.reset();
  addOprf(recorder, hostEnv.randomBytes);
  await loginAndOut(server.connect(), accountOf(known, 0));
  const login = await recorder.time(PRIMITIVE_MS);

  const alice = await logIn(hostEnv, server.connect(), accountOf(known, 0));
  const bob = await logIn(hostEnv, server.connect(), accountOf(known, 1));
  recorder.reset();
  await takeTickets(alice, bob, { count: 1, together: 1 });
  return { login, ticket: await recorder.time(PRIMITIVE_MS) };
}

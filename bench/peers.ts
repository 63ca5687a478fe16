/** Clients of a server as a load needs them: the client's own modules, but for the stretching of passwords. */
import { hostEnv } from "../cmd/host/env.ts";
import { nativeCrypto } from "../core/crypto/native.ts";
import type { Env } from "../core/env.ts";
import { DEVICES_MAX } from "../core/limits.ts";
import { quickCrypto } from "../test/support/fixedEnv.ts";
import { type Account, logIn, type Peer } from "../test/support/remotePeer.ts";
import type { KnownRealm, Target } from "./tasks.ts";
import { connect, type Line } from "./transport.ts";

/** Argon2id is the client's work and would take all the time there is: one HMAC stands in for it, here and in `users.json`. */
export const loadEnv: Env = {
  ...hostEnv,
  crypto: {
    ...nativeCrypto,
    run: (job, randomBytes) => (job.op === "stretch" ? quickCrypto : nativeCrypto).run(job, randomBytes),
  },
};

export function userName(index: number): string {
  return `user${index}`;
}

/** The users in turn. */
export function accountOf({ realm, serverPublicKey, users }: KnownRealm, index: number): Account {
  const user = userName(index % users);
  return { realm, serverPublicKey, user, password: user, devicesMax: DEVICES_MAX };
}

/** Logs in over an open transport, and out again. */
export async function loginAndOut(transport: Line, account: Account): Promise<void> {
  const peer = await logIn(loadEnv, transport, account);
  await peer.logOut();
}

export type ImsTarget = Extract<Target, { kind: "ims" }>;

/** A session of the user whose turn is `index`, and the line it is on. */
export async function session(target: ImsTarget, index: number): Promise<{ readonly peer: Peer; readonly line: Line }> {
  const line = await connect(target.port);
  return { line, peer: await logIn(loadEnv, line, accountOf(target.realm, index)) };
}

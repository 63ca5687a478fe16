/** A client that holds a device in a state folder, and others of the same user beside it. */
import type { SignInOptions } from "../../cmd/client/commandLine.ts";
import { Connection } from "../../cmd/client/connection.ts";
import { signIn } from "../../cmd/client/signIn.ts";
import { GuestSession } from "../../cmd/client/state/guest.ts";
import { Heard, type LocalRealm } from "./localRealm.ts";
import { passwordOf } from "./realm.ts";

const OPTIONS: SignInOptions = { config: undefined, user: undefined, state: undefined, password: {} };
const never = new Promise<never>(() => {});

/** Logs in with the state at `place`, and takes guests. */
export async function holdDevice(realm: LocalRealm, user: string, place: string, password = passwordOf(user)) {
  const heard = new Heard();
  const { io, env } = realm.world(user, { env: { IMS_STATE: place } });
  realm.passwordFile(user, password);
  const how = { events: heard, questions: null, interactive: false, serves: true, interrupted: never };
  const connection = await signIn(OPTIONS, io, env, how);
  if (!(connection instanceof Connection)) throw new Error("somebody has the device");
  return { heard, connection };
}

/** Uses the device of whoever holds it; there is no password to be had. */
export async function beGuest(realm: LocalRealm, user: string, place: string) {
  const heard = new Heard();
  const { io, env } = realm.world(user, { env: { IMS_STATE: place, IMS_PASSWORD_FILE: "/nonexistent" } });
  const how = { events: heard, questions: null, interactive: false, serves: true, interrupted: never };
  const session = await signIn(OPTIONS, io, env, how);
  if (!(session instanceof GuestSession)) throw new Error("nobody has the device");
  return { heard, session };
}

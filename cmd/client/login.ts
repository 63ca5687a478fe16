/** One login: the state of the device, the connection, what the account asks, and waiting where the server says so. */
import type { Env } from "../../core/env.ts";
import { CodedError } from "../../core/errors.ts";
import type { UserName } from "../../core/name.ts";
import type { AccountNotice, Notice } from "../../core/peer/notices.ts";
import { type Secret, wipe } from "../../core/secret.ts";
import { type ClientConfig, fromKey, loadClientConfig, shortPath } from "../host/config.ts";
import type { Io } from "../host/io.ts";
import type { Prompter } from "../host/prompt.ts";
import { loadPublicKey, type ServerPublicKey } from "../host/publicKey.ts";
import { answerAccount } from "./accountQuestions.ts";
import type { SignInOptions } from "./commandLine.ts";
import { Connection } from "./connection.ts";
import type { AccountAnswer } from "./connectionOptions.ts";
import { Progress } from "./progress.ts";
import type { SessionEvents } from "./session.ts";
import type { DeviceState } from "./state/deviceState.ts";
import { StateFolder } from "./state/folder.ts";
import { GuestSession } from "./state/guest.ts";
import { Owner } from "./state/owner.ts";
import { statePlace } from "./state/place.ts";
import { reachState } from "./state/reach.ts";
import { damaged, resetHint } from "./state/stateFiles.ts";

/** How long a login waits by itself when the server says that it is too early: a script a little, a person somewhat longer. */
const PATIENCE_SECONDS = { script: 10, person: 60 };
/** How often it does so. */
const WAITS = 3;
/** Scripts that were refused together do not come back together. */
const WAIT_JITTER_MS = 500;

/** Where questions are asked, opened when the first one is. */
export type Questions = () => Prompter;

export interface LoginOptions {
  readonly events: SessionEvents;
  /** A message that nobody has confirmed by then is undelivered; 10 s by default. */
  readonly deliveryMs?: number;
  /** The longest silence of the server during a login; 15 s by default. */
  readonly silenceMs?: number;
  /** null when stdin is taken. */
  readonly questions: Questions | null;
  /** Somebody sits there who may be shown a recovery code, and asked for one: never in the way of a one-shot command. */
  readonly interactive: boolean;
  /** Other clients of this account on this machine may use the same device while this one runs. */
  readonly serves: boolean;
  /** False: the account is opened for a look at its devices, and nobody is told that the user is there. */
  readonly attach?: boolean;
  /** Lent the password with which the login was made. */
  readonly accepted?: (password: Secret) => void;
  /** Rejects when the user gives up. */
  readonly interrupted: Promise<never>;
}

const HINTED = {
  "auth.removed": "this device was removed from your account",
  "state.foreign": "the state of this device belongs to an identity that you no longer have",
};

/** Whom to log in where, as the configuration has it. */
export class Login {
  readonly #env: Env;
  readonly #io: Io;
  readonly #options: SignInOptions;
  readonly #how: LoginOptions;
  readonly #config: ClientConfig;
  readonly #server: ServerPublicKey;

  /** @throws config.invalid */
  constructor(options: SignInOptions, io: Io, env: Env, how: LoginOptions) {
    const config = loadClientConfig(options, io.env, io.cwd, io.execDir);
    const { publicKey } = config;
    this.#server = fromKey(config, "publicKey", () => loadPublicKey(publicKey, shortPath(publicKey, io.cwd)));
    this.#config = config;
    [this.#env, this.#io, this.#options, this.#how] = [env, io, options, how];
  }

  /** Takes the state of this user's device, or finds who has it. @throws state.*, config.invalid, file.locked, file.failed */
  async reach(user: UserName): Promise<Attempt> {
    const owner = { realm: this.#server.realmId, user };
    const attach = this.#how.attach ?? true;
    const place = attach ? statePlace(this.#options.state, owner, this.#io) : null;
    const reach = () => reachState(place, owner, { env: this.#env, ...this.#how });
    const first = await reach();
    const parts = { env: this.#env, io: this.#io, how: this.#how, config: this.#config, server: this.#server };
    return new Attempt({ ...parts, user, place, reach }, first);
  }
}

interface AttemptParts {
  readonly env: Env;
  readonly io: Io;
  readonly how: LoginOptions;
  readonly config: ClientConfig;
  readonly server: ServerPublicKey;
  readonly user: UserName;
  /** Of the state; null when nothing is kept. */
  readonly place: string | null;
  readonly reach: () => Promise<DeviceState | GuestSession>;
}

/** The login of one user. */
export class Attempt implements Disposable {
  /** The session of the client that has the device, if there is one. */
  readonly guest: GuestSession | null;
  readonly #parts: AttemptParts;
  #state: DeviceState | null;
  /** What the user has set in the place of an operator's; the last one counts. */
  readonly #replaced: Secret[] = [];

  constructor(parts: AttemptParts, reached: DeviceState | GuestSession) {
    this.#parts = parts;
    this.guest = reached instanceof GuestSession ? reached : null;
    this.#state = reached instanceof GuestSession ? null : reached;
  }

  /** `password` is borrowed. `person`: one sits there, and waits a little longer. @throws what `Connection.open` does */
  async open(password: Secret, person: boolean): Promise<Connection> {
    const { how, io, config } = this.#parts;
    const progress = new Progress(io.stderr, person);
    how.interrupted.catch(() => progress.stop());
    try {
      return await patiently(() => this.#open(this.#replaced.at(-1) ?? password, progress), {
        person,
        progress,
        interrupted: how.interrupted,
      });
    } catch (error) {
      const again = this.#replaced.length > 0 && error instanceof CodedError && error.code === "account.initial";
      if (again) return await this.open(password, person);
      throw error instanceof CodedError && error.code === "server.unreachable" ? unreachable(config, error) : error;
    } finally {
      progress.stop();
    }
  }

  [Symbol.dispose](): void {
    wipe(this.#state, ...this.#replaced);
  }

  async #open(password: Secret, progress: Progress): Promise<Connection> {
    const { env, how, config, server, user } = this.#parts;
    progress.start("Connecting");
    const state = this.#state ?? (await this.#parts.reach());
    this.#state = null;
    if (state instanceof GuestSession) {
      await state.logout();
      throw new CodedError("file.locked", "another client uses this device now; try again");
    }
    let owner: Owner | null = null;
    const notice = (told: Notice): void => {
      if (owner?.notice(told) !== true) how.events.notice(told);
    };
    let connecting: AccountAnswer | null = null;
    const events = {
      solving: () => progress.start("The server is busy and asks for some work first"),
      stretching: () => progress.start("Checking the password"),
      notice: (told: Notice) => {
        if (told.kind === "passwordChanged" && connecting !== null && owner === null && this.#replaced.length > 0) {
          connecting.giveUp(new CodedError(told.code ?? "account.initial"));
        } else notice(told);
      },
      account: (told: AccountNotice, answer: AccountAnswer) => {
        progress.stop();
        connecting = answer;
        this.#answer(told, answer, password);
      },
      ended: (error: Error | null) => how.events.ended(error === null ? null : withHint(state, error)),
    };
    const copy = password.slice(0, password.length);
    const login = { realm: server.realmId, serverPublicKey: server.staticPublicKey, user, password: copy };
    const connection = await Connection.open(env, config, login, { ...how, events, state }).catch((error: unknown) => {
      throw withHint(state, error);
    });
    connecting = null;
    how.accepted?.(password);
    if (how.serves && state instanceof StateFolder) {
      owner = new Owner(
        state,
        connection,
        (told) => how.events.notice(told),
        () => env.nowMs(),
      );
      if (!owner.listen()) owner = null;
    }
    return connection;
  }

  #answer(told: AccountNotice, answer: AccountAnswer, password: Secret): void {
    const { env, io, user, how } = this.#parts;
    if (how.questions === null) {
      answer.giveUp(new CodedError("account.recovery"));
      return;
    }
    const replaced = (next: Secret): void => void this.#replaced.push(next);
    void answerAccount(told, answer, { env, io, user, password, prompter: how.questions(), replaced });
  }
}

interface Patience {
  readonly person: boolean;
  readonly progress: Progress;
  readonly interrupted: Promise<never>;
}

/** Opens a connection; when the server says to try again soon, does so. */
async function patiently(open: () => Promise<Connection>, patience: Patience): Promise<Connection> {
  const { person, progress, interrupted } = patience;
  for (let waits = WAITS; ; waits -= 1) {
    try {
      return await open();
    } catch (error) {
      const seconds = error instanceof CodedError ? error.waitSeconds : 0;
      if (seconds === 0 || seconds > PATIENCE_SECONDS[person ? "person" : "script"] || waits === 0) throw error;
      progress.start(`Too many logins of that name have failed; trying again in ${seconds} s`);
      await Promise.race([interrupted, Bun.sleep(seconds * 1000 + Math.random() * WAIT_JITTER_MS)]);
    }
  }
}

/** A state that does not fit, found in the midst of a login: said with its folder, as what is found before. */
function withHint<T>(state: DeviceState, error: T): T | CodedError {
  if (!(error instanceof CodedError) || !(state instanceof StateFolder)) return error;
  switch (error.code) {
    case "state.damaged":
      return damaged(state.path, "an entry in it cannot be read", error);
    case "auth.removed":
    case "state.foreign":
      return new CodedError(error.code, `${HINTED[error.code]}; ${resetHint(state.path)}`, { cause: error });
    default:
      return error;
  }
}

function unreachable({ host, port, name }: ClientConfig, { detail }: CodedError): CodedError {
  const silent = `no server answers at ${host} port ${port}; is it running, and are host and port in ${name} right?`;
  return new CodedError("server.unreachable", detail === "" ? silent : `${host} port ${port}: ${detail}`);
}

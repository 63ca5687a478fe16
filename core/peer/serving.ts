/**
 * What may be asked once the password is proved, and who answers it: accounts.ts, passwordChanges.ts and exchange.ts (PROTOCOL
 * §7, §8, §10). A device is attached here: it begins a session.
 */
import { CodedError } from "../errors.ts";
import type { Verdict } from "../kdc/guessing.ts";
import type { Users } from "../kdc/realm.ts";
import type { Session } from "../kdc/session.ts";
import type { ClientMessage } from "../wire/messages.ts";
import { Accounts } from "./accounts.ts";
import { Exchange } from "./exchange.ts";
import type { ConnectionId } from "./online.ts";
import { PasswordChanges } from "./passwordChanges.ts";
import type { ServerConnection } from "./serverConnection.ts";
import type { ServerContext } from "./serverContext.ts";
import type { Standing } from "./standing.ts";
import type { StoreAnswer } from "./store.ts";

/** All that is open to a user whose password the operator chose. */
const INITIAL_KINDS: ReadonlySet<ClientMessage["kind"]> = new Set(["passwordStart", "passwordFinish", "logout"]);

export class Serving {
  readonly #context: ServerContext;
  readonly #accounts: Accounts;
  readonly #passwords: PasswordChanges;
  readonly #exchange: Exchange;

  /** @param devicesPerUser how many devices the list of a user may have */
  constructor(context: ServerContext, devicesPerUser: number) {
    this.#context = context;
    this.#accounts = new Accounts(context, devicesPerUser);
    this.#passwords = new PasswordChanges(context);
    this.#exchange = new Exchange(context);
  }

  /** A list that is longer stays, and may only become shorter. */
  setDevicesPerUser(max: number): void {
    this.#accounts.devicesPerUser = max;
  }

  /** The password has been proved. */
  begin(connection: ConnectionId, standing: Standing): void {
    this.#accounts.load(connection, standing);
  }

  /** @throws every code that the peer can be blamed for */
  serve(connection: ConnectionId, peer: ServerConnection, request: ClientMessage): void {
    const { session, standing } = peer;
    if (standing === null) return; // it has ended with what it said before
    if (session === null) {
      if (standing.hold(request)) return;
      if (standing.registered.initial && !INITIAL_KINDS.has(request.kind)) throw new CodedError("state.unexpected");
    }
    switch (request.kind) {
      case "attach":
        this.#attach(connection, peer, request);
        break;
      case "createAccount":
      case "putWraps":
      case "putDevices":
      case "putPrekeys":
      case "putPin":
        this.#accounts.serve(connection, standing, request);
        break;
      case "passwordStart":
      case "passwordFinish":
        this.#passwords.serve(connection, standing, request);
        break;
      case "logout":
        this.#context.end(connection, null);
        break;
      default:
        if (session === null) throw new CodedError("state.unexpected");
        this.#inSession(connection, session, request);
    }
  }

  /** The verdict on a guess at the old password. @throws wire.malformed */
  judged(connection: ConnectionId, standing: Standing, verdict: Verdict): void {
    this.#passwords.judged(connection, standing, verdict);
  }

  /** The answer of the store lets go on what was held for it. @throws every code that the peer can be blamed for */
  stored(id: number, answer: StoreAnswer): void {
    const errand = this.#context.errands.take(id);
    if (errand === null) return;
    const { connection, request } = errand;
    const peer = this.#context.connections.get(connection);
    peer?.standing?.answered();
    if (answer.op !== request.op) throw new Error("server: the store has answered something else");
    if (answer.op === "takePrekeys" && request.op === "takePrekeys") {
      const { user, device } = request;
      this.#exchange.taken(connection, { user, device }, answer);
    } else if (answer.op !== "putWraps" || !this.#passwords.stored(connection, id)) {
      this.#accounts.stored(errand, answer);
    }
    if (peer === undefined) return;
    for (let next = peer.standing?.release(); next !== undefined; next = peer.standing?.release()) {
      this.serve(connection, peer, next);
    }
  }

  /** To be said before the users are taken in: the connection that asked goes on. */
  passwordSet(connection: ConnectionId, id: number, users: Users | null): void {
    this.#passwords.set(connection, id, users);
  }

  /** Something of ours failed for this connection: what it asked for may never be answered. */
  fault(connection: ConnectionId): void {
    this.#context.errands.forget(connection);
    this.#passwords.failed(connection);
  }

  #inSession(connection: ConnectionId, session: Session, request: ClientMessage): void {
    switch (request.kind) {
      case "ticketRequest":
        this.#exchange.request(connection, session, request);
        break;
      case "send":
        this.#exchange.send(connection, session, request);
        break;
      case "acknowledge":
        this.#exchange.acknowledge(session, request);
        break;
      case "guessesSeen":
        this.#context.effect({ kind: "guessesSeen", connection });
        break;
      default:
        throw new CodedError("state.unexpected");
    }
  }

  #attach(connection: ConnectionId, peer: ServerConnection, request: Extract<ClientMessage, { kind: "attach" }>): void {
    const { online, outgoing, presences, nameOf, effect, env, errands } = this.#context;
    const { report, standing } = peer;
    const session = peer.attach(request.device, env.nowMs());
    const device = { user: session.user, device: session.device };
    // The device has come back before its last connection was found dead.
    const old = online.connectionOf(device);
    if (old !== null) this.#context.end(old, "auth.device", true);
    online.add(device, connection);
    presences.tellAll(connection, this.#context.users());
    if (report !== null && report.prefixes.length > 0) outgoing.send(connection, { kind: "guesses", ...report });
    outgoing.send(connection, { kind: "attached", name: nameOf(device.user) });
    for (const message of standing?.takeUnheard() ?? []) outgoing.send(connection, message);
    presences.changed(device.user, connection);
    effect({ kind: "attached", connection, device });
    errands.note({ op: "seen", ...device, atMs: session.since, logins: request.logins });
  }
}

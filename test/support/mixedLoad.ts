/** What a server sees in a day, one thing after the other: everything that people, strangers and an operator do. */
import { hostEnv } from "../../cmd/host/env.ts";
import { loadPublicKey } from "../../cmd/host/publicKey.ts";
import { askStatus } from "../../cmd/server/adminSocket.ts";
import type { Status } from "../../cmd/server/status.ts";
import { utf8 } from "../../core/bytes.ts";
import { newMessageId } from "../../core/ids.ts";
import { startLogin } from "../../core/kdc/login.ts";
import { parseUserName } from "../../core/name.ts";
import { Secret, wipe } from "../../core/secret.ts";
import { clientFrames } from "../../core/wire/messages.ts";
import { loopback } from "./crowd.ts";
import { DEMO_USERS } from "./demoRealm.ts";
import { Intruder } from "./intruder.ts";
import { PATIENCE_MS, Watched } from "./programs.ts";
import { openChannel } from "./remotePeer.ts";
import type { RunningRealm } from "./runningRealm.ts";
import type { Seeded } from "./seeded.ts";
import { halfFrame, hello, RawSocket, transportOver } from "./stranger.ts";

/** Networks that guesses come from, and names that nobody has. */
const NETWORKS = 200;
const UNKNOWN_NAMES = 50;
const MESSAGES = 8;

export class MixedLoad {
  readonly done = new Map<string, number>();
  readonly #realm: RunningRealm;
  readonly #seeded: Seeded;
  readonly #metricsPort: number;
  readonly #hello: Uint8Array;
  readonly #weighed: readonly (() => Promise<void>)[];
  #locked = false;

  private constructor(realm: RunningRealm, seeded: Seeded, metricsPort: number, first: Uint8Array) {
    this.#realm = realm;
    this.#seeded = seeded;
    this.#metricsPort = metricsPort;
    this.#hello = first;
    const acts: readonly (readonly [weight: number, act: () => Promise<void>])[] = [
      [30, () => this.#logInAndOut()],
      [30, () => this.#converse()],
      [20, () => this.#guess(this.#seeded.pick(DEMO_USERS)[0])],
      [20, () => this.#guess(`nobody${this.#seeded.integer(UNKNOWN_NAMES)}`)],
      [20, () => this.#halfHandshake()],
      [20, () => this.#refusedAtTheDoor()],
      [10, () => this.#disappear()],
      [10, () => this.#askForFigures()],
      [2, () => this.#reload()],
      [1, () => this.#lockOrUnlock()],
    ];
    this.#weighed = acts.flatMap(([weight, act]) => Array.from({ length: weight }, () => act));
  }

  static async ready(realm: RunningRealm, seeded: Seeded, metricsPort: number): Promise<MixedLoad> {
    return new MixedLoad(realm, seeded, metricsPort, await hello(realm.folder.at("keys/server.pub")));
  }

  /** One of them, chosen by the seed. */
  async one(): Promise<void> {
    await this.#seeded.pick(this.#weighed)();
  }

  get total(): number {
    return Array.from(this.done.values()).reduce((sum, count) => sum + count, 0);
  }

  async status(): Promise<Status> {
    return JSON.parse(await askStatus(this.#realm.folder.at("data"), this.#realm.folder.path)) as Status;
  }

  #did(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }

  /** Eric is locked from time to time. */
  #user(): string {
    return this.#seeded.pick(["Alice", "Bob", "Chris", "Dana"]);
  }

  async #logInAndOut(): Promise<void> {
    using user = await Intruder.login(this.#realm, this.#user());
    await user.peer.logOut();
    this.#did("logins and logouts");
  }

  /** Two sessions: a ticket, messages there and their confirmations back. */
  async #converse(): Promise<void> {
    using from = await Intruder.login(this.#realm, this.#user());
    using to = await Intruder.login(this.#realm, this.#user());
    from.peer.send([{ kind: "ticketRequest", ...to.peer.self }]);
    const messages = Array.from({ length: MESSAGES }, () => newMessageId(hostEnv));
    for (const message of messages) {
      const envelope = hostEnv.randomBytes(1 + this.#seeded.integer(1000));
      from.peer.send([{ kind: "send", message, ...to.peer.self, envelope }]);
    }
    await settled(
      () => to.count("delivery") === MESSAGES,
      () => `messages: ${to.told}, and of their sender: ${from.told}`,
    );
    for (const message of messages) to.peer.send([{ kind: "acknowledge", message, ...from.peer.self }]);
    await settled(
      () => from.count("confirmed") === MESSAGES && from.count("grant") === 1,
      () => `confirmations and a ticket: ${from.told}`,
    );
    this.#did("conversations");
  }

  /** A login with a wrong proof, or without one. */
  async #guess(user: string): Promise<void> {
    const localAddress = loopback(this.#seeded.integer(NETWORKS) * 256 + 1);
    using socket = await RawSocket.open(this.#realm.port, { localAddress });
    const { realmId, staticPublicKey } = loadPublicKey(this.#realm.folder.at("keys/server.pub"));
    const transport = transportOver(socket);
    const channel = await openChannel(hostEnv, transport, staticPublicKey);
    const context = {
      user: parseUserName(user),
      realm: realmId,
      handshakeHash: channel.handshakeHash,
      purpose: "login",
    } as const;
    using password = Secret.take(utf8("a guess"));
    const { ke1, state } = startLogin(hostEnv, context, password);
    transport.send(channel.sealPadded(clientFrames.encode({ kind: "loginStart", user: context.user, ke1 })));
    await transport.receive(); // an answer, a puzzle, or a goodbye to whoever guesses too often
    const proves = this.#seeded.once(2);
    if (proves)
      transport.send(channel.sealPadded(clientFrames.encode({ kind: "loginFinish", ke3: new Uint8Array(64) })));
    if (proves) await socket.ended();
    wipe(state, channel);
    this.#did("failed logins");
  }

  async #halfHandshake(): Promise<void> {
    using socket = await RawSocket.open(this.#realm.port, { localAddress: loopback(this.#seeded.integer(1000)) });
    socket.write(halfFrame(this.#hello, 1 + this.#seeded.integer(500)));
    this.#did("half handshakes");
  }

  async #refusedAtTheDoor(): Promise<void> {
    const path = this.#seeded.pick(["/", "/other", "/ims?x", "/healthz"]);
    using socket = await RawSocket.open(this.#realm.port, { path });
    if (socket.status === 101) socket.send(hostEnv.randomBytes(1 + this.#seeded.integer(2000)));
    await socket.ended();
    this.#did("refused connections");
  }

  /** A session whose line is cut while something is on its way to it. */
  async #disappear(): Promise<void> {
    using user = await Intruder.login(this.#realm, this.#user());
    for (let count = 0; count < MESSAGES; count += 1) user.peer.send([{ kind: "ticketRequest", ...user.peer.self }]);
    this.#did("cut sessions");
  }

  async #askForFigures(): Promise<void> {
    const [{ faults }, metrics] = await Promise.all([
      this.status(),
      fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`).then((response) => response.text()),
    ]);
    if (faults > 0 || !metrics.includes("ims_")) throw new Error("the server tells of faults, or has no metrics");
    this.#did("status and metrics");
  }

  async #reload(): Promise<void> {
    this.#realm.folder.changeServerConfig({
      limits: { loginsInWork: 4 + this.#seeded.integer(8) },
      metricsPort: this.#metricsPort,
      port: this.#realm.port,
    });
    this.#realm.server.kill("SIGHUP");
    this.#did("reloads");
  }

  async #lockOrUnlock(): Promise<void> {
    this.#locked = !this.#locked;
    await this.#realm.folder.run("server", ["user", this.#locked ? "lock" : "unlock", "eric"]);
    this.#did("changes of users");
  }
}

const settled = (look: () => boolean, explain: () => string): Promise<true> =>
  new Watched().until(() => look() || null, explain, PATIENCE_MS * 2);

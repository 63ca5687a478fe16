/** A user of the demo realm with a client of our own: logged in properly, and then free to say anything. */
import { hostEnv } from "../../cmd/host/env.ts";
import { loadPublicKey } from "../../cmd/host/publicKey.ts";
import { codeOfWire, type ErrorCode } from "../../core/errors.ts";
import { type DeviceId, newDeviceId } from "../../core/ids.ts";
import type { ServerMessage } from "../../core/wire/messages.ts";
import { DEMO_USERS } from "./demoRealm.ts";
import { Watched } from "./programs.ts";
import { logIn, type Peer } from "./remotePeer.ts";
import type { RunningRealm } from "./runningRealm.ts";
import { type OpenOptions, RawSocket, transportOver } from "./stranger.ts";

export class Intruder implements Disposable {
  readonly socket: RawSocket;
  readonly peer: Peer;
  /** What the server has said, by kind. */
  readonly heard = new Map<ServerMessage["kind"], number>();
  readonly #watched = new Watched();
  /** Devices that do not exist and were asked for: the answer is no news. */
  readonly #probes = new Set<DeviceId>();
  #goodbye: ErrorCode | null = null;
  readonly #read: Promise<void>;

  private constructor(socket: RawSocket, peer: Peer) {
    this.socket = socket;
    this.peer = peer;
    this.#read = this.#listen();
  }

  static async login(realm: RunningRealm, name: string, options: OpenOptions = {}): Promise<Intruder> {
    const { realmId, staticPublicKey } = loadPublicKey(realm.folder.at("keys/server.pub"));
    const password = DEMO_USERS.find(([user]) => user === name)?.[1] ?? "";
    const account = { realm: realmId, serverPublicKey: staticPublicKey, user: name, password };
    const socket = await RawSocket.open(realm.port, options);
    try {
      return new Intruder(socket, await logIn(hostEnv, transportOver(socket), account));
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  count(kind: ServerMessage["kind"]): number {
    return this.heard.get(kind) ?? 0;
  }

  /** In words, for a test that waits in vain. */
  get told(): string {
    const heard = Array.from(this.heard, ([kind, count]) => `${count} ${kind}`).join(", ");
    return `${this.socket.closed ? `ended (${this.#goodbye})` : "standing"}, heard ${heard || "nothing"}`;
  }

  /** Sends as fast as the socket takes it, until it is cut or `untilMs` of the clock of `performance.now`. */
  async flood(untilMs: number, send: () => void): Promise<number> {
    let sent = 0;
    while (!this.socket.closed && performance.now() < untilMs) {
      for (let burst = 0; burst < 16 && !this.socket.closed; burst += 1, sent += 1) send();
      await this.socket.drained();
      await new Promise((resolve) => setImmediate(resolve)); // this process also measures how long others wait
    }
    return sent;
  }

  /** Waits until the server has dealt with everything that was sent, or has ended the session. */
  async served(): Promise<void> {
    const { socket, peer } = this;
    const device = newDeviceId(hostEnv);
    this.#probes.add(device);
    peer.send([{ kind: "ticketRequest", user: peer.self.user, device }]);
    await this.#watched.until(
      () => !this.#probes.has(device) || socket.closed,
      () => "an answer",
      30_000,
    );
  }

  /** How it ended: the reason of the server's goodbye, if it said one. */
  async ended(): Promise<ErrorCode | null> {
    await this.socket.ended();
    await this.#read;
    return this.#goodbye;
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
    this.peer.leave();
  }

  async #listen(): Promise<void> {
    try {
      while (true) {
        for (const message of await this.peer.receive()) {
          if (message.kind === "absent" && this.#probes.delete(message.device)) continue;
          this.heard.set(message.kind, this.count(message.kind) + 1);
          if (message.kind === "goodbye") this.#goodbye = codeOfWire(message.reason);
        }
        this.#watched.wake();
      }
    } catch {
      // The connection is over, or what came does not open.
    }
  }
}

/** Many strangers at the port, from as many addresses as wanted, which hold their connections and do nothing. */
import { connect, type Socket } from "node:net";
import { utf8 } from "../../core/bytes.ts";
import { Watched } from "./programs.ts";

/** The request that makes a connection a WebSocket. */
export const UPGRADE = utf8(
  [
    "GET /ims HTTP/1.1",
    "Host: 127.0.0.1",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${btoa("sixteen bytes ok")}`,
    "Sec-WebSocket-Version: 13",
    "\r\n",
  ].join("\r\n"),
);

export interface Plan {
  readonly port: number;
  /** Where the stranger of this number comes from. */
  readonly from: (stranger: number) => string;
  /** What each says as soon as it is connected. */
  readonly say: Uint8Array;
  /** Whoever is cut comes back at once. */
  readonly comesBack?: boolean;
}

/** An address of this machine for each number below 2^22. */
export function loopback(number: number): string {
  return `127.${(number >> 16) + 64}.${(number >> 8) & 255}.${number & 255}`;
}

/** So many are on their way at the same time. */
const AT_ONCE = 100;

export class Crowd implements Disposable {
  readonly #plan: Plan;
  readonly #watched = new Watched();
  readonly #sockets = new Set<Socket>();
  /** How often each HTTP status was the first answer. */
  readonly #statuses = new Map<number, number>();
  #tries = 0;
  #pending = 0;
  #over = false;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Connections that are open, as far as the strangers can tell. */
  get open(): number {
    return this.#sockets.size - this.#pending;
  }

  answered(status: number): number {
    return this.#statuses.get(status) ?? 0;
  }

  /** So many more come; resolves when each has been connected or refused, and, if `answers`, has had its answer. */
  async come(count: number, answers = false): Promise<void> {
    const last = this.#tries + count;
    const heard = (): number => Array.from(this.#statuses.values()).reduce((sum, one) => sum + one, 0);
    while (this.#tries < last) {
      while (this.#tries < last && this.#pending < AT_ONCE) this.#connect(this.#tries);
      await this.until(() => this.#pending < AT_ONCE, "strangers to connect");
    }
    await this.until(() => this.#pending === 0 && (!answers || heard() >= last), "strangers to be answered");
  }

  until(look: () => boolean, what: string, patienceMs?: number): Promise<true> {
    const explain = (): string => `${what}; ${this.open} are open, statuses ${JSON.stringify([...this.#statuses])}`;
    return this.#watched.until(() => look() || null, explain, patienceMs) as Promise<true>;
  }

  /** What each of those who are connected says now. */
  say(bytes: Uint8Array): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  leave(): void {
    this.#over = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  #connect(stranger: number): void {
    const { port, from, say, comesBack = false } = this.#plan;
    this.#tries += 1;
    this.#pending += 1;
    let pending = true;
    const settle = (): void => {
      if (pending) this.#pending -= 1;
      pending = false;
      this.#watched.wake();
    };
    const socket = connect({ port, host: "127.0.0.1", localAddress: from(stranger) });
    this.#sockets.add(socket);
    socket.on("connect", () => {
      socket.write(say);
      settle();
    });
    socket.once("data", (chunk) => {
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(String(chunk))?.[1] ?? 0);
      this.#statuses.set(status, this.answered(status) + 1);
      socket.resume();
      this.#watched.wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#sockets.delete(socket);
      settle();
      if (comesBack && !this.#over) setTimeout(() => this.#over || this.#connect(stranger), 5);
    });
  }
}

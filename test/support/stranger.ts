/** A peer that speaks the wire by hand, or lets the client's machine speak and looks over its shoulder. */
import { connect, type Socket } from "node:net";
import { solve } from "../../cmd/client/solve.ts";
import { hostEnv } from "../../cmd/host/env.ts";
import { loadPublicKey } from "../../cmd/host/publicKey.ts";
import { concat, utf8 } from "../../core/bytes.ts";
import { startInitiator, stepInitiator, wipeInitiator } from "../../core/channel/initiator.ts";
import type { Env } from "../../core/env.ts";
import { CodedError, codeOfClose, type ErrorCode } from "../../core/errors.ts";
import { parseUserName } from "../../core/name.ts";
import { Client } from "../../core/peer/client.ts";
import type { ClientEffect, ClientEvent } from "../../core/peer/clientEvents.ts";
import type { Notice } from "../../core/peer/notices.ts";
import { Secret } from "../../core/secret.ts";
import { encodeFrame, FrameReader, OPCODE } from "./frames.ts";
import { PATIENCE_MS, Watched } from "./programs.ts";
import { Inbox, type Transport } from "./transport.ts";

export interface OpenOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where it comes from: any address of 127.0.0.0/8. */
  readonly localAddress?: string;
}

export interface LoginOptions extends OpenOptions {
  readonly env?: Env;
}

/** A WebSocket whose every byte is ours. */
export class RawSocket implements Disposable {
  readonly #watched = new Watched();
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  /** Binary messages that have come and were not taken yet. */
  readonly #inbox: Uint8Array[] = [];
  readonly #drains: (() => void)[] = [];
  #closeCode: number | null = null;
  #closed = false;
  onMessage: ((message: Uint8Array) => void) | null = null;
  onClose: ((code: number | null) => void) | null = null;

  private constructor(port: number, localAddress: string) {
    this.#socket = connect({ port, host: "127.0.0.1", localAddress, noDelay: true });
    this.#socket.on("data", (chunk: Uint8Array) => this.#receive(new Uint8Array(chunk)));
    this.#socket.on("error", () => this.#socket.destroy());
    const release = (): void => {
      for (const resolve of this.#drains.splice(0)) resolve();
    };
    this.#socket.on("drain", release);
    this.#socket.on("close", () => {
      this.#closed = true;
      release();
      this.#watched.wake();
      this.onClose?.(this.#closeCode);
    });
  }

  /** Connects and asks for the upgrade; look at `status` for the answer. */
  static async open(port: number, options: OpenOptions = {}): Promise<RawSocket> {
    const { path = "/ims", headers = {}, localAddress = "127.0.0.1" } = options;
    const socket = new RawSocket(port, localAddress);
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Key: ${btoa("sixteen bytes ok")}`,
      "Sec-WebSocket-Version: 13",
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.write(utf8(`${lines.join("\r\n")}\r\n\r\n`));
    await socket.#until(() => socket.#reader.head !== null || socket.#closed, "an answer to the upgrade");
    return socket;
  }

  /** Of the answer to the upgrade: 101 when it was granted. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.#reader.head ?? "")?.[1] ?? 0);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Any bytes, frames or not. */
  write(bytes: Uint8Array): void {
    if (!this.#closed) this.#socket.write(bytes);
  }

  send(payload: Uint8Array, opcode: number = OPCODE.binary): void {
    this.write(encodeFrame({ opcode, payload }, true));
  }

  /** The next binary message. */
  async next(): Promise<Uint8Array> {
    await this.#until(() => this.#inbox.length > 0, "a message from the server");
    return this.#inbox.shift() ?? new Uint8Array(0);
  }

  /** Waits until the server has closed: its close code, or null when it gave none. */
  async ended(patienceMs = PATIENCE_MS): Promise<number | null> {
    await this.#until(() => this.#closed, "the server to close the connection", patienceMs);
    return this.#closeCode;
  }

  /** Reads nothing more, so that whatever comes piles up on the way here. */
  pause(): void {
    this.#socket.pause();
  }

  /** Waits until what was written has been taken, or nothing is any more. */
  async drained(): Promise<void> {
    if (!this.#closed && this.#socket.writableNeedDrain)
      await new Promise<void>((resolve) => this.#drains.push(resolve));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #until(look: () => boolean, what: string, patienceMs = PATIENCE_MS): Promise<true> {
    return this.#watched.until(
      () => look() || null,
      () => what,
      patienceMs,
    ) as Promise<true>;
  }

  #receive(chunk: Uint8Array): void {
    for (const { opcode, payload } of this.#reader.push(chunk).frames) {
      if (opcode === OPCODE.close) {
        this.#closeCode = payload.length < 2 ? null : ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
        this.write(encodeFrame({ opcode, payload }, true));
      } else if (opcode === OPCODE.ping) this.send(payload, OPCODE.pong);
      else if (opcode === OPCODE.binary && this.onMessage !== null) this.onMessage(payload);
      else if (opcode === OPCODE.binary) this.#inbox.push(payload);
    }
    this.#watched.wake();
  }
}

/** A WebSocket that has been let in, as a transport. */
export function transportOver(socket: RawSocket): Transport {
  const inbox = new Inbox();
  socket.onMessage = (record) => inbox.push(record);
  socket.onClose = (code) => inbox.end(code === null ? null : codeOfClose(code));
  return {
    send: (record) => socket.send(record),
    receive: () => inbox.next(),
    close: async () => socket[Symbol.dispose](),
  };
}

/** A transport from an address of ours. @throws server.unreachable when it is not let in */
export async function dial(port: number, localAddress = "127.0.0.1"): Promise<Transport & Disposable> {
  const socket = await RawSocket.open(port, { localAddress });
  if (socket.status !== 101 || socket.closed) throw new CodedError("server.unreachable", `status ${socket.status}`);
  return { ...transportOver(socket), [Symbol.dispose]: () => socket[Symbol.dispose]() };
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** Path of a `server.pub`. */
  readonly publicKey: string;
}

/** The client's machine over a `RawSocket`, with every message it sent and got. */
export class ScriptedClient implements Disposable {
  readonly socket: RawSocket;
  readonly sent: Uint8Array[] = [];
  readonly received: Uint8Array[] = [];
  readonly notices: Notice[] = [];
  readonly #watched = new Watched();
  readonly #client: Client;
  readonly #env: Env;
  #ended: Extract<ClientEffect, { kind: "ended" }> | null = null;

  private constructor(socket: RawSocket, { user, password, publicKey }: Credentials, env: Env) {
    const { realmId, staticPublicKey } = loadPublicKey(publicKey);
    const secret = Secret.take(utf8(password));
    const login = { realm: realmId, serverPublicKey: staticPublicKey, user: parseUserName(user), password: secret };
    const config = { ...login, stored: null, interactive: false, temporary: true, attach: true };
    this.#env = env;
    this.#client = new Client(env, config);
    this.socket = socket;
    socket.onMessage = (bytes) => {
      this.received.push(bytes);
      this.handle({ kind: "frame", bytes });
    };
    socket.onClose = () => this.handle({ kind: "disconnected", code: null });
  }

  /** Connects and logs in; resolves when the roster is complete. @throws CodedError with the code when it never is */
  static async login(port: number, credentials: Credentials, options: LoginOptions = {}): Promise<ScriptedClient> {
    const socket = await RawSocket.open(port, options);
    const client = new ScriptedClient(socket, credentials, options.env ?? hostEnv);
    client.handle({ kind: "connected" });
    await client.until(() => client.attached || client.#ended !== null, "the login", PATIENCE_MS * 3);
    if (!client.attached)
      throw new CodedError(client.#ended?.code ?? "connection.lost", "not logged in", client.#ended ?? {});
    return client;
  }

  get attached(): boolean {
    return this.#client.attached;
  }

  get roster(): Client["roster"] {
    return this.#client.roster;
  }

  /** How it ended. */
  async ended(): Promise<ErrorCode | null> {
    await this.until(() => this.#ended !== null, "the end of a client");
    return this.#ended?.code ?? null;
  }

  until(look: () => boolean, what: string, patienceMs = PATIENCE_MS): Promise<true> {
    return this.#watched.until(
      () => look() || null,
      () => what,
      patienceMs,
    ) as Promise<true>;
  }

  handle(event: ClientEvent): void {
    for (const effect of this.#client.handle(event)) this.#run(effect);
    this.#watched.wake();
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
    this.handle({ kind: "logout" });
  }

  #run(effect: ClientEffect): void {
    if (effect.kind === "transmit") {
      this.sent.push(effect.bytes);
      this.socket.send(effect.bytes);
    }
    if (effect.kind === "notice") this.notices.push(effect.notice);
    if (effect.kind === "ended") this.#ended = effect;
    if (effect.kind === "compute") void this.#compute(effect);
    if (effect.kind === "solve") void this.#solve(effect);
  }

  async #solve({ puzzle }: Extract<ClientEffect, { kind: "solve" }>): Promise<void> {
    const nonce = await solve(this.#env.crypto, puzzle, () => this.#ended !== null);
    if (nonce !== null) this.handle({ kind: "solved", nonce });
  }

  async #compute({ job }: Extract<ClientEffect, { kind: "compute" }>): Promise<void> {
    const result = await this.#env.crypto.run(job, this.#env.randomBytes);
    this.handle({ kind: "computed", result });
  }
}

/** The first message of a client, fresh: the server answers it, and nobody has logged in. */
export async function hello(publicKey: string): Promise<Uint8Array> {
  const { next, effects } = startInitiator(loadPublicKey(publicKey).staticPublicKey);
  const [compute] = effects;
  if (compute?.kind !== "compute") throw new Error("stranger: a handshake begins with a key pair");
  const result = await hostEnv.crypto.run(compute.job, hostEnv.randomBytes);
  const step = stepInitiator(next, { kind: "computed", result }, hostEnv);
  wipeInitiator(step.next);
  const [transmit] = step.effects;
  if (transmit?.kind !== "transmit") throw new Error("stranger: a handshake begins with a message");
  return transmit.bytes;
}

/** A message in pieces: all but the last `missing` bytes of a whole frame. */
export function halfFrame(payload: Uint8Array, missing: number): Uint8Array {
  const whole = encodeFrame({ opcode: OPCODE.binary, payload }, true);
  return whole.slice(0, whole.length - missing);
}

/** The head of a masked binary frame that declares `length` bytes, and nothing of them. */
export function declaring(length: bigint): Uint8Array {
  const head = new Uint8Array(10);
  head.set([0x80 | OPCODE.binary, 0x80 | 127]);
  new DataView(head.buffer).setBigUint64(2, length);
  return concat(head, new Uint8Array(4));
}

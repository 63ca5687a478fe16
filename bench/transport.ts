/** The transports that are measured: a socket, and a server machine in this process. */
import type { Env } from "../core/env.ts";
import type { ServerKeys, Users } from "../core/kdc/realm.ts";
import type { ConnectionId } from "../core/peer/online.ts";
import { Server } from "../core/peer/server.ts";
import type { ServerEffect } from "../core/peer/serverEvents.ts";
import { Inbox, type Transport } from "../test/support/transport.ts";

/** A WebSocket to a server on this machine, open. */
export async function connect(port: number): Promise<Transport> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ims`);
  socket.binaryType = "arraybuffer";
  const inbox = new Inbox();
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  socket.addEventListener("open", () => opened.resolve());
  socket.addEventListener("message", ({ data }) => inbox.push(new Uint8Array(data)));
  socket.addEventListener("close", ({ code }) => {
    opened.reject(new Error(`bench: no connection to port ${port} (${code})`));
    inbox.end();
    closed.resolve();
  });
  await opened.promise;
  return {
    send: (record) => socket.send(record as Uint8Array<ArrayBuffer>),
    receive: () => inbox.next(),
    close() {
      socket.close();
      return closed.promise;
    },
  };
}

/** The server machine without a network, for what is to be measured of it alone. */
export class MemoryServer {
  readonly #env: Env;
  readonly #server: Server;
  readonly #inboxes = new Map<ConnectionId, Inbox>();

  constructor(env: Env, keys: ServerKeys, users: Users) {
    this.#env = env;
    this.#server = new Server(env, keys, { users, devicesPerUser: 8 });
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

  #run(effects: readonly ServerEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "transmit") this.#inboxes.get(effect.connection)?.push(effect.bytes);
      else if (effect.kind === "close") this.#inboxes.get(effect.connection)?.end();
      else if (effect.kind === "compute") void this.#compute(effect);
      else if (effect.kind === "wake") this.#wake(effect.afterMs);
    }
  }

  #wake(afterMs: number): void {
    setTimeout(() => this.#run(this.#server.handle({ kind: "awake" })), afterMs);
  }

  async #compute({ connection, job }: Extract<ServerEffect, { kind: "compute" }>): Promise<void> {
    const result = await this.#env.crypto.run(job, this.#env.randomBytes);
    this.#run(this.#server.handle({ kind: "computed", connection, result }));
  }
}

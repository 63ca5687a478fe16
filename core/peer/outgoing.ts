/** Frames to each session, sealed together when an event has been dealt with. */
import { type ServerMessage, serverFrames } from "../wire/messages.ts";
import type { ConnectionId } from "./online.ts";

export class Outgoing {
  readonly #frames = new Map<ConnectionId, Uint8Array[]>();
  /** Those of them that hold a conversation key: wiped once sealed. */
  readonly #keyFrames: Uint8Array[] = [];

  send(connection: ConnectionId, message: ServerMessage): void {
    this.queue(connection, serverFrames.encode(message));
  }

  /** A message that holds a key: only this encoding of it is wiped, the message is the caller's. */
  sendKey(connection: ConnectionId, message: ServerMessage): void {
    const frame = serverFrames.encode(message);
    this.queue(connection, frame);
    this.#keyFrames.push(frame);
  }

  /** To each of `connections` but those of `except`. */
  broadcast(connections: Iterable<ConnectionId>, frame: Uint8Array, except?: ReadonlySet<ConnectionId>): void {
    for (const connection of connections) {
      if (except?.has(connection) !== true) this.queue(connection, frame);
    }
  }

  /** Hands over what each connection is to be told, and forgets it. */
  flush(seal: (connection: ConnectionId, frames: readonly Uint8Array[]) => void): void {
    for (const [connection, frames] of this.#frames) seal(connection, frames);
    this.#frames.clear();
    for (const frame of this.#keyFrames.splice(0)) frame.fill(0);
  }

  /** A frame that is encoded already, and is not changed. */
  queue(connection: ConnectionId, frame: Uint8Array): void {
    const queue = this.#frames.get(connection);
    if (queue === undefined) this.#frames.set(connection, [frame]);
    else queue.push(frame);
  }
}

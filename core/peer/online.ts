import { type Address, addressKey, type DeviceId } from "../ids.ts";
import type { UserName } from "../name.ts";

/** Names one connection of a server; drawn by its driver, never used again. */
export type ConnectionId = number & { readonly brand: "ConnectionId" };

/** Which devices are logged in, and over which connection. */
export class Online {
  readonly #connections = new Map<string, ConnectionId>();
  readonly #devices = new Map<UserName, Set<DeviceId>>();

  add(address: Address, connection: ConnectionId): void {
    this.#connections.set(addressKey(address), connection);
    const devices = this.#devices.get(address.user) ?? new Set();
    this.#devices.set(address.user, devices.add(address.device));
  }

  remove(address: Address): void {
    this.#connections.delete(addressKey(address));
    const devices = this.#devices.get(address.user);
    devices?.delete(address.device);
    if (devices?.size === 0) this.#devices.delete(address.user);
  }

  connectionOf(address: Address): ConnectionId | null {
    return this.#connections.get(addressKey(address)) ?? null;
  }

  devicesOf(user: UserName): readonly DeviceId[] {
    return [...(this.#devices.get(user) ?? [])];
  }

  /** Every connection with a session. */
  connections(): Iterable<ConnectionId> {
    return this.#connections.values();
  }

  get users(): number {
    return this.#devices.size;
  }

  get devices(): number {
    return this.#connections.size;
  }
}

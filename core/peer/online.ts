import { type Address, addressKey, type DeviceId } from "../ids.ts";
import type { UserName } from "../name.ts";

/** Names one connection of a server; drawn by its driver, never used again. */
export type ConnectionId = number & { readonly brand: "ConnectionId" };

const NONE: readonly DeviceId[] = [];

/** Which devices are logged in, and over which connection. */
export class Online {
  readonly #connections = new Map<string, ConnectionId>();
  /** Each list is replaced, never changed: the same list holds the same devices. */
  readonly #devices = new Map<UserName, readonly DeviceId[]>();

  add(address: Address, connection: ConnectionId): void {
    this.#connections.set(addressKey(address), connection);
    this.#devices.set(address.user, [...this.devicesOf(address.user), address.device]);
  }

  remove(address: Address): void {
    this.#connections.delete(addressKey(address));
    const left = this.devicesOf(address.user).filter((device) => device !== address.device);
    if (left.length > 0) this.#devices.set(address.user, left);
    else this.#devices.delete(address.user);
  }

  connectionOf(address: Address): ConnectionId | null {
    return this.#connections.get(addressKey(address)) ?? null;
  }

  devicesOf(user: UserName): readonly DeviceId[] {
    return this.#devices.get(user) ?? NONE;
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

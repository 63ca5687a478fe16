/**
 * Accounts as the server serves them (PROTOCOL §7): what a user who has proved the password reads and writes of wraps,
 * devices, prekeys and pins. The store keeps them; here is judged what may be put, and told who has to hear of it.
 *
 * The server cannot open a wrap or a pin. It verifies a list of devices, so that nothing which peers would refuse replaces
 * one that is good; prekeys are verified by those who use them.
 */
import { equalBytes } from "../crypto/compare.ts";
import { verifyDeviceList } from "../e2ee/deviceList.ts";
import { CodedError } from "../errors.ts";
import { PINS_PER_MESSAGE } from "../limits.ts";
import type { UserName } from "../name.ts";
import type { DeviceList, Pin, SignedDeviceList } from "../wire/account.ts";
import type { ClientMessage } from "../wire/messages.ts";
import type { Errand } from "./errands.ts";
import { knownAccount } from "./knownAccount.ts";
import type { ConnectionId } from "./online.ts";
import { provedBy, type ServerContext, tellOthers } from "./serverContext.ts";
import type { Standing } from "./standing.ts";
import type { StoreAnswer, StoredAccount, StoreRequest } from "./store.ts";

/** What is asked of an account. */
export type AccountMessage = Extract<
  ClientMessage,
  { kind: "createAccount" | "putWraps" | "putDevices" | "putPrekeys" | "putPin" }
>;

type Request<Op extends StoreRequest["op"]> = Extract<StoreRequest, { op: Op }>;
type Loaded = Extract<StoreAnswer, { op: "load" | "create" }>;

export class Accounts {
  /** How many devices a list may have; one that is longer already may only become shorter. */
  devicesPerUser: number;
  readonly #context: ServerContext;

  constructor(context: ServerContext, devicesPerUser: number) {
    this.#context = context;
    this.devicesPerUser = devicesPerUser;
  }

  /** The password has been proved: the first thing that the client needs is the account. */
  load(connection: ConnectionId, { user, registered }: Standing): void {
    this.#context.errands.ask(connection, { op: "load", user, epoch: registered.epoch });
  }

  /** @throws wire.malformed for a list that is not to be kept; auth.tooManyDevices; state.unexpected */
  serve(connection: ConnectionId, standing: Standing, message: AccountMessage): void {
    this.#context.errands.ask(connection, this.#requestOf(standing, message));
  }

  /** The store has answered. The connection that asked may have gone: others hear of what has changed all the same. */
  stored(errand: Errand, answer: StoreAnswer): void {
    const { request } = errand;
    if (answer.op === "load" && request.op === "load") this.#loaded(errand, answer);
    if (answer.op === "create" && request.op === "create") this.#created(errand, request, answer);
    if (answer.op === "putWraps") this.#wrapped(errand, answer.stored);
    if (answer.op === "putDevices" && request.op === "putDevices") this.#listed(errand, request, answer.devices);
    if (answer.op === "putPin" && request.op === "putPin") this.#pinned(errand, request.pin, answer.pin);
  }

  #requestOf(standing: Standing, message: AccountMessage): StoreRequest {
    const { user, registered } = standing;
    const { epoch } = registered;
    switch (message.kind) {
      case "createAccount":
        return { op: "create", user, epoch, keys: message.keys, replaces: message.replaces };
      case "putWraps": {
        const { identityKey, accountWrap, recoveryWrap } = message;
        return { op: "putWraps", user, epoch, identityKey, accountWrap, recoveryWrap };
      }
      case "putDevices":
        return this.#putDevices(standing, message.devices);
      case "putPrekeys": {
        const { device, signed, oneTime } = message;
        return { op: "putPrekeys", user, device, signed, oneTime };
      }
      case "putPin":
        return { op: "putPin", user, pin: message.pin };
    }
  }

  /** Whether it is the next list is the store's to say: when it is not, the answer is the one that stands. */
  #putDevices({ user, account }: Standing, devices: SignedDeviceList): Request<"putDevices"> {
    if (account?.identityKey == null) throw new CodedError("state.unexpected", "devices of no account");
    const { identityKey, list } = account;
    const { number, devices: entries } = this.#verified(user, identityKey, devices);
    if (entries.length > this.devicesPerUser && entries.length >= list.devices.length) {
      throw new CodedError("auth.tooManyDevices");
    }
    return { op: "putDevices", user, identityKey, number, devices, ids: entries.map(({ device }) => device) };
  }

  /** @throws wire.malformed */
  #verified(user: UserName, identityKey: Uint8Array, signed: SignedDeviceList): DeviceList {
    const { env, keys } = this.#context;
    try {
      return verifyDeviceList(env.crypto, identityKey, { realm: keys.realm, user }, signed);
    } catch (cause) {
      if (!(cause instanceof CodedError)) throw cause;
      throw new CodedError("wire.malformed", "a list of devices", { cause });
    }
  }

  /** The pins and the account, for a connection that is still there; to a user with an initial password neither is shown. */
  #loaded({ connection, user }: Errand, { account, pins }: Loaded): void {
    const standing = this.#context.connections.get(connection)?.standing;
    if (standing == null) return;
    standing.account = knownAccount(account?.keys.identityKey ?? null, account?.devices ?? null);
    const { outgoing, env } = this.#context;
    const nowMs = env.nowMs();
    if (standing.registered.initial) {
      outgoing.send(connection, { kind: "account", initial: 1, nowMs, account: null });
      return;
    }
    for (let at = 0; at < pins.length; at += PINS_PER_MESSAGE) {
      outgoing.send(connection, { kind: "pins", pins: pins.slice(at, at + PINS_PER_MESSAGE) });
    }
    const shown = account && this.#shown(user, account, nowMs);
    outgoing.send(connection, { kind: "account", initial: 0, nowMs, account: shown });
  }

  /** Where another account has taken the place of the last one, whatever was begun with that is over. */
  #created(errand: Errand, request: Request<"create">, answer: Loaded): void {
    const { connection, user } = errand;
    this.#loaded(errand, answer);
    const isReplaced =
      request.replaces !== null &&
      answer.account !== null &&
      equalBytes(answer.account.keys.identityKey, request.keys.identityKey);
    if (isReplaced) {
      for (const other of provedBy(this.#context, user)) {
        if (other.connection !== connection) this.#context.end(other.connection, "auth.removed");
      }
    }
    this.#context.connections.get(connection)?.refresh();
  }

  /** Wraps of an account that has been replaced are of no use to anybody. */
  #wrapped({ connection }: Errand, stored: boolean): void {
    if (!this.#context.connections.has(connection)) return;
    if (stored) this.#context.outgoing.send(connection, { kind: "wrapsStand" });
    else this.#context.end(connection, "auth.removed");
  }

  /** Devices that are off the list are ended, also the one that asked: it may have removed itself. */
  #listed({ connection, user }: Errand, request: Request<"putDevices">, stands: SignedDeviceList | null): void {
    if (stands === null) {
      // Another list than the first one, where there is none; or the account has gone, and whoever asked goes too.
      if (this.#context.connections.has(connection)) this.#context.end(connection, "state.unexpected");
      return;
    }
    const message = { kind: "devices", devices: stands } as const;
    if (this.#context.connections.has(connection)) this.#context.outgoing.send(connection, message);
    const hasChanged =
      equalBytes(stands.list, request.devices.list) && equalBytes(stands.signature, request.devices.signature);
    if (hasChanged) tellOthers(this.#context, { user, connection }, "devices", message);
    const account = knownAccount(request.identityKey, stands);
    for (const { connection: id, peer, standing } of provedBy(this.#context, user)) {
      if (standing.account === null) continue; // what it is about to load is no older
      standing.account = account;
      try {
        peer.refresh();
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        this.#context.end(id, error.code);
      }
    }
  }

  #pinned({ connection, user }: Errand, put: Pin, stands: Pin | null): void {
    if (stands === null) return; // there is no room for more
    const message = { kind: "pinStands", pin: stands } as const;
    if (this.#context.connections.has(connection)) this.#context.outgoing.send(connection, message);
    const hasChanged = stands.version === put.version && equalBytes(stands.sealed, put.sealed);
    if (hasChanged) tellOthers(this.#context, { user, connection }, stands.name, message);
  }

  /** Devices that are connected have been seen now. */
  #shown(user: UserName, account: StoredAccount, nowMs: number): StoredAccount {
    const { online } = this.#context;
    const standings = account.standings.map((entry) => {
      const { device } = entry;
      return online.connectionOf({ user, device }) === null ? entry : { ...entry, seenAt: nowMs };
    });
    return { ...account, standings };
  }
}

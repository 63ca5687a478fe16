/**
 * The server's store in memory, for simulations: the same answers as the real one (test/support/storeSuite.ts), at once.
 * With `snapshot` and `restore` it plays a server whose data come from a backup.
 */
import type { Store } from "../../cmd/server/store/store.ts";
import type { Address, DeviceId } from "../../core/ids.ts";
import { ONE_TIME_PREKEYS, PINS_MAX } from "../../core/limits.ts";
import type { UserName } from "../../core/name.ts";
import type { StoreAnswer, StoredAccount, StoreRequest } from "../../core/peer/store.ts";
import type { AccountKeys, Pin, PinName, SignedDeviceList, SignedPrekey } from "../../core/wire/account.ts";
import { collect, deposit, discard, expire, type KeptMailbox, newMailbox } from "./memoryMailbox.ts";

interface KeptDevice {
  seenAt: number;
  logins: number;
  signed: SignedPrekey | null;
  /** By id, the oldest first. */
  readonly oneTime: Map<number, SignedPrekey>;
  readonly mailbox: KeptMailbox;
}

interface KeptAccount {
  readonly identityKey: Uint8Array;
  readonly identityWrap: Uint8Array;
  recoveryWrap: Uint8Array;
  /** By epoch. */
  readonly accountWraps: Map<number, Uint8Array>;
  devices: { readonly number: number; readonly signed: SignedDeviceList } | null;
  readonly standings: Map<DeviceId, KeptDevice>;
  readonly pins: Map<PinName, Pin>;
}

type Request<Op extends StoreRequest["op"]> = Extract<StoreRequest, { readonly op: Op }>;

/** All that a store holds at one moment. */
export interface StoreSnapshot {
  readonly accounts: ReadonlyMap<UserName, KeptAccount>;
  readonly lastPosition: number;
}

export class MemoryStore implements Store {
  #accounts = new Map<UserName, KeptAccount>();
  /** Of an envelope, whoever got it. */
  #lastPosition = 0;

  run(request: StoreRequest): Promise<StoreAnswer> {
    return Promise.resolve(this.answer(request));
  }

  /** Bytes are copied on their way in and out. */
  answer(request: StoreRequest): StoreAnswer {
    return structuredClone(this.#answer(structuredClone(request)));
  }

  /** What it holds now; later requests leave it alone. */
  snapshot(): StoreSnapshot {
    return { accounts: structuredClone(this.#accounts), lastPosition: this.#lastPosition };
  }

  /** Holds again what it held then. */
  restore(snapshot: StoreSnapshot): void {
    this.#accounts = structuredClone(new Map(snapshot.accounts));
    this.#lastPosition = snapshot.lastPosition;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #answer(request: StoreRequest): StoreAnswer {
    const account = request.op === "expire" ? undefined : this.#accounts.get(request.user);
    switch (request.op) {
      case "load":
        if (account !== undefined) pruneWraps(account, request.epoch);
        return accountAnswer("load", account, request.epoch);
      case "create":
        return this.#create(account, request);
      case "putWraps":
        return { op: "putWraps", stored: putWraps(account, request) };
      case "putDevices":
        putDevices(account, request);
        return { op: "putDevices", devices: account?.devices?.signed ?? null };
      case "putPrekeys":
        return { op: "putPrekeys", oneTimePrekeys: putPrekeys(account?.standings.get(request.device), request) };
      case "takePrekeys":
        return takePrekeys(account?.standings.get(request.device));
      case "putPin":
        return { op: "putPin", pin: putPin(account, request.pin) };
      case "seen":
        noteSeen(account?.standings.get(request.device), request);
        return { op: "seen" };
      case "deposit":
        return deposit(account?.standings.get(request.device)?.mailbox, request, () => ++this.#lastPosition);
      case "collect":
        return collect(account?.standings.get(request.device)?.mailbox, request);
      case "discard":
        return discard(account?.standings.get(request.device)?.mailbox, request);
      case "expire":
        return expire(request, this.#mailboxes());
      case "forget":
        this.#accounts.delete(request.user);
        return { op: "forget" };
    }
  }

  *#mailboxes(): Iterable<readonly [Address, KeptMailbox]> {
    for (const [user, { standings }] of this.#accounts) {
      for (const [device, { mailbox }] of standings) yield [{ user, device }, mailbox];
    }
  }

  #create(found: KeptAccount | undefined, { user, epoch, keys, replaces }: Request<"create">): StoreAnswer {
    const may = replaces === null ? found === undefined : found !== undefined && same(found.identityKey, replaces);
    if (may) this.#accounts.set(user, newAccount(keys, epoch));
    return accountAnswer("create", this.#accounts.get(user), epoch);
  }
}

function newAccount({ identityKey, identityWrap, accountWrap, recoveryWrap }: AccountKeys, epoch: number): KeptAccount {
  const accountWraps = new Map(accountWrap.length === 0 ? [] : [[epoch, accountWrap]]);
  const empty = { devices: null, standings: new Map(), pins: new Map() };
  return { identityKey, identityWrap, recoveryWrap, accountWraps, ...empty };
}

function pruneWraps({ accountWraps }: KeptAccount, epoch: number): void {
  if (!accountWraps.has(epoch)) return;
  for (const earlier of accountWraps.keys()) if (earlier < epoch) accountWraps.delete(earlier);
}

function accountAnswer(op: "load" | "create", found: KeptAccount | undefined, epoch: number): StoreAnswer {
  if (found === undefined) return { op, account: null, pins: [] };
  const { identityKey, identityWrap, recoveryWrap, accountWraps } = found;
  const account: StoredAccount = {
    keys: { identityKey, identityWrap, recoveryWrap, accountWrap: accountWraps.get(epoch) ?? new Uint8Array() },
    devices: found.devices?.signed ?? null,
    standings: Array.from(found.standings, ([device, { seenAt, logins, signed, oneTime }]) => {
      return { device, seenAt, logins, signedPrekey: signed?.id ?? 0, oneTimePrekeys: oneTime.size };
    }),
  };
  return { op, account, pins: [...found.pins.values()] };
}

function putWraps(account: KeptAccount | undefined, request: Request<"putWraps">): boolean {
  const { epoch, identityKey, accountWrap, recoveryWrap } = request;
  if (account === undefined || !same(account.identityKey, identityKey)) return false;
  if (accountWrap.length > 0) account.accountWraps.set(epoch, accountWrap);
  if (recoveryWrap.length > 0) account.recoveryWrap = recoveryWrap;
  return true;
}

function putDevices(account: KeptAccount | undefined, request: Request<"putDevices">): void {
  const { identityKey, number, devices, ids } = request;
  if (account === undefined || !same(account.identityKey, identityKey)) return;
  if ((account.devices?.number ?? 0) !== number - 1) return;
  account.devices = { number, signed: devices };
  for (const device of account.standings.keys()) if (!ids.includes(device)) account.standings.delete(device);
  for (const device of ids) {
    if (account.standings.has(device)) continue;
    account.standings.set(device, { seenAt: 0, logins: 0, signed: null, oneTime: new Map(), mailbox: newMailbox() });
  }
}

/** @returns how many one-time ones there are now */
function putPrekeys(device: KeptDevice | undefined, { signed, oneTime }: Request<"putPrekeys">): number {
  if (device === undefined) return 0;
  if (signed !== null) device.signed = signed;
  for (const prekey of oneTime) {
    device.oneTime.delete(prekey.id); // so that it is the newest
    device.oneTime.set(prekey.id, prekey);
  }
  for (const oldest of [...device.oneTime.keys()].slice(0, -ONE_TIME_PREKEYS)) device.oneTime.delete(oldest);
  return device.oneTime.size;
}

function takePrekeys(device: KeptDevice | undefined): StoreAnswer {
  const op = "takePrekeys";
  if (device?.signed === undefined || device.signed === null) {
    return { op, prekeys: null, oneTimePrekeys: device?.oneTime.size ?? 0 };
  }
  const [oldest] = device.oneTime.values();
  if (oldest !== undefined) device.oneTime.delete(oldest.id);
  return { op, prekeys: { signed: device.signed, oneTime: oldest ?? null }, oneTimePrekeys: device.oneTime.size };
}

/** @returns the pin of that name as it is now */
function putPin(account: KeptAccount | undefined, pin: Pin): Pin | null {
  if (account === undefined) return null;
  const found = account.pins.get(pin.name) ?? null;
  if ((found?.version ?? 0) !== pin.version - 1) return found;
  if (found === null && account.pins.size >= PINS_MAX) return null;
  account.pins.set(pin.name, pin);
  return pin;
}

function noteSeen(device: KeptDevice | undefined, { atMs, logins }: Request<"seen">): void {
  if (device === undefined) return;
  device.seenAt = atMs;
  if (logins !== null) device.logins = logins;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b);
}

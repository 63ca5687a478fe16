/**
 * The keys of one device: what its tickets are sealed to, what its agreements are made with, and its prekeys (PROTOCOL
 * §7.3). Their private halves are saved before the server hears of the public ones, and go when they are used or too old.
 */
import type { CryptoProvider, DhPrivateKey, SignPrivateKey } from "../crypto/provider.ts";
import type { Owner } from "../e2ee/owner.ts";
import { drawPrekey, PrekeyPair, signPrekey, wipePrekey } from "../e2ee/prekey.ts";
import type { Env } from "../env.ts";
import type { DeviceId } from "../ids.ts";
import {
  LOGINS_MAX,
  ONE_TIME_PREKEYS,
  ONE_TIME_PREKEYS_KEPT,
  PREKEYS_PER_MESSAGE,
  SIGNED_PREKEY_MS,
} from "../limits.ts";
import { Secret, wipe } from "../secret.ts";
import type { Device, DeviceStanding } from "../wire/account.ts";
import { constant, type Infer, secret, struct, time, uint } from "../wire/codec.ts";
import type { ClientMessage } from "../wire/messages.ts";
import { decodeEntry, type SavedState } from "./savedState.ts";

type PutPrekeys = Extract<ClientMessage, { kind: "putPrekeys" }>;

const SavedDevice = struct({
  version: constant(1),
  ticketSecret: secret(32),
  agreementSecret: secret(32),
  addedAt: time,
  temporary: uint(1, 1),
  /** Sessions that this device has begun. */
  logins: uint(4),
  nextPrekey: uint(4),
  /** 0 before there is one. */
  signedPrekey: uint(4),
  signedMadeAt: time,
});
type SavedDevice = Infer<typeof SavedDevice>;

const SavedPrekey = struct({ version: constant(1), oneTime: uint(1, 1), pair: PrekeyPair });

const DEVICE_ENTRY = "device";
const PREKEY_PREFIX = "prekey/";

export class DeviceKeys implements Disposable {
  readonly id: DeviceId;
  readonly ticketKey: DhPrivateKey;
  readonly #agreementPublic: Uint8Array;
  #saved: SavedDevice;
  readonly #prekeys = new Map<number, { readonly oneTime: boolean; readonly pair: PrekeyPair }>();

  private constructor(crypto: CryptoProvider, id: DeviceId, saved: SavedDevice) {
    this.id = id;
    this.#saved = saved;
    this.ticketKey = saved.ticketSecret.use((bytes) => crypto.dhKey(bytes));
    using agreement = saved.agreementSecret.use((bytes) => crypto.dhKey(bytes));
    this.#agreementPublic = agreement.publicKey;
  }

  /** A new device. */
  static draw(env: Env, id: DeviceId, temporary: boolean): DeviceKeys {
    const [ticketSecret, agreementSecret] = [Secret.take(env.randomBytes(32)), Secret.take(env.randomBytes(32))];
    return new DeviceKeys(env.crypto, id, {
      ...{ version: 1, ticketSecret, agreementSecret, addedAt: env.nowMs(), temporary: temporary ? 1 : 0 },
      ...{ logins: 0, nextPrekey: 1, signedPrekey: 0, signedMadeAt: 0 },
    });
  }

  /** The device that was saved in these entries, of all that there are. @throws state.damaged */
  static restore(crypto: CryptoProvider, id: DeviceId, entries: ReadonlyMap<string, Uint8Array>): DeviceKeys {
    const keys = new DeviceKeys(crypto, id, decodeEntry(SavedDevice, entries.get(DEVICE_ENTRY) ?? new Uint8Array(0)));
    try {
      for (const [name, bytes] of entries) {
        if (!name.startsWith(PREKEY_PREFIX)) continue;
        const { oneTime, pair } = decodeEntry(SavedPrekey, bytes);
        keys.#prekeys.set(pair.id, { oneTime: oneTime === 1, pair });
      }
      return keys;
    } catch (error) {
      wipe(keys);
      throw error;
    }
  }

  get logins(): number {
    return this.#saved.logins;
  }

  get signedPrekey(): number {
    return this.#saved.signedPrekey;
  }

  /** It is time for another signed prekey; also when the clock stood later when the last one was made. */
  signedPrekeyIsOld(nowMs: number): boolean {
    const { signedMadeAt } = this.#saved;
    return nowMs - signedMadeAt >= SIGNED_PREKEY_MS || signedMadeAt > nowMs;
  }

  /** X25519; lent. */
  get agreementSecret(): Secret {
    return this.#saved.agreementSecret;
  }

  get temporary(): boolean {
    return this.#saved.temporary === 1;
  }

  /** As it stands in the user's list. */
  get entry(): Device {
    const { addedAt, temporary } = this.#saved;
    const { publicKey: ticketKey } = this.ticketKey;
    return { device: this.id, ticketKey, agreementKey: this.#agreementPublic, addedAt, temporary };
  }

  /** One more session is about to begin. The count ends at `LOGINS_MAX`. */
  countLogin(state: SavedState, logins: number): void {
    this.#saved = { ...this.#saved, logins: Math.min(logins, LOGINS_MAX) };
    this.save(state);
  }

  save(state: SavedState): void {
    state.put(DEVICE_ENTRY, SavedDevice, this.#saved);
  }

  /**
   * Makes the prekeys that are missing at the server: a signed one when there is none, another one or an old one, and
   * one-time ones, all of them with an old signed one, as they are as old. What is returned may be sent once `state` is on
   * disk.
   */
  replenish(
    env: Env,
    state: SavedState,
    signer: { readonly owner: Owner; readonly identity: SignPrivateKey },
    standing: Pick<DeviceStanding, "signedPrekey" | "oneTimePrekeys">,
  ): readonly PutPrekeys[] {
    const sign = (pair: PrekeyPair, kind: "signed" | "oneTime") =>
      signPrekey(env.crypto, signer.identity, { ...signer.owner, device: this.id, kind }, pair);
    const { signedPrekey } = this.#saved;
    const old = this.signedPrekeyIsOld(env.nowMs());
    const renew = old || standing.signedPrekey !== signedPrekey || !this.#prekeys.has(signedPrekey);
    const signed = renew ? this.#draw(env, state, false) : null;
    if (signed !== null) this.#saved = { ...this.#saved, signedPrekey: signed.id, signedMadeAt: env.nowMs() };
    const oneTime: PrekeyPair[] = [];
    for (let have = old ? 0 : standing.oneTimePrekeys; have < ONE_TIME_PREKEYS; have += 1) {
      oneTime.push(this.#draw(env, state, true));
    }
    if (signed === null && oneTime.length === 0) return [];
    this.#forgetTaken(state);
    this.save(state);
    const messages: PutPrekeys[] = [];
    for (let at = 0; at === 0 || at < oneTime.length; at += PREKEYS_PER_MESSAGE) {
      messages.push({
        kind: "putPrekeys",
        device: this.id,
        signed: at === 0 && signed !== null ? sign(signed, "signed") : null,
        oneTime: oneTime.slice(at, at + PREKEYS_PER_MESSAGE).map((pair) => sign(pair, "oneTime")),
      });
    }
    return messages;
  }

  /** The private half of a prekey; null when it has been used, is too old, or was never there. Lent. */
  prekey(id: number, kind: "signed" | "oneTime"): PrekeyPair | null {
    const found = this.#prekeys.get(id);
    return found !== undefined && found.oneTime === (kind === "oneTime") ? found.pair : null;
  }

  /** Deletes a prekey that has been used, or is too old. */
  forgetPrekey(state: SavedState, id: number): void {
    const found = this.#prekeys.get(id);
    if (found === undefined) return;
    this.#prekeys.delete(id);
    wipePrekey(found.pair);
    state.delete(`${PREKEY_PREFIX}${id}`);
  }

  /** Deletes those that are past their time. */
  forgetOldPrekeys(state: SavedState, nowMs: number): void {
    for (const [id, { pair }] of this.#prekeys) if (pair.expiresAt <= nowMs) this.forgetPrekey(state, id);
  }

  /** Deletes the oldest one-time prekeys above `ONE_TIME_PREKEYS_KEPT`. */
  #forgetTaken(state: SavedState): void {
    const ids = [...this.#prekeys].flatMap(([id, { oneTime }]) => (oneTime ? [id] : [])).sort((a, b) => a - b);
    for (const id of ids.slice(0, -ONE_TIME_PREKEYS_KEPT)) this.forgetPrekey(state, id);
  }

  #draw(env: Env, state: SavedState, oneTime: boolean): PrekeyPair {
    const { nextPrekey } = this.#saved;
    const pair = drawPrekey(env, nextPrekey);
    this.#saved = { ...this.#saved, nextPrekey: nextPrekey + 1 };
    this.#prekeys.set(pair.id, { oneTime, pair });
    state.put(`${PREKEY_PREFIX}${pair.id}`, SavedPrekey, { version: 1, oneTime: oneTime ? 1 : 0, pair });
    return pair;
  }

  [Symbol.dispose](): void {
    wipe(this.ticketKey, this.#saved.ticketSecret, this.#saved.agreementSecret);
    for (const { pair } of this.#prekeys.values()) wipePrekey(pair);
    this.#prekeys.clear();
  }
}

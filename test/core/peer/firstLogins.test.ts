/** Two devices that log in first at the same time, and a server that says wrong times of those that are there. */
import { expect, test } from "bun:test";
import { verifyDeviceList } from "../../../core/e2ee/deviceList.ts";
import type { Owner } from "../../../core/e2ee/owner.ts";
import { DEVICE_UNSEEN_MS } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { AccountLogin } from "../../../core/peer/accountLogin.ts";
import { Secret } from "../../../core/secret.ts";
import type { AccountKeys, SignedDeviceList } from "../../../core/wire/account.ts";
import type { ClientMessage } from "../../../core/wire/messages.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";

const env = fixedEnv("first logins", quickCrypto);
const owner: Owner = { realm: new Uint8Array(32).fill(9), user: parseUserName("alice") };

class FirstLogin implements Disposable {
  readonly #login = new AccountLogin(env, {
    ...{ owner, exportKey: Secret.take(new Uint8Array(64).fill(5)), stored: null },
    ...{ interactive: true, temporary: false, attach: true },
  });
  readonly notices: string[] = [];
  readonly #frames: ClientMessage[] = [];

  /** The server shows the account, as it is by then. */
  shown(keys: AccountKeys | null, devices: SignedDeviceList | null = null, nowMs = env.nowMs()): this {
    const account = keys && { keys, devices, standings: [] };
    this.#login.receive({ kind: "account", initial: 0, nowMs, account });
    const { notices, frames } = this.#login.takeOutput();
    this.notices.push(...notices.map(({ kind }) => kind));
    this.#frames.push(...frames);
    return this;
  }

  get made(): AccountKeys {
    for (const frame of this.#frames) if (frame.kind === "createAccount") return frame.keys;
    throw new Error("no account was made");
  }

  get listed(): SignedDeviceList {
    for (const frame of this.#frames) if (frame.kind === "putDevices") return frame.devices;
    throw new Error("no devices were listed");
  }

  [Symbol.dispose](): void {
    this.#login[Symbol.dispose]();
  }
}

test("of two the one whose account counts shows a recovery code, when it counts; the other shows none", () => {
  using first = new FirstLogin();
  using second = new FirstLogin();
  for (const login of [first, second]) expect(login.shown(null).notices).toEqual([]);
  const { made } = first;
  expect(first.shown(made).notices).toEqual(["recoveryCode", "opened"]);
  expect(second.shown(made).notices).toEqual(["opened"]);
});

test("a server whose clock is ahead has no device taken off the list that this device's clock does not", () => {
  using first = new FirstLogin();
  const { made, listed } = first.shown(null).shown(first.made);
  const countOf = (nowMs: number): number => {
    using next = new FirstLogin();
    const { listed: signed } = next.shown(made, listed, nowMs);
    return verifyDeviceList(quickCrypto, made.identityKey, owner, signed).devices.length;
  };
  expect(countOf(env.nowMs() + DEVICE_UNSEEN_MS)).toBe(2);
  env.now += DEVICE_UNSEEN_MS;
  expect(countOf(env.nowMs() - 1)).toBe(2);
  expect(countOf(env.nowMs())).toBe(1);
});

/** A device knows how new its user's list of devices was: the server cannot bring back one that was removed. */
import { expect, test } from "bun:test";
import type { Owner } from "../../../core/e2ee/owner.ts";
import { parseUserName } from "../../../core/name.ts";
import { AccountLogin } from "../../../core/peer/accountLogin.ts";
import type { Output, StateHeader, StoredState } from "../../../core/peer/savedState.ts";
import { Secret } from "../../../core/secret.ts";
import type { AccountKeys, SignedDeviceList } from "../../../core/wire/account.ts";
import type { ClientMessage, ServerMessage } from "../../../core/wire/messages.ts";
import { failure } from "../../support/codes.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";

const env = fixedEnv("own devices", quickCrypto);
const owner: Owner = { realm: new Uint8Array(32).fill(9), user: parseUserName("alice") };

/** One device, over several logins. */
class Machine {
  readonly #entries = new Map<string, Uint8Array>();
  #header: StateHeader | null = null;
  #frames: ClientMessage[] = [];

  /** Up to the moment at which it may attach. The server shows `keys` and `devices`, and takes what it is sent. */
  login(keys: AccountKeys | null, devices: SignedDeviceList | null): { keys: AccountKeys; devices: SignedDeviceList } {
    const stored: StoredState | null =
      this.#header === null ? null : { header: this.#header, entries: new Map(this.#entries) };
    const exportKey = Secret.take(new Uint8Array(64).fill(5));
    const how = { interactive: false, temporary: false, attach: true };
    using login = new AccountLogin(env, { owner, exportKey, stored, ...how });
    const hear = (message: ServerMessage): void => {
      login.receive(message);
      this.#keep(login.takeOutput());
    };
    this.#frames = [];
    let [known, list] = [keys, devices];
    const tell = (): void =>
      hear({
        ...{ kind: "account", initial: 0, nowMs: env.nowMs() },
        account: known && { keys: known, devices: list, standings: [] },
      });
    tell();
    const created = this.#sent("createAccount");
    if (created !== null) {
      known = created.keys;
      tell();
    }
    const put = this.#sent("putDevices");
    if (put !== null) {
      list = put.devices;
      hear({ kind: "devices", devices: list });
    }
    const enlisted = login.takeEnlisted();
    if (known === null || list === null || enlisted === null) throw new Error("the login did not end");
    using _account = enlisted.account;
    using _device = enlisted.device;
    using _state = enlisted.state;
    return { keys: known, devices: list };
  }

  #sent<K extends ClientMessage["kind"]>(kind: K): Extract<ClientMessage, { kind: K }> | null {
    const found = this.#frames.findLast((frame): frame is Extract<ClientMessage, { kind: K }> => frame.kind === kind);
    return found ?? null;
  }

  #keep({ header, writes, frames }: Output): void {
    this.#header ??= header;
    for (const [name, value] of writes) {
      if (value === null) this.#entries.delete(name);
      else this.#entries.set(name, value);
    }
    this.#frames.push(...frames);
  }
}

test("an older list than the last one, or none, ends the login with e2ee.devices; the last one does not", () => {
  const [home, work] = [new Machine(), new Machine()];
  const first = home.login(null, null);
  const second = work.login(first.keys, first.devices);
  expect(second.devices.list).not.toEqual(first.devices.list);
  home.login(second.keys, second.devices);
  expect(failure(() => home.login(second.keys, first.devices)).code).toBe("e2ee.devices");
  expect(failure(() => home.login(second.keys, null)).code).toBe("e2ee.devices");
  expect(home.login(second.keys, second.devices)).toEqual(second);
});

test("a machine that was not there before cannot know", () => {
  const [home, work] = [new Machine(), new Machine()];
  const first = home.login(null, null);
  const second = work.login(first.keys, first.devices);
  const third = new Machine().login(second.keys, first.devices);
  expect(third.devices.list).not.toEqual(second.devices.list);
});

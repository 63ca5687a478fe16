/** A device whose state is an older copy of itself hands in new prekeys: it may lack the private halves of all that are out. */
import { expect, test } from "bun:test";
import type { Owner } from "../../../core/e2ee/owner.ts";
import type { DeviceId } from "../../../core/ids.ts";
import { LOGINS_MAX, ONE_TIME_PREKEYS } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { AccountLogin } from "../../../core/peer/accountLogin.ts";
import type { Output, StateHeader, StoredState } from "../../../core/peer/savedState.ts";
import { Secret } from "../../../core/secret.ts";
import type { AccountKeys, DeviceStanding, SignedDeviceList } from "../../../core/wire/account.ts";
import type { ClientMessage, ServerMessage } from "../../../core/wire/messages.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";

type MessageOf<K extends ClientMessage["kind"]> = Extract<ClientMessage, { kind: K }>;

const env = fixedEnv("restored state", quickCrypto);
const owner: Owner = { realm: new Uint8Array(32).fill(9), user: parseUserName("alice") };

/** Up to the moment at which it may attach: what was said, what there is to save, and whether it knows that it is a copy. */
function login(stored: StoredState | null, hear: (frames: readonly ClientMessage[]) => ServerMessage | null) {
  const exportKey = Secret.take(new Uint8Array(64).fill(5));
  using opening = new AccountLogin(env, {
    owner,
    exportKey,
    stored,
    interactive: false,
    temporary: false,
    attach: true,
  });
  const frames: ClientMessage[] = [];
  const entries = new Map(stored?.entries);
  let header: StateHeader | null = stored?.header ?? null;
  /** As it was saved after each step. */
  const states: StoredState[] = [];
  const keep = ({ header: made, writes, frames: said }: Output): void => {
    header ??= made;
    for (const [name, value] of writes) value === null ? entries.delete(name) : entries.set(name, value);
    frames.push(...said);
    if (header !== null) states.push({ header, entries: new Map(entries) });
  };
  for (let next = hear([]); next !== null; next = hear(frames)) {
    opening.receive(next);
    keep(opening.takeOutput());
  }
  const enlisted = opening.takeEnlisted();
  if (enlisted === null || header === null) throw new Error("the login did not end");
  using _account = enlisted.account;
  using _device = enlisted.device;
  using _state = enlisted.state;
  return { frames, states, restored: enlisted.restored, state: { header, entries } satisfies StoredState };
}

function sent<K extends ClientMessage["kind"]>(frames: readonly ClientMessage[], kind: K): readonly MessageOf<K>[] {
  return frames.filter((frame): frame is MessageOf<K> => frame.kind === kind);
}

function accountOf(keys: AccountKeys | null, devices: SignedDeviceList | null, standings: readonly DeviceStanding[]) {
  const account = keys && { keys, devices, standings };
  return { kind: "account", initial: 0, nowMs: env.nowMs(), account } as const;
}

/** The first login of the account: it is made, and its device listed. */
function firstLogin() {
  const answers: ((frames: readonly ClientMessage[]) => ServerMessage)[] = [
    () => accountOf(null, null, []),
    (frames) => accountOf(sent(frames, "createAccount")[0]?.keys ?? null, null, []),
    (frames) => {
      const devices = sent(frames, "putDevices")[0]?.devices;
      if (devices === undefined) throw new Error("no list of devices");
      return { kind: "devices", devices };
    },
  ];
  const made = login(null, (frames) => answers.shift()?.(frames) ?? null);
  const keys = sent(made.frames, "createAccount")[0]?.keys ?? null;
  const devices = sent(made.frames, "putDevices")[0]?.devices ?? null;
  const signedPrekey = sent(made.frames, "putPrekeys")[0]?.signed?.id ?? 0;
  return { ...made, keys, devices, signedPrekey };
}

const first = firstLogin();
const device: DeviceId = first.state.header.device;

/** The device comes back with its first state; the server has seen so many sessions of it. */
function comeBack(logins: number) {
  const { signedPrekey } = first;
  const standing = { device, seenAt: env.nowMs(), logins, signedPrekey, oneTimePrekeys: ONE_TIME_PREKEYS };
  const answers = [accountOf(first.keys, first.devices, [standing])];
  const { frames, restored } = login(first.state, () => answers.shift() ?? null);
  const put = sent(frames, "putPrekeys");
  const oneTime = put.flatMap((message) => message.oneTime).length;
  return {
    restored,
    signed: put.some(({ signed }) => signed !== null),
    oneTime,
    logins: sent(frames, "attach")[0]?.logins,
  };
}

test("a state that the server has seen nothing newer of keeps the prekeys that are out", () => {
  expect(comeBack(1)).toEqual({ restored: false, signed: false, oneTime: 0, logins: 2 });
});

test("an older one replaces them all, and counts on from what the server has seen", () => {
  expect(comeBack(7)).toEqual({ restored: true, signed: true, oneTime: ONE_TIME_PREKEYS, logins: 8 });
});

test("the count ends where it cannot be written any more, whatever a server has said, and every state is a copy then", () => {
  for (const said of [LOGINS_MAX - 1, LOGINS_MAX])
    expect(comeBack(said)).toMatchObject({ restored: true, logins: LOGINS_MAX });
  const signed = { signedPrekey: first.signedPrekey, oneTimePrekeys: ONE_TIME_PREKEYS };
  const standing = { device, seenAt: env.nowMs(), logins: LOGINS_MAX, ...signed };
  const answers = () => [accountOf(first.keys, first.devices, [standing])];
  const [once, again] = [answers(), answers()];
  const counted = login(first.state, () => once.shift() ?? null).state;
  const after = login(counted, () => again.shift() ?? null);
  expect(after.restored).toBe(true);
  expect(sent(after.frames, "attach")[0]?.logins).toBe(LOGINS_MAX);
});

test("a device whose first login was cut off before it was listed comes back as itself", () => {
  const [cut] = first.states;
  if (cut === undefined) throw new Error("nothing was saved before the list");
  const again = (state: StoredState) => {
    const answers: ((frames: readonly ClientMessage[]) => ServerMessage)[] = [
      () => accountOf(first.keys, null, []),
      (frames) => {
        const devices = sent(frames, "putDevices")[0]?.devices;
        if (devices === undefined) throw new Error("no list of devices");
        return { kind: "devices", devices };
      },
    ];
    return login(state, (frames) => answers.shift()?.(frames) ?? null);
  };
  const { frames, state, restored } = again(cut);
  expect(sent(frames, "attach")).toMatchObject([{ device, logins: 1 }]);
  expect(sent(frames, "putPrekeys").flatMap(({ oneTime }) => oneTime)).toHaveLength(ONE_TIME_PREKEYS);
  expect([state.header.device, restored]).toEqual([device, false]);
});

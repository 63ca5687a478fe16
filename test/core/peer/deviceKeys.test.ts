/** A client that stays for weeks makes new prekeys in time, and deletes what is past its own. */
import { beforeEach, expect, test } from "bun:test";
import { ONE_TIME_PREKEYS, PREKEY_LIFETIME_MS, SIGNED_PREKEY_MS } from "../../../core/limits.ts";
import type { ClientMessage } from "../../../core/wire/messages.ts";
import { Kdc, Party, presence } from "../../support/parties.ts";

type PutPrekeys = Extract<ClientMessage, { kind: "putPrekeys" }>;

let kdc: Kdc;
let alice: Party;
beforeEach(() => {
  kdc = new Kdc();
  alice = new Party(kdc, "alice", "a").hear({ kind: "attached", name: "Alice" });
  alice.take();
});

/** What she hands in when she hears of anything, `afterMs` later. */
function handedIn(afterMs: number): readonly PutPrekeys[] {
  kdc.env.now += afterMs;
  alice.hear(presence("Bob", "b"));
  return alice.take().filter((frame): frame is PutPrekeys => frame.kind === "putPrekeys");
}

const idsOf = (messages: readonly PutPrekeys[]) => ({
  signed: messages.flatMap(({ signed }) => (signed === null ? [] : [signed.id])),
  oneTime: messages.flatMap(({ oneTime }) => oneTime.map(({ id }) => id)),
});

test("after a week, another signed prekey and as many one-time ones as the server keeps; once", () => {
  const { signedPrekey } = alice.local.device;
  expect(handedIn(SIGNED_PREKEY_MS - 1)).toEqual([]);
  const { signed, oneTime } = idsOf(handedIn(1));
  expect(signed).toEqual([alice.local.device.signedPrekey]);
  expect(signed[0]).toBeGreaterThan(signedPrekey);
  expect(new Set(oneTime).size).toBe(ONE_TIME_PREKEYS);
  expect(handedIn(0)).toEqual([]);
  expect(alice.local.device.prekey(signedPrekey, "signed")).not.toBeNull();
});

test("also when the clock has been set back behind the last one", () => {
  expect(idsOf(handedIn(-1)).signed).toHaveLength(1);
});

test("private halves that are past their time go with the next signed prekey, from the state too", () => {
  const { device } = alice.local;
  const first = device.signedPrekey;
  const weekly = idsOf(handedIn(SIGNED_PREKEY_MS));
  const last = weekly.oneTime.at(-1) ?? 0;
  handedIn(PREKEY_LIFETIME_MS - SIGNED_PREKEY_MS);
  expect(device.prekey(first, "signed")).toBeNull();
  expect(device.prekey(weekly.signed[0] ?? 0, "signed")).not.toBeNull();
  expect(device.prekey(last, "oneTime")).not.toBeNull();
  const before = alice.saved.size;
  handedIn(SIGNED_PREKEY_MS);
  expect(device.prekey(last, "oneTime")).toBeNull();
  expect(alice.saved.size).toBe(before);
});

import { beforeEach, describe, expect, test } from "bun:test";
import { type Ratchet, type RatchetMessage, secretsOf } from "../../../core/e2ee/ratchet.ts";
import { MESSAGE_NUMBER_MAX, SKIP_MAX, SKIPPED_MAX } from "../../../core/limits.ts";
import { codeOr } from "../../support/codes.ts";
import { at, expectRefused, many, pairOf, type Side } from "../../support/ratchetSides.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

let alice: Side;
let bob: Side;
beforeEach(() => {
  ({ alice, bob } = pairOf());
});

describe("limits", () => {
  test("of messages passed over in one chain, exactly", () => {
    const sent = many(alice, SKIP_MAX + 2);
    expectRefused(bob, at(sent, SKIP_MAX + 1), ["e2ee.gap"]);
    expect(bob.open(at(sent, SKIP_MAX))).toBe(`message ${SKIP_MAX}`);
    expect(bob.ratchet.skipped.length).toBe(SKIP_MAX);
    expect(bob.open(at(sent, 0))).toBe("message 0");
    expect(bob.open(at(sent, SKIP_MAX + 1))).toBe(`message ${SKIP_MAX + 1}`);
    expect(bob.open(at(sent, SKIP_MAX - 1))).toBe(`message ${SKIP_MAX - 1}`);
    expectRefused(bob, at(sent, 0), ["e2ee.replay"]);
    expect(bob.ratchet.skipped.length).toBe(SKIP_MAX - 2);
  });

  test.each([0, 1])("of messages left over at the end of a chain, exactly (and %p)", (over) => {
    const sent = many(alice, SKIP_MAX + 1 + over);
    expect(bob.open(at(sent, 0))).toBe("message 0");
    expect(alice.open(bob.seal("answer"))).toBe("answer");
    const turned = alice.seal("turned");
    if (over > 0) return expectRefused(bob, turned, ["e2ee.gap"]);
    expect(bob.open(turned)).toBe("turned");
    expect(bob.open(at(sent, -1))).toBe(`message ${SKIP_MAX}`);
  });

  test("of keys that are kept: the oldest go, and are wiped", () => {
    const lost: RatchetMessage[] = [];
    const [chains, each] = [3, SKIP_MAX];
    using watch = new SecretWatch();
    for (let chain = 0; chain < chains; chain += 1) {
      lost.push(...many(alice, each));
      const last = alice.seal("seen");
      expect(bob.open(last)).toBe("seen");
      expect(alice.open(bob.seal("answer"))).toBe("answer");
    }
    expect(bob.ratchet.skipped.length).toBe(SKIPPED_MAX);
    const gone = chains * each - SKIPPED_MAX;
    const [left, right] = [secretsOf(alice.ratchet), secretsOf(bob.ratchet)];
    expect(watch.alive().filter((secret) => !left.includes(secret) && !right.includes(secret))).toEqual([]);
    for (const index of [0, gone - 1]) expectRefused(bob, at(lost, index), ["e2ee.invalid", "e2ee.gap"]);
    for (const index of [gone, gone + 1, -1]) expect(bob.open(at(lost, index))).toStartWith("message ");
    expect(bob.ratchet.skipped.length).toBe(SKIPPED_MAX - 3);
  });

  test("of numbers: the last is sealed, then the chain is exhausted; a higher one is a gap", () => {
    const ahead = (chain: Ratchet["sending"]) => (chain === null ? null : { ...chain, number: MESSAGE_NUMBER_MAX });
    expect(bob.open(alice.seal("first"))).toBe("first");
    alice.ratchet = { ...alice.ratchet, sending: ahead(alice.ratchet.sending) };
    bob.ratchet = { ...bob.ratchet, receiving: ahead(bob.ratchet.receiving) };
    const last = alice.seal("last");
    expect(last.header.number).toBe(MESSAGE_NUMBER_MAX);
    expectRefused(bob, { ...last, header: { ...last.header, number: MESSAGE_NUMBER_MAX + 1 } }, ["e2ee.gap"]);
    expect(bob.open(last)).toBe("last");
    using watch = new SecretWatch();
    expect<unknown>(codeOr(() => alice.seal())).toBe("channel.exhausted");
    expect(watch.alive()).toEqual([]);
  });
});

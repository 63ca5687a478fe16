import { expect, test } from "bun:test";
import { nativeCrypto } from "../../core/crypto/native.ts";
import { addressKey, newConversationId, newDeviceId, newMessageId, sameAddress } from "../../core/ids.ts";
import { fixedEnv } from "../support/fixedEnv.ts";
import { address } from "../support/parties.ts";

test.each([
  ["device", newDeviceId, 16],
  ["conversation", newConversationId, 32],
  ["message", newMessageId, 32],
] as const)("a new %s id is lower-case hexadecimal, another each time", (_, make, length) => {
  const env = fixedEnv("ids", nativeCrypto);
  const ids = Array.from({ length: 50 }, () => make(env));
  expect(new Set(ids).size).toBe(50);
  for (const id of ids) expect(id).toMatch(new RegExp(`^[0-9a-f]{${length}}$`));
});

test("addresses are the same when both parts are, and so are their keys", () => {
  const all = [address("alice", "a"), address("alice", "b"), address("bob", "a"), address("bob", "b")];
  for (const one of all) {
    for (const two of all) {
      expect(sameAddress(one, { ...two })).toBe(one === two);
      expect(addressKey(one) === addressKey({ ...two })).toBe(one === two);
    }
  }
});

/** The two sides of a Double Ratchet, driven as a client drives them. */
import { expect } from "bun:test";
import { concat, utf8 } from "../../core/bytes.ts";
import {
  openMessage,
  type Ratchet,
  type RatchetHeader,
  type RatchetMessage,
  sealMessage,
  startReceiver,
  startSender,
} from "../../core/e2ee/ratchet.ts";
import { wipe } from "../../core/secret.ts";
import { snapshot } from "./agreeing.ts";
import { codeOr } from "./codes.ts";
import { fakeCrypto } from "./fakeCrypto.ts";
import { fixedEnv } from "./fixedEnv.ts";
import { keyOf } from "./owners.ts";
import { messageId } from "./parties.ts";
import { SecretWatch } from "./secretWatch.ts";

export const env = fixedEnv("ratchet", fakeCrypto);
export const prekey = keyOf(4);
export const prekeyPublic = (crypto = env.crypto) => prekey.use((bytes) => crypto.dhKey(bytes)).publicKey;
/** As PROTOCOL would have it: the header, and something else. */
export const dataOf = ({ ratchetKey, previous, number }: RatchetHeader): Uint8Array =>
  concat(utf8(`data ${previous} ${number} `), ratchetKey);

/** One side, whose steps are kept and whose spent secrets are wiped, as a driver does. */
export class Side {
  ratchet: Ratchet;
  readonly env: typeof env;
  /** How many messages there have been: each has its own id, and a text that says which it is. */
  static sent = 0;

  constructor(ratchet: Ratchet, by = env) {
    this.ratchet = ratchet;
    this.env = by;
  }

  seal(text = `message ${Side.sent}`): RatchetMessage {
    const id = messageId(Side.sent);
    const step = sealMessage(this.env.crypto, this.ratchet, { id, plaintext: utf8(text) }, dataOf);
    Side.sent += 1;
    this.ratchet = step.next;
    wipe(...step.spent);
    const { header, sealed } = step;
    return { id, header, associatedData: dataOf(header), sealed };
  }

  /** The text, or a code. */
  open(message: RatchetMessage): string {
    return codeOr(() => {
      const step = openMessage(this.env, this.ratchet, message);
      this.ratchet = step.next;
      wipe(...step.spent);
      return new TextDecoder().decode(step.plaintext);
    });
  }
}

export function pairOf(by = env): { alice: Side; bob: Side } {
  Side.sent = 0;
  const alice = startSender(by, keyOf(1), prekeyPublic(by.crypto));
  return { alice: new Side(alice, by), bob: new Side(startReceiver(keyOf(1), prekey), by) };
}

/** As many messages of `from` in one chain. */
export const many = (from: Side, count: number): RatchetMessage[] => Array.from({ length: count }, () => from.seal());
export const at = (messages: readonly RatchetMessage[], index: number): RatchetMessage => {
  const message = messages.at(index);
  if (message === undefined) throw new Error("no such message");
  return message;
};

/** It is refused with one of `codes`, changes nothing and leaves nothing behind. */
export function expectRefused(to: Side, message: RatchetMessage, codes: readonly string[]): void {
  const before = snapshot(to.ratchet);
  using watch = new SecretWatch();
  expect(codes).toContain(to.open(message));
  expect(watch.alive()).toEqual([]);
  expect(snapshot(to.ratchet)).toBe(before);
}

/**
 * Handshake patterns as data (Noise rev 34 §7), written line by line as it writes them. A name ending
 * in `hfs` has the tokens `e1` and `ekem1` of "KEM-based Hybrid Forward Secrecy for Noise", revision 1 of 2018-11-17,
 * in the places that its §5 gives them.
 */
import { DH_BYTES, KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_BYTES, TAG_BYTES } from "../crypto/provider.ts";
import type { NoiseSuite } from "./suite.ts";

export type Role = "initiator" | "responder";
export type Token = "e" | "s" | "ee" | "es" | "se" | "ss" | "e1" | "ekem1";
/** `->` is sent by the initiator, `<-` by the responder. */
type Arrow = "->" | "<-";

export interface HandshakePattern {
  readonly name: string;
  /** Static keys that the other side knows beforehand; the initiator's first. */
  readonly preMessages: readonly (readonly [Arrow, "s"])[];
  readonly messages: readonly (readonly [Arrow, ...Token[]])[];
}

/**
 * Interactive; the initiator, who stays anonymous, knows the responder's static key. Not in use: there are public
 * vectors for it, and none for NKhfs, which is made from it.
 */
export const NK: HandshakePattern = {
  name: "NK",
  preMessages: [["<-", "s"]],
  messages: [
    ["->", "e", "es"],
    ["<-", "e", "ee"],
  ],
};

/** NK with an ephemeral ML-KEM exchange, against somebody who records now and computes later: the channel. */
export const NKhfs: HandshakePattern = {
  name: "NKhfs",
  preMessages: [["<-", "s"]],
  messages: [
    ["->", "e", "es", "e1"],
    ["<-", "e", "ee", "ekem1"],
  ],
};

/** One-way; both static keys are known beforehand: the ticket. */
export const K: HandshakePattern = {
  name: "K",
  preMessages: [
    ["->", "s"],
    ["<-", "s"],
  ],
  messages: [["->", "e", "es", "ss"]],
};

/** Who sends a line with this arrow. */
export function sender(arrow: Arrow): Role {
  return arrow === "->" ? "initiator" : "responder";
}

/** Whether `role` sends `token` in some message of `pattern`. */
export function sends(pattern: HandshakePattern, role: Role, token: Token): boolean {
  return pattern.messages.some(([arrow, ...tokens]) => sender(arrow) === role && tokens.includes(token));
}

/** Whether the static key of `role` is a pre-message of `pattern`. */
export function isKnown(pattern: HandshakePattern, role: Role): boolean {
  return pattern.preMessages.some(([arrow]) => sender(arrow) === role);
}

/** For example `Noise_NKhfs_25519+MLKEM768_AESGCM_SHA256` (§8; the KEM follows a plus sign, hfs §5). */
export function protocolName(pattern: HandshakePattern, suite: NoiseSuite): string {
  const hybrid = sends(pattern, "initiator", "e1") || sends(pattern, "responder", "e1");
  const dh = hybrid ? `${suite.dhName}+${suite.kemName}` : suite.dhName;
  return `Noise_${pattern.name}_${dh}_${suite.cipherName}_${suite.hashName}`;
}

/** Length in bytes of message `index` (from 0) of `pattern` with a payload of `payloadBytes`. */
export function messageBytes(pattern: HandshakePattern, index: number, payloadBytes: number): number {
  let tagBytes = 0;
  let total = 0;
  for (const [at, [, ...tokens]] of pattern.messages.slice(0, index + 1).entries()) {
    total = at === index ? payloadBytes : 0;
    for (const token of tokens) {
      if (token === "e") total += DH_BYTES;
      else if (token === "s") total += DH_BYTES + tagBytes;
      else if (token === "e1") total += KEM_PUBLIC_BYTES + tagBytes;
      else {
        if (token === "ekem1") total += KEM_CIPHERTEXT_BYTES + tagBytes;
        tagBytes = TAG_BYTES; // ee, es, se, ss and ekem1 mix a key: from here on everything but `e` is sealed.
      }
    }
  }
  return total + tagBytes;
}

/** The two messages of the channel's handshake, whose payloads are empty: 1,248 and 1,152 bytes. */
export const NKHFS_MESSAGE_BYTES = [messageBytes(NKhfs, 0, 0), messageBytes(NKhfs, 1, 0)] as const;

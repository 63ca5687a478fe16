/**
 * Which passwords `server user add|passwd` and the client refuse, unless whoever sets one insists (`--weak`).
 *
 * The password is the one thing a user has, and all that stands between an account and a thief of every key of the
 * server, who still pays an Argon2id for each guess (THREAT_MODEL §3.6). So what is guessed first is refused: what is
 * short, common, or the user's name. There are no rules on kinds of characters; they bring forth `Password1!`.
 *
 * A password is bytes here too. That is enough: names and the common passwords are ASCII, so case is ASCII's.
 */
import COMMON from "@zxcvbn-ts/language-common/src/passwords.json" with { type: "file" };
import { utf8 } from "../../core/bytes.ts";
import { CodedError } from "../../core/errors.ts";
import type { UserName } from "../../core/name.ts";
import type { Secret } from "../../core/secret.ts";

/**
 * Code points of the NFKC form. NIST SP 800-63B-4 (3.1.1.2) asks for 15 where nothing but a password is asked for, and
 * for 8 beside a second factor. 12 is what password managers such as Bitwarden ask of the password that guards all
 * others. Here as there each guess at home is slow, and here it takes more than a stolen `users.json`: three words drawn
 * from 7,776 are rarely shorter, and take a core 1,900 years on average at a quarter of a second a guess. A rule that
 * most people run into is one that operators override, and with it the list.
 */
const PASSWORD_MIN_CHARACTERS = 12;

/** The list is ranked: the most common ones come first. */
const COMMON_COUNT = 10_000;
/** The import's attribute makes it the path of a file within the executable, which is read only when it is needed. */
const COMMON_FILE = String(COMMON);

/** @throws password.weak with one line that says why and what to do, and nothing of the password, which is borrowed. `otherwise` ends it */
export async function expectStrong(
  password: Secret,
  user: UserName,
  otherwise = ", or insist with --weak",
): Promise<void> {
  const list: readonly string[] = await Bun.file(COMMON_FILE).json();
  const weakness = password.use((bytes) => weaknessOf(bytes, user, list.slice(0, COMMON_COUNT)));
  if (weakness !== null) throw new CodedError("password.weak", `this password is ${weakness}${otherwise}`);
}

function weaknessOf(bytes: Uint8Array, user: UserName, common: readonly string[]): string | null {
  const visible = visibleOf(bytes);
  const lower = visible.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
  const plain = lower.filter((byte) => isLetter(byte) || isDigit(byte));
  const isCommon = (found: Uint8Array): boolean => common.some((word) => isText(found, word));
  try {
    if (isNearName(plain, user)) return "hardly more than the user's name; take another";
    if (isCommon(lower)) return "one of the 10,000 most common ones; take another";
    if ([plain, unitOf(plain), bareOf(plain)].some(isCommon)) {
      return "hardly more than one of the 10,000 most common ones; take another";
    }
    if (charactersOf(unitOf(lower)) >= PASSWORD_MIN_CHARACTERS) return null;
    return `shorter than ${PASSWORD_MIN_CHARACTERS} characters, not counting repetitions and runs such as abcd; take a longer one, such as a few words`;
  } finally {
    for (const copy of [visible, lower, plain]) copy.fill(0);
  }
}

/** Characters of UTF-8 that nobody sees: soft hyphen, marks over letters, zero-width and direction marks, joiners. */
const INVISIBLE: readonly (readonly [lead: readonly number[], from: number, to: number])[] = [
  [[0xc2], 0xad, 0xad],
  [[0xcc], 0x80, 0xbf],
  [[0xcd], 0x80, 0xaf],
  [[0xe2, 0x80], 0x8b, 0x8f],
  [[0xe2, 0x80], 0xaa, 0xae],
  [[0xe2, 0x81], 0xa0, 0xaf],
  [[0xef, 0xbb], 0xbf, 0xbf],
];

/** A copy without them: they are easily typed by a machine, and add nothing that a guesser would not. */
function visibleOf(bytes: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const found = INVISIBLE.find(([lead, from, to]) => {
      const last = bytes[at + lead.length] ?? 0;
      return lead.every((byte, index) => bytes[at + index] === byte) && last >= from && last <= to;
    });
    if (found === undefined) kept.push(bytes[at] ?? 0);
    else at += found[0].length;
  }
  const visible = Uint8Array.from(kept);
  kept.fill(0);
  return visible;
}

/** Whether `plain` is the name, also turned round or repeated, and beyond it no letter and only a few digits. */
function isNearName(plain: Uint8Array, user: UserName): boolean {
  const name = utf8(user).filter((byte) => isLetter(byte) || isDigit(byte));
  const rest = plain.slice();
  blankOut(rest, name);
  blankOut(rest, name.toReversed());
  const left = rest.filter((byte) => byte !== 0);
  const near = left.length < Math.min(plain.length, PASSWORD_MIN_CHARACTERS) && !left.some(isLetter);
  rest.fill(0);
  left.fill(0);
  return near;
}

/** Zeroes every occurrence of `part` in `bytes`. */
function blankOut(bytes: Uint8Array, part: Uint8Array): void {
  for (let at = 0; at + part.length <= bytes.length; at += 1) {
    if (part.every((byte, index) => byte === bytes[at + index])) bytes.fill(0, at, at + part.length);
  }
}

/** What `bytes` repeat, as a part of them; all of them when they repeat nothing. */
function unitOf(bytes: Uint8Array): Uint8Array {
  const repeats = (length: number): boolean =>
    bytes.length % length === 0 && bytes.every((byte, at) => byte === bytes[at % length]);
  for (let length = 1; length < bytes.length; length += 1) if (repeats(length)) return bytes.subarray(0, length);
  return bytes;
}

/** What is left of `plain` without repetition and without a few digits before and after, as a part of it. */
function bareOf(plain: Uint8Array): Uint8Array {
  const once = unitOf(plain);
  const bare = once.subarray(once.findIndex(isLetter), once.findLastIndex(isLetter) + 1);
  return bare.length > 0 && once.length - bare.length < PASSWORD_MIN_CHARACTERS ? unitOf(bare) : once;
}

/** The code points of UTF-8 (every byte but those that continue one), without those that go on as in `abcd` or `4321`. */
function charactersOf(bytes: Uint8Array): number {
  const stepTo = (at: number): number => (bytes[at] ?? 0) - (bytes[at - 1] ?? 0);
  const goesOn = (at: number): boolean =>
    at > 2 && Math.abs(stepTo(at)) <= 1 && [at - 1, at - 2].every((before) => stepTo(before) === stepTo(at));
  return bytes.reduce((count, byte, at) => ((byte & 0xc0) === 0x80 || goesOn(at) ? count : count + 1), 0);
}

function isText(bytes: Uint8Array, ascii: string): boolean {
  return bytes.length === ascii.length && bytes.every((byte, at) => byte === ascii.charCodeAt(at));
}

/** Of lower case; every byte of a character beyond ASCII counts as one. */
function isLetter(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || byte >= 0x80;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/**
 * The recovery code: 16 random bytes that a person writes down, and brings back an account with (PROTOCOL §7.1).
 *
 * As text it is 28 characters of Crockford's base32 in groups of four: 26 for the bytes, from the first bit on, the last
 * two bits of them 0; then two for a check, the first 10 bits of the SHA-256 of the bytes, so that a slip of the pen is
 * told from a code of another account. The text is for showing and reading in alone; everywhere else it is a `Secret`.
 */
import { equalBytes } from "../crypto/compare.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { RECOVERY_CODE_BYTES } from "../limits.ts";
import { Secret } from "../secret.ts";

/** Without I, L, O and U (Douglas Crockford, "Base 32"). */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** What people write in place of a digit. */
const LOOKALIKES: Readonly<Record<string, string>> = { O: "0", I: "1", L: "1" };

/** Characters for 128 bits. */
const BODY_LENGTH = 26;
/** Characters of the check. */
const CHECK_LENGTH = 2;
const GROUP_LENGTH = 4;
/** What people put between the groups: spaces, and hyphens and dashes of any length. */
const SEPARATORS = /[\s\p{Dash_Punctuation}]/gu;

/** A new code. */
export function drawRecoveryCode(env: Env): Secret {
  return Secret.take(env.randomBytes(RECOVERY_CODE_BYTES));
}

/** The text of `code`: 7 groups of 4 with hyphens. A string cannot be wiped: show it and let go of it. */
export function formatRecoveryCode(crypto: CryptoProvider, code: Secret): string {
  return code.use((bytes) => {
    if (bytes.length !== RECOVERY_CODE_BYTES) throw new Error("recovery code: not 16 bytes");
    const text = toBase32(bytes, BODY_LENGTH) + checkOf(crypto, bytes);
    return Array.from({ length: text.length / GROUP_LENGTH }, (_, group) =>
      text.slice(group * GROUP_LENGTH, (group + 1) * GROUP_LENGTH),
    ).join("-");
  });
}

/**
 * The code that `text` says, the caller's. Case, spaces and hyphens do not matter; O is read as 0, I and L as 1.
 * @throws account.code with a sentence for a person
 */
export function parseRecoveryCode(crypto: CryptoProvider, text: string): Secret {
  const digits = Array.from(text.replace(SEPARATORS, ""), digitOf);
  if (digits.length !== BODY_LENGTH + CHECK_LENGTH || digits.includes(-1)) {
    throw new CodedError("account.code", "that is not a recovery code; it has 28 letters and digits");
  }
  const bytes = fromBase32(digits.slice(0, BODY_LENGTH));
  const expected = checkOf(crypto, bytes);
  // Written out again, so that every code has one text: also the two bits that are left over have to be 0.
  const isWhole = sameDigits(digits, toBase32(bytes, BODY_LENGTH) + expected);
  digits.fill(0);
  if (isWhole) return Secret.take(bytes);
  bytes.fill(0);
  throw new CodedError("account.code", "a letter or digit of the recovery code is wrong");
}

function checkOf(crypto: CryptoProvider, bytes: Uint8Array): string {
  return toBase32(crypto.sha256(bytes), CHECK_LENGTH);
}

/** The value of one character, 0 to 31; -1 for one that is none. Only ASCII letters have two cases here. */
function digitOf(character: string): number {
  const plain = /^[a-z]$/.test(character) ? character.toUpperCase() : character;
  return ALPHABET.indexOf(LOOKALIKES[plain] ?? plain);
}

/** The first `5 * length` bits of `bytes`; zeros after their end. */
function toBase32(bytes: Uint8Array, length: number): string {
  return Array.from({ length }, (_, at) => {
    const bit = 5 * at;
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    return ALPHABET.charAt((pair >> (11 - (bit & 7))) & 31);
  }).join("");
}

/** The whole bytes in `digits`; what is left of the last one is dropped. */
function fromBase32(digits: readonly number[]): Uint8Array {
  const out = new Uint8Array((digits.length * 5) >> 3);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const digit of digits) {
    held = ((held << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    out[at] = (held >> bits) & 0xff;
    at += 1;
  }
  return out;
}

function sameDigits(digits: readonly number[], text: string): boolean {
  return equalBytes(Uint8Array.from(digits), Uint8Array.from(text, digitOf));
}

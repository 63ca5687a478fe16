import { invertCt, mapHashToField } from "@noble/curves/abstract/modular.js";
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { bytesToNumberLE } from "@noble/curves/utils.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, lv, u16, utf8 } from "../bytes.ts";
import { CodedError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { HASH512_BYTES, type RandomBytes } from "./provider.ts";

/**
 * OPRF(ristretto255, SHA-512), mode 0 of RFC 9497: the client learns a keyed hash of its input, the server learns
 * nothing of the input.
 *
 * Group and field arithmetic are noble's. The hashing of secret inputs is spelled out here, in pieces, because noble
 * joins its input into buffers that nobody wipes; nothing here leaves one behind. Numbers of the arithmetic cannot be
 * wiped.
 */
const { Point } = ristretto255;
type Element = InstanceType<typeof Point>;

/** An encoded group element. */
export const ELEMENT_BYTES = 32;
/** What a key is derived from (RFC 9497 §3.2.1). */
const SEED_BYTES = 32;
/** What a random scalar is reduced from, so that its bias is below 2^-128 (RFC 9497 §4.7.2). */
const WIDE_SCALAR_BYTES = 48;
const SHA512_BLOCK_BYTES = 128;

const CONTEXT = concat(utf8("OPRFV1-"), Uint8Array.of(0), utf8("-ristretto255-SHA512"));
const GROUP_DST = concat(utf8("HashToGroup-"), CONTEXT);
const DERIVE_DST = concat(utf8("DeriveKeyPair"), CONTEXT);
const FINALIZE = utf8("Finalize");

/**
 * Blind (RFC 9497 §3.3.1). Asks `randomBytes` once, for 48 bytes r; the blind is 1 + (r, little endian, mod n - 1).
 * @param input at most 65,535 bytes, borrowed
 * @returns `blind` 32 bytes, little endian, to be kept until `oprfFinalize`; `blinded` 32 bytes, for the server
 */
export function oprfBlind(
  input: Secret,
  randomBytes: RandomBytes,
): { readonly blind: Secret; readonly blinded: Uint8Array } {
  checkInput(input);
  const uniform = input.use((bytes) => expandMessage(GROUP_DST, bytes));
  const element = ristretto255_hasher.deriveToCurve?.(uniform);
  uniform.fill(0);
  // Neither can happen: the method is there, and no input is known that maps to the identity (RFC 9497 §3.3.1).
  if (element === undefined || element.is0()) throw new Error("oprf: input maps to no element");
  const wide = randomBytes(WIDE_SCALAR_BYTES);
  const blind = mapHashToField(wide, Point.Fn.ORDER, true);
  wide.fill(0);
  return { blind: Secret.take(blind), blinded: element.multiply(Point.Fn.fromBytes(blind)).toBytes() };
}

/**
 * BlindEvaluate (RFC 9497 §3.3.1): the server's step.
 * @param key from `oprfDeriveKey`
 * @returns 32 bytes, for the client
 * @throws crypto.badKey when `blinded` is not the encoding of an element, or is the identity
 */
export function oprfEvaluate(key: Secret, blinded: Uint8Array): Uint8Array {
  const element = decodeElement(blinded);
  return element.multiply(key.use((bytes) => Point.Fn.fromBytes(bytes))).toBytes();
}

/**
 * Finalize (RFC 9497 §3.3.1): the client's second step.
 * @param input what was blinded, borrowed
 * @param blind from `oprfBlind`; the caller still owns it
 * @returns 64 bytes
 * @throws crypto.badKey when `evaluated` is not the encoding of an element, or is the identity
 */
export function oprfFinalize(input: Secret, blind: Secret, evaluated: Uint8Array): Secret {
  checkInput(input);
  const element = decodeElement(evaluated);
  const inverse = invertCt(
    blind.use((bytes) => Point.Fn.fromBytes(bytes)),
    Point.Fn.ORDER,
  );
  const unblinded = element.multiply(inverse).toBytes();
  const output = input.use((bytes) => hash(u16(bytes.length), bytes, u16(ELEMENT_BYTES), unblinded, FINALIZE));
  unblinded.fill(0);
  return Secret.take(output);
}

/**
 * DeriveKeyPair (RFC 9497 §3.2.1), without its public key, which mode 0 has no use for.
 * @param seed 32 bytes
 * @param info OPAQUE's is `OPAQUE-DeriveKeyPair` (RFC 9807 §5.2)
 * @returns 32 bytes, little endian
 */
export function oprfDeriveKey(seed: Uint8Array | Secret, info: Uint8Array): Secret {
  const borrow = <T>(fn: (bytes: Uint8Array) => T): T => (seed instanceof Secret ? seed.use(fn) : fn(seed));
  if (seed.length !== SEED_BYTES) throw new Error("oprf: a seed has 32 bytes");
  const prefixedInfo = lv(info);
  for (let counter = 0; counter <= 255; counter += 1) {
    const uniform = borrow((bytes) => expandMessage(DERIVE_DST, bytes, prefixedInfo, Uint8Array.of(counter)));
    const scalar = Point.Fn.create(bytesToNumberLE(uniform));
    uniform.fill(0);
    if (!Point.Fn.is0(scalar)) return Secret.take(Point.Fn.toBytes(scalar));
  }
  throw new Error("oprf: no key from this seed");
}

/** The element that `bytes` encodes (RFC 9496 §4.3.1). @throws crypto.badKey when there is none, or for the identity */
export function decodeElement(bytes: Uint8Array): Element {
  if (bytes.length !== ELEMENT_BYTES) throw new CodedError("crypto.badKey", "ristretto255: length");
  let element: Element;
  try {
    element = Point.fromBytes(bytes);
  } catch {
    throw new CodedError("crypto.badKey", "ristretto255: encoding");
  }
  if (element.is0()) throw new CodedError("crypto.badKey", "ristretto255: identity");
  return element;
}

function checkInput(input: Secret): void {
  if (input.length > 0xffff) throw new Error("oprf: an input has at most 65,535 bytes");
}

/** `expand_message_xmd` with SHA-512 for 64 bytes, which is one block (RFC 9380 §5.3.1). */
function expandMessage(dst: Uint8Array, ...message: readonly Uint8Array[]): Uint8Array {
  const suffix = concat(dst, Uint8Array.of(dst.length));
  const first = hash(new Uint8Array(SHA512_BLOCK_BYTES), ...message, u16(HASH512_BYTES), Uint8Array.of(0), suffix);
  const uniform = hash(first, Uint8Array.of(1), suffix);
  first.fill(0);
  return uniform;
}

/** SHA-512 of `parts`; the hash wipes its own buffer. */
function hash(...parts: readonly Uint8Array[]): Uint8Array {
  const state = sha512.create();
  for (const part of parts) state.update(part);
  const out = state.digest();
  state.destroy();
  return out;
}

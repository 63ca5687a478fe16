/** The bytes of OPAQUE-3DH with 32-byte keys and 64-byte tags (RFC 9807 §5.1, §6.1, §6.3.1), and nothing of their meaning. */
import { ELEMENT_BYTES } from "../crypto/oprf.ts";
import { DH_BYTES, HASH512_BYTES } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";

/** `Nn`: every nonce. */
export const OPAQUE_NONCE_BYTES = 32;
/** `envelope_nonce || auth_tag`. */
export const ENVELOPE_BYTES = OPAQUE_NONCE_BYTES + HASH512_BYTES;
/** `server_public_key || envelope`, masked. */
export const MASKED_BYTES = DH_BYTES + ENVELOPE_BYTES;
/** `evaluated_message || masking_nonce || masked_response`. */
const CREDENTIAL_RESPONSE_BYTES = ELEMENT_BYTES + OPAQUE_NONCE_BYTES + MASKED_BYTES;

/** `blinded_message`: 32 bytes. */
export const REGISTRATION_REQUEST_BYTES = ELEMENT_BYTES;
/** `evaluated_message || server_public_key`: 64 bytes. */
const REGISTRATION_RESPONSE_BYTES = ELEMENT_BYTES + DH_BYTES;
/** `client_public_key || masking_key || envelope`: 192 bytes. */
export const RECORD_BYTES = DH_BYTES + HASH512_BYTES + ENVELOPE_BYTES;
/** `blinded_message || client_nonce || client_public_keyshare`: 96 bytes. */
export const KE1_BYTES = ELEMENT_BYTES + OPAQUE_NONCE_BYTES + DH_BYTES;
/** `credential_response || server_nonce || server_public_keyshare || server_mac`: 320 bytes. */
export const KE2_BYTES = CREDENTIAL_RESPONSE_BYTES + OPAQUE_NONCE_BYTES + DH_BYTES + HASH512_BYTES;
/** `client_mac`: 64 bytes. */
export const KE3_BYTES = HASH512_BYTES;

/** Views of a KE1; they alias `ke1`. @throws wire.malformed when `ke1` is not 96 bytes */
export function splitKe1(ke1: Uint8Array): { readonly blinded: Uint8Array; readonly keyShare: Uint8Array } {
  const at = cutter(ke1, KE1_BYTES, "KE1");
  return { blinded: at(0, ELEMENT_BYTES), keyShare: at(KE1_BYTES - DH_BYTES, DH_BYTES) };
}

interface Ke2 {
  readonly evaluated: Uint8Array;
  readonly maskingNonce: Uint8Array;
  readonly masked: Uint8Array;
  readonly keyShare: Uint8Array;
  readonly mac: Uint8Array;
  /** All before `mac`: what both sides add to the transcript. */
  readonly unsigned: Uint8Array;
}

/** Views of a KE2; they alias `ke2`. @throws wire.malformed when `ke2` is not 320 bytes */
export function splitKe2(ke2: Uint8Array): Ke2 {
  const at = cutter(ke2, KE2_BYTES, "KE2");
  const unsignedBytes = KE2_BYTES - HASH512_BYTES;
  return {
    evaluated: at(0, ELEMENT_BYTES),
    maskingNonce: at(ELEMENT_BYTES, OPAQUE_NONCE_BYTES),
    masked: at(ELEMENT_BYTES + OPAQUE_NONCE_BYTES, MASKED_BYTES),
    keyShare: at(CREDENTIAL_RESPONSE_BYTES + OPAQUE_NONCE_BYTES, DH_BYTES),
    mac: at(unsignedBytes, HASH512_BYTES),
    unsigned: at(0, unsignedBytes),
  };
}

/** Views of a registration response; they alias it. @throws wire.malformed when it is not 64 bytes */
export function splitRegistrationResponse(response: Uint8Array): {
  readonly evaluated: Uint8Array;
  readonly serverPublicKey: Uint8Array;
} {
  const at = cutter(response, REGISTRATION_RESPONSE_BYTES, "registration response");
  return { evaluated: at(0, ELEMENT_BYTES), serverPublicKey: at(ELEMENT_BYTES, DH_BYTES) };
}

/** @throws wire.malformed when `bytes` is not `length` bytes long */
export function expectLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new CodedError("wire.malformed", `opaque: ${what} length`);
}

function cutter(bytes: Uint8Array, length: number, what: string): (start: number, length: number) => Uint8Array {
  expectLength(bytes, length, what);
  return (start, count) => bytes.subarray(start, start + count);
}

/**
 * What a user stores at the server and gets back with the right password only: the envelope (RFC 9807 §4.1).
 *
 * It holds nothing but a nonce and a tag: the client's private key is derived anew each time. Who may be told of a
 * failure, and how, is login.ts's concern.
 */
import { concat, EMPTY, lv, utf8 } from "../bytes.ts";
import { equalBytes } from "../crypto/compare.ts";
import { hkdfExpand, hkdfExtract } from "../crypto/kdf.ts";
import { HASH512_BYTES } from "../crypto/provider.ts";
import { Secret } from "../secret.ts";
import { type AkePrivateKey, deriveAkeKey, type OpaqueConfig, SEED_BYTES } from "./group.ts";
import { ENVELOPE_BYTES, OPAQUE_NONCE_BYTES } from "./messages.ts";

/** Who the two sides are, 1 to 65,535 bytes each; null stands for the side's public key (RFC 9807 §4, §10.3). */
export interface Identities {
  readonly client: Uint8Array | null;
  readonly server: Uint8Array | null;
}

/**
 * `randomized_password` (RFC 9807 §5.2.3, §6.3.2.3): 64 bytes, the root of all that a password opens.
 * @param oprfOutput 64 bytes
 * @param stretched the key stretching function's 64 bytes, made from `oprfOutput`
 */
export function randomizePassword(config: OpaqueConfig, oprfOutput: Secret, stretched: Secret): Secret {
  if (stretched.length !== HASH512_BYTES) throw new Error("opaque: stretched length");
  using both = Secret.concat(oprfOutput, stretched);
  return hkdfExtract(config.crypto, "sha512", EMPTY, both);
}

/** The key under which a record's answer is masked (RFC 9807 §4.1.2): 64 bytes. The server keeps it in the record. */
export function deriveMaskingKey(config: OpaqueConfig, randomizedPassword: Secret): Secret {
  return hkdfExpand(config.crypto, "sha512", randomizedPassword, { info: utf8("MaskingKey"), length: HASH512_BYTES });
}

/** What the right password gives back. */
export interface Opened extends Disposable {
  readonly privateKey: AkePrivateKey;
  /** 64 bytes, the same at every login until the user registers again (RFC 9807 §10.4). */
  readonly exportKey: Secret;
}

/**
 * Store (RFC 9807 §4.1.2): a new envelope, 96 bytes, under the 32-byte `nonce`, and what it opens to, which the
 * caller disposes.
 */
export function store(
  config: OpaqueConfig,
  randomizedPassword: Secret,
  nonce: Uint8Array,
  bound: { readonly serverPublicKey: Uint8Array; readonly identities: Identities },
): Opened & { readonly envelope: Uint8Array } {
  const { tag, ...opened } = derive(config, randomizedPassword, nonce, bound);
  return { ...opened, envelope: concat(nonce, tag) };
}

/**
 * Recover (RFC 9807 §4.1.3). The caller disposes the result.
 * @returns null when the tag does not verify: another password, server key or identity, or an altered envelope
 */
export function recover(
  config: OpaqueConfig,
  randomizedPassword: Secret,
  envelope: Uint8Array,
  bound: { readonly serverPublicKey: Uint8Array; readonly identities: Identities },
): Opened | null {
  if (envelope.length !== ENVELOPE_BYTES) throw new Error("opaque: envelope length");
  const nonce = envelope.subarray(0, OPAQUE_NONCE_BYTES);
  const { tag, ...opened } = derive(config, randomizedPassword, nonce, bound);
  if (equalBytes(tag, envelope.subarray(OPAQUE_NONCE_BYTES))) return opened;
  opened[Symbol.dispose]();
  return null;
}

function derive(
  config: OpaqueConfig,
  randomizedPassword: Secret,
  nonce: Uint8Array,
  bound: { readonly serverPublicKey: Uint8Array; readonly identities: Identities },
): Opened & { readonly tag: Uint8Array } {
  const expand = (label: string, length: number): Secret =>
    hkdfExpand(config.crypto, "sha512", randomizedPassword, { info: concat(nonce, utf8(label)), length });
  using stack = new DisposableStack();
  using authKey = expand("AuthKey", HASH512_BYTES);
  using seed = expand("PrivateKey", SEED_BYTES);
  const exportKey = stack.use(expand("ExportKey", HASH512_BYTES));
  const privateKey = stack.use(deriveAkeKey(config, seed));
  const tag = authKey.use((key) =>
    config.crypto.hmacSha512(
      key,
      nonce,
      bound.serverPublicKey,
      lv(bound.identities.server ?? bound.serverPublicKey),
      lv(bound.identities.client ?? privateKey.publicKey),
    ),
  );
  const kept = stack.move();
  return { privateKey, exportKey, tag, [Symbol.dispose]: () => kept.dispose() };
}

/** From three Diffie-Hellman results and a transcript to the MACs and the session key (RFC 9807 §6.4.2). */
import { concat, EMPTY, lv, u16, utf8 } from "../bytes.ts";
import { hkdfExpand, hkdfExtract } from "../crypto/kdf.ts";
import { type CryptoProvider, HASH512_BYTES } from "../crypto/provider.ts";
import { Secret } from "../secret.ts";

/** All that the two sides must agree on. */
interface Transcript {
  /** At most 65,535 bytes. */
  readonly context: Uint8Array;
  /** 1 to 65,535 bytes; the public key when the client has no name. */
  readonly clientIdentity: Uint8Array;
  /** 1 to 65,535 bytes; the public key when the server has no name. */
  readonly serverIdentity: Uint8Array;
  readonly ke1: Uint8Array;
  /** KE2 up to its MAC. */
  readonly unsignedKe2: Uint8Array;
}

/** Preamble (RFC 9807 §6.4.2.1). */
export function encodePreamble(transcript: Transcript): Uint8Array {
  return concat(
    utf8("OPAQUEv1-"),
    lv(transcript.context),
    lv(transcript.clientIdentity),
    transcript.ke1,
    lv(transcript.serverIdentity),
    transcript.unsignedKe2,
  );
}

/** 64 bytes each. */
interface DerivedKeys extends Disposable {
  /** Km2 */
  readonly serverMacKey: Secret;
  /** Km3 */
  readonly clientMacKey: Secret;
  readonly sessionKey: Secret;
}

/**
 * DeriveKeys (RFC 9807 §6.4.2.2). The caller disposes the result.
 * @param ikm dh1 || dh2 || dh3, borrowed
 */
export function deriveKeys(crypto: CryptoProvider, ikm: Secret, preamble: Uint8Array): DerivedKeys {
  const hash = crypto.sha512(preamble);
  using stack = new DisposableStack();
  using prk = hkdfExtract(crypto, "sha512", EMPTY, ikm);
  using handshakeSecret = deriveSecret(crypto, prk, "HandshakeSecret", hash);
  const sessionKey = stack.use(deriveSecret(crypto, prk, "SessionKey", hash));
  const serverMacKey = stack.use(deriveSecret(crypto, handshakeSecret, "ServerMAC", EMPTY));
  const clientMacKey = stack.use(deriveSecret(crypto, handshakeSecret, "ClientMAC", EMPTY));
  const kept = stack.move();
  return { serverMacKey, clientMacKey, sessionKey, [Symbol.dispose]: () => kept.dispose() };
}

/** What both sides compute: 64 bytes each. */
interface Agreed extends Disposable {
  readonly serverMac: Secret;
  readonly clientMac: Secret;
  /** May be used only once the other side's MAC has verified. */
  readonly sessionKey: Secret;
}

/**
 * DeriveKeys, then both MACs (RFC 9807 §6.4.3, §6.4.4). The caller disposes the result.
 * @param ikm dh1 || dh2 || dh3, borrowed
 */
export function agree(crypto: CryptoProvider, ikm: Secret, transcript: Transcript): Agreed {
  const preamble = encodePreamble(transcript);
  using keys = deriveKeys(crypto, ikm, preamble);
  using stack = new DisposableStack();
  const serverMac = stack.use(mac(crypto, keys.serverMacKey, preamble));
  const clientMac = stack.use(serverMac.use((bytes) => mac(crypto, keys.clientMacKey, preamble, bytes)));
  const sessionKey = stack.use(keys.sessionKey.slice(0, HASH512_BYTES));
  const kept = stack.move();
  return { serverMac, clientMac, sessionKey, [Symbol.dispose]: () => kept.dispose() };
}

/** MAC(key, Hash(parts)). */
function mac(crypto: CryptoProvider, key: Secret, ...parts: readonly Uint8Array[]): Secret {
  return key.use((bytes) => Secret.take(crypto.hmacSha512(bytes, crypto.sha512(...parts))));
}

/** Derive-Secret and Expand-Label (RFC 9807 §6.4.2.1). */
function deriveSecret(crypto: CryptoProvider, secret: Secret, label: string, hash: Uint8Array): Secret {
  const name = utf8(`OPAQUE-${label}`);
  const info = concat(u16(HASH512_BYTES), Uint8Array.of(name.length), name, Uint8Array.of(hash.length), hash);
  return hkdfExpand(crypto, "sha512", secret, { info, length: HASH512_BYTES });
}

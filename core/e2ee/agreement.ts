/**
 * The agreement of a first key between two devices: PQXDH (Signal, revision 3) with X25519 and ML-KEM-768, salted with the
 * conversation key that the KDC issued (PROTOCOL §9.1).
 *
 *     DH1 = DH(IK_A, SPK_B)   DH2 = DH(EK_A, IK_B)   DH3 = DH(EK_A, SPK_B)   DH4 = DH(EK_A, OPK_B), when there is one
 *     SK = HKDF-SHA512(salt = conversation key, ikm = 0xFF x 32 || DH1 || DH2 || DH3 [|| DH4] || SS,
 *                      info = "IMS/1 pqxdh" || SHA-512(transcript), 32)
 *
 * IK is the agreement key of a device, which its user's identity key has signed in the list of devices. SS is encapsulated
 * to the one-time prekey when there is one, else to the signed one. Whoever breaks the KDC lacks the agreement, and whoever
 * breaks the agreement lacks the KDC's key.
 */
import { concat } from "../bytes.ts";
import { hkdf } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import {
  type CryptoProvider,
  DH_BYTES,
  type DhPrivateKey,
  KEM_MESSAGE_BYTES,
  KEM_PUBLIC_BYTES,
  KEY_BYTES,
} from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import type { Address, ConversationId } from "../ids.ts";
import { Secret } from "../secret.ts";
import type { Prekey } from "../wire/account.ts";
import { encodeAll } from "../wire/codec.ts";
import { AgreementTranscript } from "../wire/endToEnd.ts";
import type { PrekeyPair } from "./prekey.ts";

/** What both sides know of one of them: 32 bytes each. */
export interface Party {
  readonly address: Address;
  /** Ed25519. */
  readonly identityKey: Uint8Array;
  /** X25519. */
  readonly agreementKey: Uint8Array;
}

/** What both sides know before: the KDC's key, 32 bytes, is borrowed. */
export interface AgreementStart {
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  readonly conversation: ConversationId;
  readonly kdcKey: Secret;
  readonly asker: Party;
  readonly peer: Party;
}

/** The public halves that were used. */
type PublicPrekey = Pick<Prekey, "id" | "dhKey" | "kemKey">;

/** What the asker tells the peer. */
export interface AgreementHeader {
  /** X25519: 32 bytes. */
  readonly ephemeral: Uint8Array;
  /** ML-KEM-768: 1,088 bytes. */
  readonly kemCiphertext: Uint8Array;
}

interface Transcript extends AgreementHeader {
  readonly start: AgreementStart;
  readonly signed: PublicPrekey;
  readonly oneTime: PublicPrekey | null;
}

/** The first key, 32 bytes, the caller's. */
export interface Agreement extends AgreementHeader {
  readonly secret: Secret;
}

const PREFIX = new Uint8Array(32).fill(0xff);
const NO_PREKEY: PublicPrekey = {
  id: 0,
  dhKey: new Uint8Array(DH_BYTES),
  kemKey: new Uint8Array(KEM_PUBLIC_BYTES),
};

/**
 * The asker's side. `agreementSecret` (X25519, 32 bytes) is borrowed. The prekeys have been verified.
 * @throws e2ee.invalid when a key of the peer's is none
 */
export function beginAgreement(
  env: Env,
  start: AgreementStart,
  agreementSecret: Secret,
  { signed, oneTime }: { readonly signed: Prekey; readonly oneTime: Prekey | null },
): Agreement {
  const { crypto } = env;
  using ephemeralSecret = Secret.take(env.randomBytes(DH_BYTES));
  using message = Secret.take(env.randomBytes(KEM_MESSAGE_BYTES));
  return refusing(() => {
    using ephemeral = ephemeralSecret.use((bytes) => crypto.dhKey(bytes));
    using agreement = agreementSecret.use((bytes) => crypto.dhKey(bytes));
    using stack = new DisposableStack();
    const kem = crypto.kemEncapsulate((oneTime ?? signed).kemKey, message);
    stack.use(kem.sharedSecret);
    const dh = (key: DhPrivateKey, publicKey: Uint8Array) => stack.use(crypto.dh(key, publicKey));
    const shared = [
      dh(agreement, signed.dhKey),
      dh(ephemeral, start.peer.agreementKey),
      dh(ephemeral, signed.dhKey),
      ...(oneTime === null ? [] : [dh(ephemeral, oneTime.dhKey)]),
      kem.sharedSecret,
    ];
    const header = { ephemeral: ephemeral.publicKey, kemCiphertext: kem.ciphertext };
    return { ...header, secret: derive(crypto, shared, { start, signed, oneTime, ...header }) };
  });
}

/**
 * The peer's side: 32 bytes, the caller's. All secrets are borrowed.
 * @throws e2ee.invalid when a key of the asker's is none
 */
export function acceptAgreement(
  crypto: CryptoProvider,
  start: AgreementStart,
  agreementSecret: Secret,
  prekeys: { readonly signed: PrekeyPair; readonly oneTime: PrekeyPair | null },
  { ephemeral, kemCiphertext }: AgreementHeader,
): Secret {
  return refusing(() => {
    using stack = new DisposableStack();
    const keyOf = (secret: Secret) => stack.use(secret.use((bytes) => crypto.dhKey(bytes)));
    const publicOf = ({ id, dhSecret, kemSeed }: PrekeyPair) => {
      const key = keyOf(dhSecret);
      return { key, id, dhKey: key.publicKey, kemKey: crypto.kemPublicKey(kemSeed) };
    };
    const signed = publicOf(prekeys.signed);
    const oneTime = prekeys.oneTime === null ? null : publicOf(prekeys.oneTime);
    const agreement = keyOf(agreementSecret);
    const dh = (key: DhPrivateKey, publicKey: Uint8Array) => stack.use(crypto.dh(key, publicKey));
    const shared = [
      dh(signed.key, start.asker.agreementKey),
      dh(agreement, ephemeral),
      dh(signed.key, ephemeral),
      ...(oneTime === null ? [] : [dh(oneTime.key, ephemeral)]),
      stack.use(crypto.kemDecapsulate((prekeys.oneTime ?? prekeys.signed).kemSeed, kemCiphertext)),
    ];
    return derive(crypto, shared, { start, signed, oneTime, ephemeral, kemCiphertext });
  });
}

function derive(crypto: CryptoProvider, shared: readonly Secret[], transcript: Transcript): Secret {
  using prefix = Secret.copy(PREFIX);
  using ikm = Secret.concat(prefix, ...shared);
  const info = concat(LABELS.pqxdh, crypto.sha512(encodeTranscript(transcript)));
  return transcript.start.kdcKey.use((salt) => hkdf(crypto, "sha512", { salt, ikm, info, length: KEY_BYTES }));
}

function encodeTranscript({ start, signed, oneTime, ephemeral, kemCiphertext }: Transcript): Uint8Array {
  const { realm, conversation, asker, peer } = start;
  const once = oneTime ?? NO_PREKEY;
  return encodeAll(AgreementTranscript, {
    ...{ version: 1, realm, conversation },
    ...{ asker: asker.address.user, askerDevice: asker.address.device },
    ...{ askerIdentity: asker.identityKey, askerAgreementKey: asker.agreementKey },
    ...{ peer: peer.address.user, peerDevice: peer.address.device },
    ...{ peerIdentity: peer.identityKey, peerAgreementKey: peer.agreementKey },
    ...{ ephemeral, signedPrekey: signed.id, signedDhKey: signed.dhKey, signedKemKey: signed.kemKey },
    ...{ oneTimePrekey: once.id, oneTimeDhKey: once.dhKey, oneTimeKemKey: once.kemKey, kemCiphertext },
  });
}

function refusing<T>(agree: () => T): T {
  try {
    return agree();
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw new CodedError("e2ee.invalid", "the agreement", { cause });
  }
}

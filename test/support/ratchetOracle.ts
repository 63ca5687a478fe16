/**
 * PQXDH (revision 3, §3.3) and the Double Ratchet (§3.4, §3.5) once more, after Signal's pseudocode and PROTOCOL §9, on noble's
 * functions alone: nothing of `core/` is used, so that the two can be compared. State is changed in place.
 */
import { gcm } from "@noble/ciphers/aes.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";

type Draw = (length: number) => Uint8Array;

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const name = (text: string): Uint8Array => join(Uint8Array.of(0, text.length), ascii(text));
const u32 = (n: number): Uint8Array => Uint8Array.of(n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
const unhex = (text: string): Uint8Array => Uint8Array.fromHex(text);

export interface OracleParty {
  readonly user: string;
  /** 8 bytes. */
  readonly device: string;
  readonly identityKey: Uint8Array;
  readonly agreementKey: Uint8Array;
}

export interface OraclePrekey {
  readonly id: number;
  readonly dhKey: Uint8Array;
  readonly kemKey: Uint8Array;
}

/** All that is public in an agreement. */
export interface OracleTranscript {
  readonly realm: Uint8Array;
  readonly conversation: string;
  readonly asker: OracleParty;
  readonly peer: OracleParty;
  readonly ephemeral: Uint8Array;
  readonly signed: OraclePrekey;
  readonly oneTime: OraclePrekey | null;
  readonly kemCiphertext: Uint8Array;
}

const party = ({ user, device, identityKey, agreementKey }: OracleParty): Uint8Array =>
  join(name(user), unhex(device), identityKey, agreementKey);
const prekey = ({ id, dhKey, kemKey }: OraclePrekey): Uint8Array => join(u32(id), dhKey, kemKey);

export function oracleTranscript(t: OracleTranscript): Uint8Array {
  const none = { id: 0, dhKey: new Uint8Array(32), kemKey: new Uint8Array(1184) };
  return join(
    ...[Uint8Array.of(1), t.realm, unhex(t.conversation), party(t.asker), party(t.peer), t.ephemeral],
    ...[prekey(t.signed), prekey(t.oneTime ?? none), t.kemCiphertext],
  );
}

/** SK. `shared`: DH1, DH2, DH3, DH4 when there is one, and SS. */
export function oracleKey(kdcKey: Uint8Array, shared: readonly Uint8Array[], transcript: Uint8Array): Uint8Array {
  const input = join(new Uint8Array(32).fill(0xff), ...shared);
  return hkdf(sha512, input, kdcKey, join(ascii("IMS/1 pqxdh"), sha512(transcript)), 32);
}

/** What the asker computes and sends. Draws the ephemeral key, then the message of the encapsulation. */
export function oracleAsk(
  draw: Draw,
  kdcKey: Uint8Array,
  agreementSecret: Uint8Array,
  known: Omit<OracleTranscript, "ephemeral" | "kemCiphertext">,
): { ephemeral: Uint8Array; kemCiphertext: Uint8Array; shared: Uint8Array[]; secret: Uint8Array } {
  const { signed, oneTime, peer } = known;
  const ek = draw(32);
  const { cipherText, sharedSecret } = ml_kem768.encapsulate((oneTime ?? signed).kemKey, draw(32));
  const shared = [
    x25519.getSharedSecret(agreementSecret, signed.dhKey),
    x25519.getSharedSecret(ek, peer.agreementKey),
    x25519.getSharedSecret(ek, signed.dhKey),
    ...(oneTime === null ? [] : [x25519.getSharedSecret(ek, oneTime.dhKey)]),
    sharedSecret,
  ];
  const header = { ephemeral: x25519.getPublicKey(ek), kemCiphertext: cipherText };
  return { ...header, shared, secret: oracleKey(kdcKey, shared, oracleTranscript({ ...known, ...header })) };
}

/** The header of a message, as the oracle writes it. */
export interface OracleHeader {
  readonly dh: Uint8Array;
  readonly pn: number;
  readonly n: number;
}

/** The names are those of the pseudocode. */
export interface OracleState {
  DHs: Uint8Array;
  DHr: Uint8Array | null;
  RK: Uint8Array;
  CKs: Uint8Array | null;
  CKr: Uint8Array | null;
  Ns: number;
  Nr: number;
  PN: number;
  /** By ratchet key and number. */
  readonly MKSKIPPED: Map<string, Uint8Array>;
}

function KDF_RK(rk: Uint8Array, dhOut: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const out = hkdf(sha512, dhOut, rk, ascii("IMS/1 ratchet"), 64);
  return [out.slice(0, 32), out.slice(32)];
}

function KDF_CK(ck: Uint8Array): readonly [Uint8Array, Uint8Array] {
  return [hmac(sha256, ck, Uint8Array.of(2)), hmac(sha256, ck, Uint8Array.of(1))];
}

function cipher(mk: Uint8Array, id: string, ad: Uint8Array): ReturnType<typeof gcm> {
  const material = hkdf(sha256, mk, unhex(id), ascii("IMS/1 message"), 44);
  return gcm(material.slice(0, 32), material.slice(32), ad);
}

export function RatchetInitAlice(draw: Draw, SK: Uint8Array, bobKey: Uint8Array): OracleState {
  const DHs = draw(32);
  const [RK, CKs] = KDF_RK(SK, x25519.getSharedSecret(DHs, bobKey));
  return { DHs, DHr: bobKey, RK, CKs, CKr: null, Ns: 0, Nr: 0, PN: 0, MKSKIPPED: new Map() };
}

export function RatchetInitBob(SK: Uint8Array, bobSecret: Uint8Array): OracleState {
  return { DHs: bobSecret, DHr: null, RK: SK, CKs: null, CKr: null, Ns: 0, Nr: 0, PN: 0, MKSKIPPED: new Map() };
}

export function RatchetEncrypt(
  state: OracleState,
  id: string,
  plaintext: Uint8Array,
  ad: (header: OracleHeader) => Uint8Array,
): { header: OracleHeader; sealed: Uint8Array } {
  if (state.CKs === null) throw new Error("oracle: no sending chain");
  const [next, mk] = KDF_CK(state.CKs);
  const header = { dh: x25519.getPublicKey(state.DHs), pn: state.PN, n: state.Ns };
  state.CKs = next;
  state.Ns += 1;
  return { header, sealed: cipher(mk, id, ad(header)).encrypt(plaintext) };
}

/** Throws when it does not open; the state is then what it became, as the pseudocode leaves it. */
export function RatchetDecrypt(
  draw: Draw,
  state: OracleState,
  { header, id, ad, sealed }: { header: OracleHeader; id: string; ad: Uint8Array; sealed: Uint8Array },
): Uint8Array {
  const name = `${header.dh.toHex()}/${header.n}`;
  const kept = state.MKSKIPPED.get(name);
  if (kept !== undefined) {
    state.MKSKIPPED.delete(name);
    return cipher(kept, id, ad).decrypt(sealed);
  }
  if (state.DHr === null || header.dh.toHex() !== state.DHr.toHex()) {
    SkipMessageKeys(state, header.pn);
    state.PN = state.Ns;
    state.Ns = 0;
    state.Nr = 0;
    state.DHr = header.dh;
    [state.RK, state.CKr] = KDF_RK(state.RK, x25519.getSharedSecret(state.DHs, header.dh));
    state.DHs = draw(32);
    [state.RK, state.CKs] = KDF_RK(state.RK, x25519.getSharedSecret(state.DHs, header.dh));
  }
  SkipMessageKeys(state, header.n);
  if (state.CKr === null) throw new Error("oracle: no receiving chain");
  const [next, mk] = KDF_CK(state.CKr);
  state.CKr = next;
  state.Nr += 1;
  return cipher(mk, id, ad).decrypt(sealed);
}

function SkipMessageKeys(state: OracleState, until: number): void {
  if (state.CKr === null || state.DHr === null) return;
  while (state.Nr < until) {
    const [next, mk] = KDF_CK(state.CKr);
    state.MKSKIPPED.set(`${state.DHr.toHex()}/${state.Nr}`, mk);
    state.CKr = next;
    state.Nr += 1;
  }
}

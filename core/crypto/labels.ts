import { utf8 } from "../bytes.ts";

/** Every label of the protocol: one key, one purpose, one label (PROTOCOL §3). All begin with `IMS/1`. */
export const LABELS = {
  prologue: utf8("IMS/1"),
  session: utf8("IMS/1 session"),
  ticketPrologue: utf8("IMS/1 ticket"),
  message: utf8("IMS/1 message"),
  accountWrap: utf8("IMS/1 account wrap"),
  recoveryWrap: utf8("IMS/1 recovery wrap"),
  identityWrap: utf8("IMS/1 identity wrap"),
  stateWrap: utf8("IMS/1 state wrap"),
  stateEntry: utf8("IMS/1 state entry"),
  stateName: utf8("IMS/1 state name"),
  pin: utf8("IMS/1 pin"),
  pinName: utf8("IMS/1 pin name"),
  deviceList: utf8("IMS/1 device list"),
  signedPrekey: utf8("IMS/1 signed prekey"),
  oneTimePrekey: utf8("IMS/1 one-time prekey"),
  pqxdh: utf8("IMS/1 pqxdh"),
  ratchet: utf8("IMS/1 ratchet"),
  attempts: utf8("IMS/1 attempts"),
  puzzle: utf8("IMS/1 puzzle"),
  fakeRecord: utf8("IMS/1 fake record"),
  passwordChange: utf8("IMS/1 password change"),
} as const;

/** Names the OPAQUE configuration; the login context is this followed by the channel's handshake hash (PROTOCOL §6). */
export const LOGIN_SUITE = utf8(
  "IMS/1 OPAQUE-3DH ristretto255-SHA512 HKDF-SHA512 HMAC-SHA512 SHA512 Argon2id-65536-3-4 curve25519",
);

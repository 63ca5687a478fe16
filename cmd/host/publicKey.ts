import { concat } from "../../core/bytes.ts";
import { type CryptoProvider, DH_BYTES } from "../../core/crypto/provider.ts";
import { CodedError } from "../../core/errors.ts";
import { REALM_ID_BYTES } from "../../core/limits.ts";
import { formatBase64url } from "./base64url.ts";
import { readBytes } from "./files.ts";
import { formatKeyLine, KEY_FILE_MAX_BYTES, parseKeyLine } from "./keyLine.ts";

const PREFIX = "ims-server-1";

/** What a client knows of its server: `keys/server.pub`. */
export interface ServerPublicKey {
  /** 32 bytes. */
  readonly realmId: Uint8Array;
  /** The server's static X25519 key of the channel: 32 bytes. */
  readonly staticPublicKey: Uint8Array;
}

/** The line of `keys/server.pub`, with its line end. */
export function formatPublicKey(key: ServerPublicKey): string {
  return new TextDecoder().decode(formatKeyLine(PREFIX, concat(key.realmId, key.staticPublicKey)));
}

/** @param file how errors call it. @throws config.invalid */
export function loadPublicKey(path: string, file = path): ServerPublicKey {
  const line = readBytes(path, { name: file, maxBytes: KEY_FILE_MAX_BYTES });
  const bytes = parseKeyLine(line, { prefix: PREFIX, bytes: REALM_ID_BYTES + DH_BYTES });
  if (bytes === null) {
    const secret = new TextDecoder().decode(line.subarray(0, 14)) === "ims-server-key";
    const what = secret ? "this is the server's private key; publicKey must name keys/server.pub" : EXPECTED;
    throw new CodedError("config.invalid", `${file}: ${what}`);
  }
  return { realmId: bytes.slice(0, REALM_ID_BYTES), staticPublicKey: bytes.slice(REALM_ID_BYTES) };
}

const EXPECTED = `not the public key of a server: expected one line "${PREFIX}" and 86 characters of base64url`;

/** `SHA256:` and the digest of realm id and key in base64 without padding, as ssh shows a host's. */
export function fingerprint(crypto: Pick<CryptoProvider, "sha256">, key: ServerPublicKey): string {
  const digest = formatBase64url(crypto.sha256(key.realmId, key.staticPublicKey));
  return `SHA256:${digest.replaceAll("-", "+").replaceAll("_", "/")}`;
}

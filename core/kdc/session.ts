import type { Address } from "../ids.ts";
import type { Secret } from "../secret.ts";

/**
 * What the server remembers of a logged-in device, from login until logout; then `key` is wiped on both sides. Nothing
 * of it is ever on disk.
 */
export interface Session extends Address {
  /** The session key that OPAQUE agreed: 64 bytes. */
  readonly key: Secret;
  /** The user's, Ed25519: 32 bytes. */
  readonly identityKey: Uint8Array;
  /** The key that tickets for this device are sealed to, as it stands on the user's list: 32 bytes. */
  readonly ticketKey: Uint8Array;
  /** Milliseconds since 1970. */
  readonly since: number;
}

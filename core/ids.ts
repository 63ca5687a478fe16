import type { Env } from "./env.ts";
import { CONVERSATION_ID_BYTES, DEVICE_ID_BYTES, MESSAGE_ID_BYTES } from "./limits.ts";
import type { UserName } from "./name.ts";

/** Random identifiers, held as lower-case hexadecimal so that they compare and key maps; branded so they never mix. */
export type DeviceId = string & { readonly brand: "DeviceId" };
export type ConversationId = string & { readonly brand: "ConversationId" };
export type MessageId = string & { readonly brand: "MessageId" };

export function newDeviceId(env: Env): DeviceId {
  return env.randomBytes(DEVICE_ID_BYTES).toHex() as DeviceId;
}

export function newConversationId(env: Env): ConversationId {
  return env.randomBytes(CONVERSATION_ID_BYTES).toHex() as ConversationId;
}

export function newMessageId(env: Env): MessageId {
  return env.randomBytes(MESSAGE_ID_BYTES).toHex() as MessageId;
}

/** One device of one user. */
export interface Address {
  readonly user: UserName;
  readonly device: DeviceId;
}

/** An address as a key of a map: neither part can hold a slash. */
export function addressKey(address: Address): string {
  return `${address.user}/${address.device}`;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.user === b.user && a.device === b.device;
}

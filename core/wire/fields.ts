/** Fields that several messages have: names and ids, each in its one encoding. */
import type { ConversationId, DeviceId, MessageId } from "../ids.ts";
import { CONVERSATION_ID_BYTES, DEVICE_ID_BYTES, MESSAGE_ID_BYTES, NAME_MAX_BYTES } from "../limits.ts";
import { parseUserName } from "../name.ts";
import { checked, id, text } from "./codec.ts";

/** A name as the protocol has it: lower case. */
export const userName = checked(text(NAME_MAX_BYTES), parseUserName);
/** A name as registered: any case. */
export const displayName = checked(text(NAME_MAX_BYTES), (value) => {
  parseUserName(value);
  return value;
});
/** 8 bytes. */
export const deviceId = id<DeviceId>(DEVICE_ID_BYTES);
/** 16 bytes. */
export const conversationId = id<ConversationId>(CONVERSATION_ID_BYTES);
/** 16 bytes. */
export const messageId = id<MessageId>(MESSAGE_ID_BYTES);

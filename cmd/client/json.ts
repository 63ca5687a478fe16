/** The objects that `--json` prints, one a line. Fields are only ever added. Times are ISO 8601, UTC, milliseconds. */
import type { MessageNotice } from "../../core/peer/notices.ts";
import { asciiJson } from "../host/json.ts";

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** All but ASCII is escaped: a direction override in a text is harmless on a terminal, and the reader's to judge. */
export function jsonLine(value: Parameters<typeof asciiJson>[0]): string {
  return `${asciiJson(value)}\n`;
}

/** A time that a peer stamped may be any number. */
export function peerTime(ms: number): string {
  const latest = 8_640_000_000_000_000;
  return isoTime(Math.min(ms, latest));
}

export function messageJson(message: MessageNotice): string {
  const { id, from, device, to, trust, sentAt, receivedAt, text } = message;
  return jsonLine({
    type: "message",
    id,
    from,
    device,
    to,
    sentAt: peerTime(sentAt),
    receivedAt: peerTime(receivedAt),
    text,
    identity: trust,
  });
}

/** The objects that `--json` prints, one a line. Fields are only ever added. Times are ISO 8601, UTC, milliseconds. */
import type { MessageNotice } from "../../core/peer/clientSession.ts";

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function jsonLine(value: Readonly<Record<string, string | number | boolean>>): string {
  // A direction override in a text is the reader's to judge; escaping all but ASCII keeps it harmless on a terminal.
  const escaped = JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${escaped}\n`;
}

/** A time that a peer stamped may be any number. */
export function peerTime(ms: number): string {
  const latest = 8_640_000_000_000_000;
  return isoTime(Math.min(ms, latest));
}

export function messageJson(message: MessageNotice): string {
  const { id, from, device, to, sentAt, receivedAt, text } = message;
  return jsonLine({
    type: "message",
    id,
    from,
    device,
    to,
    sentAt: peerTime(sentAt),
    receivedAt: peerTime(receivedAt),
    text,
  });
}

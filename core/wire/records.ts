/** How encoded frames share records, and fill one. */
import { concat, u16 } from "../bytes.ts";
import { RECORD_FRAMES_MAX, RECORD_PACK_BYTES } from "../limits.ts";
import { FRAME_HEADER_BYTES, PADDING_TYPE } from "./frames.ts";

/**
 * The frames, in order, as the plaintexts of as few records as hold them: `RECORD_FRAMES_MAX` frames and
 * `RECORD_PACK_BYTES` at most, or one frame that is longer.
 */
export function packRecords(frames: readonly Uint8Array[]): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  let bytes = 0;
  for (const frame of frames) {
    const full = open.length === RECORD_FRAMES_MAX || bytes + frame.length > RECORD_PACK_BYTES;
    if (open.length > 0 && full) {
      records.push(concat(...open));
      open = [];
      bytes = 0;
    }
    open.push(frame);
    bytes += frame.length;
  }
  if (open.length > 0) records.push(concat(...open));
  return records;
}

/** Fills the frames of one record up to exactly `bytes` with a padding frame. Throws a plain `Error` when they do not fit. */
export function padRecord(frames: Uint8Array, bytes: number): Uint8Array {
  const gap = bytes - frames.length - FRAME_HEADER_BYTES;
  if (gap < 0) throw new Error("padRecord: the frames do not fit");
  const out = new Uint8Array(bytes);
  out.set(frames);
  out[frames.length] = PADDING_TYPE;
  out.set(u16(gap), frames.length + 1);
  return out;
}

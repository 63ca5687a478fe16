/** How encoded frames share records. */

import { concat } from "../bytes.ts";
import { RECORD_PACK_BYTES } from "../limits.ts";

/** The frames, in order, as the plaintexts of as few records as hold them: at most `RECORD_PACK_BYTES`, or one frame. */
export function packRecords(frames: readonly Uint8Array[]): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  let bytes = 0;
  for (const frame of frames) {
    if (open.length > 0 && bytes + frame.length > RECORD_PACK_BYTES) {
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

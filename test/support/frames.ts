/** WebSocket frames (RFC 6455 §5.2) as bytes, for tests that look at them or forge them. */
import { concat } from "../../core/bytes.ts";

export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  /** Unmasked. */
  readonly payload: Uint8Array;
}

const HEAD_END = new TextEncoder().encode("\r\n\r\n");
const MASK = Uint8Array.of(0x5a, 0xa5, 0x3c, 0xc3);

/** One whole frame. A client masks, a server does not. */
export function encodeFrame({ opcode, payload }: Frame, masked: boolean): Uint8Array {
  const { length } = payload;
  const bit = masked ? 0x80 : 0;
  const head =
    length < 126
      ? Uint8Array.of(0x80 | opcode, bit | length)
      : length < 65_536
        ? Uint8Array.of(0x80 | opcode, bit | 126, length >> 8, length & 0xff)
        : Uint8Array.of(0x80 | opcode, bit | 127, 0, 0, 0, 0, length >>> 24, length >>> 16, length >>> 8, length);
  return masked ? concat(head, MASK, xor(payload, MASK)) : concat(head, payload);
}

function xor(payload: Uint8Array, mask: Uint8Array): Uint8Array {
  const out = new Uint8Array(payload.length);
  for (let at = 0; at < out.length; at += 1) out[at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return out;
}

/** Cuts one direction of a connection into its HTTP head and its frames. */
export class FrameReader {
  #pending: Uint8Array = new Uint8Array(0);
  #head: string | null = null;

  /** The HTTP head; null until all of it is there. */
  get head(): string | null {
    return this.#head;
  }

  /** Takes bytes; gives the head when they complete it, and the frames that are complete. */
  push(chunk: Uint8Array): { readonly head: Uint8Array | null; readonly frames: readonly Frame[] } {
    this.#pending = concat(this.#pending, chunk);
    let head: Uint8Array | null = null;
    if (this.#head === null) {
      const end = Buffer.from(this.#pending).indexOf(HEAD_END);
      if (end < 0) return { head: null, frames: [] };
      head = this.#take(end + HEAD_END.length);
      this.#head = new TextDecoder("latin1").decode(head);
    }
    const frames: Frame[] = [];
    for (let frame = this.#frame(); frame !== null; frame = this.#frame()) frames.push(frame);
    return { head, frames };
  }

  #frame(): Frame | null {
    const [first = 0, second = 0] = this.#pending;
    const short = second & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const maskBytes = (second & 0x80) === 0 ? 0 : 4;
    const headBytes = 2 + lengthBytes + maskBytes;
    if (this.#pending.length < headBytes) return null;
    const view = new DataView(this.#pending.buffer, this.#pending.byteOffset);
    const length = lengthBytes === 0 ? short : lengthBytes === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
    if (this.#pending.length < headBytes + length) return null;
    const bytes = this.#take(headBytes + length);
    const body = bytes.slice(headBytes);
    const payload = maskBytes === 0 ? body : xor(body, bytes.subarray(headBytes - 4, headBytes));
    return { opcode: first & 0x0f, payload };
  }

  #take(length: number): Uint8Array {
    const taken = this.#pending.slice(0, length);
    this.#pending = this.#pending.slice(length);
    return taken;
  }
}

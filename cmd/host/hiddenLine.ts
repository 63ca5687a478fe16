/** The line editor of a password prompt: bytes in, nothing shown. */
import { decodeUtf8 } from "../../core/bytes.ts";

const MAX_BYTES = 4096;
const [CTRL_C, CTRL_D, BACKSPACE, CTRL_U, CTRL_W, ESCAPE, DELETE] = [0x03, 0x04, 0x08, 0x15, 0x17, 0x1b, 0x7f];
const [LINE_FEED, RETURN] = [0x0a, 0x0d];

/** `more`: go on typing. */
export type HiddenStep = "more" | "line" | "end" | "interrupt";

export class HiddenLine {
  readonly #bytes = new Uint8Array(MAX_BYTES);
  #length = 0;
  /** Where in the sequence of an arrow or function key we are; such keys are passed over. */
  #sequence: "none" | "escape" | "body" = "none";

  /** What `byte` leads to. */
  push(byte: number): HiddenStep {
    if (byte === CTRL_C) return "interrupt";
    if (byte === RETURN || byte === LINE_FEED) return "line";
    if (this.#inSequence(byte)) return "more";
    if (byte === CTRL_D && this.#length === 0) return "end";
    if (byte === BACKSPACE || byte === DELETE) this.#dropCharacter();
    else if (byte === CTRL_U || byte === CTRL_W) this.wipe();
    else if (byte >= 0x20 && this.#length < MAX_BYTES) this.#bytes[this.#length++] = byte;
    return "more";
  }

  /** The line; null when it is not UTF-8. */
  text(): string | null {
    return decodeUtf8(this.#bytes.subarray(0, this.#length));
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#length = 0;
  }

  #inSequence(byte: number): boolean {
    if (byte === ESCAPE) this.#sequence = "escape";
    else if (this.#sequence === "escape") this.#sequence = byte === 0x5b || byte === 0x4f ? "body" : "none";
    else if (this.#sequence === "body") this.#sequence = byte >= 0x40 && byte <= 0x7e ? "none" : "body";
    else return false;
    return true;
  }

  /** One character may be several bytes of UTF-8. */
  #dropCharacter(): void {
    while (this.#length > 0) {
      this.#length -= 1;
      const byte = this.#bytes[this.#length] ?? 0;
      this.#bytes[this.#length] = 0;
      if ((byte & 0xc0) !== 0x80) return;
    }
  }
}

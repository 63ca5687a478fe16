/**
 * The audit trail, `data/audit.jsonl`: who logged in and out, who was refused, what an operator changed; when, and from
 * which prefix. Never a text, a recipient or a whole address. A full disk or a slow one costs lines, which are
 * counted, and nothing else: whoever notes something does not wait.
 */
import { join } from "node:path";
import { CodedError } from "../../core/errors.ts";
import { systemReason } from "../host/files.ts";
import { asciiJson } from "../host/json.ts";
import { type Log, type LogFields, listedFields } from "../host/log.ts";
import { type Appended, AUDIT_NAME, appendLines } from "./auditFile.ts";

/** Lines are written a moment after they were noted, those of the moment together. */
const FLUSH_MS = 200;
/** Lines that wait for the disk: some 8,000. */
const WAITING_MAX_BYTES = 1024 * 1024;
/** How long the disk may keep the end waiting. */
const CLOSE_MS = 1000;

/** What a line may hold besides its time and event. */
export type AuditFields = Omit<LogFields, "address">;

export interface Audit {
  note(event: string, fields?: AuditFields): void;
}

export interface AuditOptions {
  /** The data folder. */
  readonly folder: string;
  /** `limits.auditBytes`. */
  readonly maxBytes: number;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly append?: typeof appendLines;
}

/** One line of the trail, with its line end; types can be cast away, so an address is left out here once more. */
export function auditLine(timeMs: number, event: string, fields: AuditFields): string {
  const { address: _, ...kept } = listedFields(fields);
  return `${asciiJson({ time: new Date(timeMs).toISOString(), event, ...kept })}\n`;
}

/** Disposing writes what waits. */
export class AuditTrail implements Audit, AsyncDisposable {
  /** Changed by a reload. */
  maxBytes: number;
  readonly #options: AuditOptions;
  readonly #path: string;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #writing: Promise<void> | null = null;
  #failing = false;
  #lines = 0;
  #dropped = 0;
  /** Of those dropped: what the trail does not tell yet. */
  #untold = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#path = join(options.folder, AUDIT_NAME);
    this.maxBytes = options.maxBytes;
  }

  /** Lines since the start: in the file, and lost. */
  get figures(): { readonly lines: number; readonly dropped: number } {
    return { lines: this.#lines, dropped: this.#dropped };
  }

  note(event: string, fields: AuditFields = {}): void {
    const line = auditLine(this.#options.nowMs(), event, fields);
    if (this.#waitingBytes + line.length > WAITING_MAX_BYTES) {
      this.#drop(1);
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#schedule();
  }

  /** Resolves when what was noted until now is written or lost, at the latest after a second. */
  async flush(): Promise<void> {
    const written = async (): Promise<void> => {
      await this.#writing;
      await this.#write();
    };
    await Promise.race([written(), Bun.sleep(CLOSE_MS)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(): void {
    if (this.#timer !== null || this.#writing !== null) return;
    this.#timer = setTimeout(() => void this.#write(), FLUSH_MS);
  }

  #write(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing ??= this.#writeWaiting().finally(() => {
      this.#writing = null;
      if (this.#waiting.length > 0) this.#schedule();
    });
    return this.#writing;
  }

  async #writeWaiting(): Promise<void> {
    const { nowMs, append = appendLines } = this.#options;
    const lines = this.#waiting;
    const lost = this.#untold;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (lines.length === 0) return;
    const told = lost === 0 ? [] : [auditLine(nowMs(), "audit.lost", { count: lost })];
    const result = await append(this.#path, [...told, ...lines], this.maxBytes);
    if (result.written >= told.length) this.#untold -= lost;
    const written = Math.max(0, result.written - told.length);
    this.#lines += written;
    this.#drop(lines.length - written);
    this.#complain(result, lost);
  }

  #drop(count: number): void {
    this.#dropped += count;
    this.#untold += count;
  }

  /** Once when it begins to fail, and once when it works again. */
  #complain({ failure }: Appended, lost: number): void {
    const { log } = this.#options;
    if (failure !== null && !this.#failing) {
      const reason = failure instanceof CodedError ? failure.detail : systemReason(failure);
      log.error("audit.failed", { file: AUDIT_NAME, reason, note: "what happens until it works again is not in it" });
    }
    if (failure === null && this.#failing) log.warn("audit.works", { file: AUDIT_NAME, count: lost });
    this.#failing = failure !== null;
  }
}

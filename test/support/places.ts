/** Where the devices of a simulation keep their state: a folder that outlasts its client, can be rolled back, and can be lost. */
import type { StateHeader, StateWrites, StoredState } from "../../core/peer/savedState.ts";

interface Snapshot {
  readonly header: StateHeader | null;
  readonly entries: ReadonlyMap<string, Uint8Array>;
}

export class Place {
  readonly label: string;
  /** A client has it. */
  taken = false;
  /** How often it was rolled back or lost: what was read before may be read again. */
  setBacks = 0;
  #header: StateHeader | null = null;
  #entries = new Map<string, Uint8Array>();
  readonly #copies: Snapshot[] = [];

  constructor(label: string) {
    this.label = label;
  }

  get stored(): StoredState | null {
    return this.#header === null ? null : { header: this.#header, entries: new Map(this.#entries) };
  }

  save(header: StateHeader | null, writes: StateWrites): void {
    if (header !== null) this.#header = header;
    for (const [name, bytes] of writes) {
      if (bytes === null) this.#entries.delete(name);
      else this.#entries.set(name, bytes.slice());
    }
  }

  /** A copy is put away. */
  copy(): void {
    if (this.#header !== null) this.#copies.push({ header: this.#header, entries: new Map(this.#entries) });
  }

  /** The last copy is put back; false when there is none of this device. */
  rollBack(): boolean {
    const copy = this.#copies.pop();
    if (copy === undefined || copy.header?.device !== this.#header?.device) return false;
    this.#entries = new Map(copy.entries);
    this.setBacks += 1;
    return true;
  }

  lose(): void {
    this.#header = null;
    this.#entries.clear();
    this.#copies.length = 0;
    this.setBacks += 1;
  }
}

import type { StateHeader, StateWrites, StoredState } from "../../../core/peer/savedState.ts";

/** Where the state of one device is kept. Everything in it but the header is sealed. */
export interface DeviceState extends Disposable {
  /** What is there; null for a new device. */
  readonly stored: StoredState | null;
  /** Nothing outlasts the process, and the device is removed at its logout. */
  readonly temporary: boolean;
  /** Keeps all of it or nothing; it outlasts a power cut once this returns. @throws file.failed */
  save(header: StateHeader | null, writes: StateWrites): void;
}

/** `--state none`: a device that leaves nothing behind. */
export class NoState implements DeviceState {
  readonly stored = null;
  readonly temporary = true;

  save(): void {}

  [Symbol.dispose](): void {}
}

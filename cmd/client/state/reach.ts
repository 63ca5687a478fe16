/** The state of this device, or a session through the client that holds it. */
import { CodedError } from "../../../core/errors.ts";
import { type DeviceState, NoState } from "./deviceState.ts";
import { StateFolder } from "./folder.ts";
import { type GuestOptions, GuestSession } from "./guest.ts";
import type { StateOwner } from "./inspect.ts";

/** A command that does one thing holds the folder for a moment: others wait for it. */
const WAIT_MS = 15_000;
const RETRY_MS = 100;

/**
 * Takes the folder `place` (null: nothing is kept), or is the guest of whoever has it.
 * @throws file.locked when it is held for long by somebody who takes no guests; state.foreign when that is for another user;
 * and what `StateFolder.tryOpen` throws
 */
export async function reachState(
  place: string | null,
  owner: StateOwner,
  options: GuestOptions,
  waitMs = WAIT_MS,
): Promise<DeviceState | GuestSession> {
  if (place === null) return new NoState();
  const until = performance.now() + waitMs;
  for (;;) {
    const state = StateFolder.tryOpen(place, owner) ?? (await GuestSession.open(place, owner, options));
    if (state !== null) return state;
    if (performance.now() >= until)
      throw new CodedError("file.locked", `${place}: another client uses this device; end it first`);
    await Bun.sleep(RETRY_MS);
  }
}

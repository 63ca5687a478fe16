/**
 * Where the server keeps accounts, devices, prekeys and mailboxes: what the requests do is in core/peer/store.ts. Whatever
 * keeps them passes test/support/storeSuite.ts.
 *
 * Beyond what is said there: devices, prekeys, pins and envelopes belong to an account, and where there is none nothing of
 * them is kept. A prekey whose id is there replaces it, and is the newest then. Of more one-time prekeys than
 * `ONE_TIME_PREKEYS` the oldest go, so that a device which comes back with another state is not left with those whose private
 * halves it lacks. The bytes of a wrap, a pin, a list or an envelope are not looked into. A device that leaves the list loses
 * what waits for it, and finds nothing when it is listed again.
 */
import type { StoreAnswer, StoreRequest } from "../../../core/peer/store.ts";

/** Disposing of it runs what waits. */
export interface Store extends AsyncDisposable {
  /**
   * Requests take effect one after the other, in the order of the calls. Nobody changes the bytes of a request until it is
   * answered; those of the answer are the caller's. Resolves when what has changed will outlast a power cut.
   * @throws file.failed when that cannot be had: nothing of it is kept; a plain `Error` when a request is a bug of ours
   */
  run(request: StoreRequest): Promise<StoreAnswer>;
}

/** What the server's store does with envelopes for devices that are not there: kept on the disk, then read and acknowledged. */
import { SqliteStore } from "../cmd/server/store/sqlite.ts";
import { DEVICES_MAX } from "../core/limits.ts";
import { temporaryFolder } from "../test/support/folder.ts";
import { addressOf, BOB, deviceNamed, numberOf, requests, waiting } from "../test/support/storeRequests.ts";
import type { Counts } from "./counts.ts";

/** As many senders, each of which waits for its answer, and as many devices. */
const TOGETHER = DEVICES_MAX;
/** An envelope with a text of 256 bytes, without an opening. */
const ENVELOPE_BYTES = 300;
/** What a device is given, and acknowledges, at a time. */
const PART = { maxEnvelopes: 64, maxBytes: 65_536 };

export interface MailboxCost {
  readonly work: "deposit" | "collect and discard";
  readonly together: number;
  readonly count: number;
  readonly envelopeBytes: number;
  readonly perSecond: number;
  /** Of each envelope, all threads. */
  readonly cpuUs: number;
}

/** A store of its own in the folder for temporary files, which must be on a disk for the figures to mean anything. */
export async function measureMailboxes({ envelopes }: Counts): Promise<readonly MailboxCost[]> {
  using folder = temporaryFolder();
  await using store = SqliteStore.open(folder.path);
  const devices = Array.from({ length: TOGETHER }, (_, at) => at);
  await store.run(requests.create());
  await store.run(requests.putDevices(1, devices));
  const each = Math.ceil(envelopes / TOGETHER);
  const deposits = await timed("deposit", each, async (sender) => {
    const envelope = new Uint8Array(ENVELOPE_BYTES).fill(sender);
    for (let at = 0; at < each; at += 1) {
      const device = deviceNamed((sender + at) % TOGETHER);
      await store.run(requests.deposit(sender * each + at, { device, from: addressOf(BOB, sender), envelope }));
    }
  });
  const collected = await timed("collect and discard", each, async (number) => {
    const device = deviceNamed(number);
    for (let left = each; left > 0; ) {
      const part = await waiting(store, { device, ...PART });
      if (part.length === 0) throw new Error("bench: an envelope is missing");
      const discards = part.map((kept) => requests.discard([numberOf(kept)], { device, from: kept.from }));
      await Promise.all(discards.map((discard) => store.run(discard)));
      left -= part.length;
    }
  });
  return [deposits, collected];
}

/** @param run does all that is asked of one of those who are there together: `each` envelopes */
async function timed(work: MailboxCost["work"], each: number, run: (number: number) => Promise<void>) {
  const count = each * TOGETHER;
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await Promise.all(Array.from({ length: TOGETHER }, (_, number) => run(number)));
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cost = { together: TOGETHER, count, envelopeBytes: ENVELOPE_BYTES, perSecond: count / seconds };
  return { work, ...cost, cpuUs: (user + system) / count };
}

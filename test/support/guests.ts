/** An owner of a device whose connection a test plays, and its guests. */
import { GuestSession } from "../../cmd/client/state/guest.ts";
import { type OwnedSession, Owner } from "../../cmd/client/state/owner.ts";
import { CodedError } from "../../core/errors.ts";
import type { DeviceId, MessageId } from "../../core/ids.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { Comparison } from "../../core/peer/clientSession.ts";
import type { MessageNotice, Notice } from "../../core/peer/notices.ts";
import type { RosterEntry } from "../../core/peer/roster.ts";
import { fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { Heard } from "./localRealm.ts";
import { ALICE, HEADER, open } from "./stateFolders.ts";

export const NOW_MS = 1_700_000_000_000;
export const BOB = parseUserName("bob");

export function user(name: string, change: Partial<RosterEntry> = {}): readonly [UserName, RosterEntry] {
  return [parseUserName(name), { name, devices: [], trust: "unknown", ...change }];
}

export interface SentText {
  readonly to: string;
  readonly text: string;
  readonly id: MessageId;
  readonly deliveryMs: number;
}

/** A connection that notes what it is asked for. */
export class PlayedSession implements OwnedSession {
  readonly roster = new Map<UserName, RosterEntry>([user("Alice", { devices: [HEADER.device] }), user("Bob")]);
  readonly self = "Alice";
  readonly device: DeviceId = HEADER.device;
  readonly sent: SentText[] = [];
  readonly faults: Error[] = [];
  comparison: Comparison | null = null;
  /** Thrown by the next `send`. */
  failure: Error | null = null;

  send(to: string, text: string, id = "" as MessageId, deliveryMs = 0): void {
    if (this.failure !== null) throw this.failure;
    this.sent.push({ to, text, id, deliveryMs });
  }

  accept(name: UserName, key: string): void {
    if (key === this.comparison?.changed) this.#trust(name, "pinned");
  }

  verify(name: UserName, key: string, verified: boolean): void {
    if (key === this.comparison?.fingerprint) this.#trust(name, verified ? "verified" : "pinned");
  }

  async comparisonOf(name: UserName): Promise<Comparison | null> {
    return name === BOB ? this.comparison : null;
  }

  giveUp(error: Error): void {
    this.faults.push(error);
  }

  #trust(name: UserName, trust: RosterEntry["trust"]): void {
    const found = this.roster.get(name);
    if (found !== undefined) this.roster.set(name, { ...found, trust });
  }
}

/** Alice's client, which holds the folder at `path` and takes guests. */
export class PlayedOwner implements Disposable {
  readonly session = new PlayedSession();
  /** What its own user was shown of what guests sent. */
  readonly shown: Notice[] = [];
  onShown = (_notice: Notice): void => {};
  readonly owner: Owner;
  readonly #folder: ReturnType<typeof open>;

  constructor(path: string) {
    this.#folder = open(path);
    this.#folder.save(this.#folder.header === null ? HEADER : null, new Map());
    const shown = (notice: Notice): void => {
      this.shown.push(notice);
      this.onShown(notice);
    };
    this.owner = new Owner(this.#folder, this.session, shown, () => NOW_MS);
    if (!this.owner.listen()) throw new Error("nobody listens");
  }

  /** What it has sent so far, once there are `count` texts. */
  async sentTexts(count: number): Promise<readonly SentText[]> {
    for (let tries = 0; this.session.sent.length < count; tries += 1) {
      if (tries > 400) throw new Error(`${this.session.sent.length} of ${count} texts came`);
      await Bun.sleep(10);
    }
    return this.session.sent;
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

export interface PlayedGuest {
  readonly session: GuestSession;
  readonly heard: Heard;
}

/** A guest of whoever serves `path`. Fails when nobody does. */
export async function visit(path: string, label = "guest", deliveryMs?: number): Promise<PlayedGuest> {
  const heard = new Heard();
  const options = {
    env: fixedEnv(label, quickCrypto),
    events: heard,
    ...(deliveryMs === undefined ? {} : { deliveryMs }),
  };
  const session = await GuestSession.open(path, ALICE, options);
  if (session === null) throw new CodedError("server.notRunning", "nobody takes guests");
  return { session, heard };
}

export function message(text: string, change: Partial<MessageNotice> = {}): MessageNotice {
  return {
    ...{
      kind: "message",
      id: "ab".repeat(16) as MessageId,
      from: "Bob",
      device: "00".repeat(8) as DeviceId,
      to: "Alice",
    },
    ...{ own: false, trust: "pinned", sentAt: NOW_MS, receivedAt: NOW_MS, text, ...change },
  };
}

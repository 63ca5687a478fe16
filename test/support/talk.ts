/** Two users who are logged in and write to each other all the while, to see how long an attack makes them wait. */

import { hostEnv } from "../../cmd/host/env.ts";
import { newMessageId } from "../../core/ids.ts";
import { DEMO_USERS } from "./demoRealm.ts";
import type { RunningRealm } from "./runningRealm.ts";
import { ScriptedClient } from "./stranger.ts";

/** Between an answer and the next text. */
const PAUSE_MS = 10;

export interface Lap {
  readonly texts: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

export class Talk implements AsyncDisposable {
  readonly #users: readonly [ScriptedClient, ScriptedClient];
  readonly #spoken: Promise<void>;
  #over = false;
  #longestMs = 0;
  #texts = 0;
  /** Since the last lap. */
  #waitsMs: number[] = [];

  private constructor(users: readonly [ScriptedClient, ScriptedClient]) {
    this.#users = users;
    this.#spoken = this.#speak();
    this.#spoken.catch(() => {
      this.#over = true;
    });
  }

  /** Alice and Bob of the demo realm. */
  static async begin(realm: RunningRealm): Promise<Talk> {
    const logIn = ([user, password]: readonly [string, string]): Promise<ScriptedClient> =>
      ScriptedClient.login(realm.port, { user, password, publicKey: realm.folder.at("keys/server.pub") });
    const [first = ["", ""], second = ["", ""]] = DEMO_USERS;
    const alice = await logIn(first);
    const bob = await logIn(second);
    const present = ({ notices }: ScriptedClient): boolean =>
      notices.some((notice) => notice.kind === "presence" && notice.name === "Bob" && notice.devices > 0);
    await alice.until(() => present(alice), "Bob");
    return new Talk([alice, bob]);
  }

  /** Of all texts so far, from sending to the confirmation of the other side. */
  get longestMs(): number {
    return Math.round(this.#longestMs);
  }

  get texts(): number {
    return this.#texts;
  }

  /** How long texts have taken since the last time this was asked. */
  lap(): Lap {
    const sorted = this.#waitsMs.toSorted((a, b) => a - b);
    this.#waitsMs = [];
    const at = (share: number): number => Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) * 10) / 10;
    return { texts: sorted.length, medianMs: at(0.5), p99Ms: at(0.99), longestMs: at(1) };
  }

  /** Waits until so many more have been exchanged. */
  async more(count: number): Promise<void> {
    const enough = this.#texts + count;
    await this.#users[0].until(() => this.#texts >= enough || this.#over, `${count} texts`);
    if (this.#over) await this.#spoken;
  }

  /** Fails when a text did not arrive. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#spoken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    await this.#spoken.catch(() => {});
    for (const user of this.#users) user[Symbol.dispose]();
  }

  async #speak(): Promise<void> {
    for (let turn = 0; !this.#over; turn += 1) {
      const [from, to] = turn % 2 === 0 ? this.#users : this.#users.toReversed();
      if (from === undefined || to === undefined) return;
      const id = newMessageId(hostEnv);
      const began = performance.now();
      from.handle({ kind: "send", id, to: turn % 2 === 0 ? "bob" : "alice", text: `text ${turn}` });
      await from.until(() => from.notices.some((notice) => "id" in notice && notice.id === id), `text ${turn}`);
      const notice = from.notices.find((one) => "id" in one && one.id === id);
      if (notice?.kind !== "delivered") throw new Error(`text ${turn} was not delivered`);
      const waitMs = performance.now() - began;
      this.#longestMs = Math.max(this.#longestMs, waitMs);
      this.#waitsMs.push(waitMs);
      this.#texts += 1;
      for (const user of this.#users) user.notices.length = 0;
      await Bun.sleep(PAUSE_MS);
    }
  }
}

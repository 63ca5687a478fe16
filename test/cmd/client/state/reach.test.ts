/** Who gets the folder, between places in this process and real ones that are killed. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { StateFolder } from "../../../../cmd/client/state/folder.ts";
import { GuestSession } from "../../../../cmd/client/state/guest.ts";
import { reachState } from "../../../../cmd/client/state/reach.ts";
import { CodedError } from "../../../../core/errors.ts";
import { rejection } from "../../../support/codes.ts";
import { fixedEnv, quickCrypto } from "../../../support/fixedEnv.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { BOB, PlayedOwner } from "../../../support/guests.ts";
import { Heard } from "../../../support/localRealm.ts";
import { ALICE, entry, makeState, open } from "../../../support/stateFolders.ts";

const options = () => ({ env: fixedEnv("reach", quickCrypto), events: new Heard() });

describe("whoever asks for a state", () => {
  test("and wants none kept gets one that keeps nothing", async () => {
    const state = await reachState(null, ALICE, options());
    if (state instanceof GuestSession) throw new Error("a guest");
    using none = state;
    none.save(null, new Map([[entry(1), new Uint8Array(1)]]));
    expect([none.stored, none.temporary]).toEqual([null, true]);
  });

  test("gets the folder when nobody has it", async () => {
    using folder = temporaryFolder();
    const state = await reachState(folder.at("s"), ALICE, options());
    expect(state).toBeInstanceOf(StateFolder);
    if (state instanceof StateFolder) state[Symbol.dispose]();
  });

  test("is the guest of somebody who takes guests", async () => {
    using folder = temporaryFolder();
    using owner = new PlayedOwner(folder.at("s"));
    const guest = await reachState(folder.at("s"), ALICE, options());
    expect(guest instanceof GuestSession && guest.self).toBe(owner.session.self);
  });

  test("for another user than its owner's is refused at once", async () => {
    using folder = temporaryFolder();
    using _owner = new PlayedOwner(folder.at("s"));
    const error = await rejection(reachState(folder.at("s"), { ...ALICE, user: BOB }, options()));
    expect(error.code).toBe("state.foreign");
  });

  test("waits for somebody who takes none, and gets it then", async () => {
    using folder = temporaryFolder();
    const held = open(folder.at("s"));
    setTimeout(() => held[Symbol.dispose](), 150);
    const state = await reachState(folder.at("s"), ALICE, options());
    expect(held).not.toBe(state as StateFolder);
    if (state instanceof StateFolder) state[Symbol.dispose]();
  });

  test("is told when that takes too long", async () => {
    using folder = temporaryFolder();
    using _held = open(folder.at("s"));
    const error = await rejection(reachState(folder.at("s"), ALICE, options(), 200));
    const line = `${folder.at("s")}: another client uses this device; end it first`;
    expect([error.code, error.detail]).toEqual(["file.locked", line]);
  });
});

describe("another process", () => {
  test("that listens and says nothing, as one that was stopped, is not waited for without end", async () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    await using holder = await Holder.start(folder.at("s"));
    holder.stop();
    const given = { ...options(), helloMs: 50 };
    const error = await rejection(reachState(folder.at("s"), ALICE, given, 200));
    expect([error.code, given.events.ends]).toEqual(["file.locked", []]);
  });

  test("has it, serves it, and is killed: its guest hears of it, what it had saved is there, and the next one serves", async () => {
    using folder = temporaryFolder();
    const path = folder.at("s");
    for (let round = 0; round < 3; round += 1) {
      await using holder = await Holder.start(path);
      expect(StateFolder.tryOpen(path, ALICE)).toBeNull();
      const { events, env } = options();
      const guest = await reachState(path, ALICE, { env, events });
      expect(guest instanceof GuestSession && guest.self).toBe("Alice");
      await holder.saved(5 + 20 * round);
      const said = await holder.kill();
      expect(await events.end()).toEqual(
        new CodedError("connection.lost", "the client that holds this device has ended"),
      );
      expect(existsSync(`${path}/client.sock`)).toBe(true); // a dead one
      using state = open(path);
      const kept = state.stored?.entries;
      for (const number of said) expect([kept?.has(entry(number)), kept?.has(entry(number + 1))]).toEqual([true, true]);
      expect((kept?.size ?? 1) % 2).toBe(0); // both of a pair, or neither
    }
    using owner = new PlayedOwner(path);
    expect((await reachState(path, ALICE, options())) instanceof GuestSession).toBe(true);
    expect(owner.session.faults).toEqual([]);
  }, 30_000);

  test("has it and takes no guests: once it is killed, whoever waits gets it", async () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    await using holder = await Holder.start(folder.at("s"), "quiet");
    const waiting = reachState(folder.at("s"), ALICE, options());
    await Bun.sleep(150);
    await holder.kill();
    const state = await waiting;
    expect(state instanceof StateFolder && state.header?.user).toBe(ALICE.user);
    if (state instanceof StateFolder) state[Symbol.dispose]();
  }, 20_000);
});

test("processes that take the folder and delete all in it, as one that failed to log in does, never have it together", async () => {
  using folder = temporaryFolder();
  const script = `${import.meta.dir}/../../../support/stateRival.ts`;
  const until = Date.now() + (process.env.SLOW === "1" ? 10_000 : 2500);
  const rivals = [1, 2, 3].map(async () => {
    const command = [process.execPath, script, folder.at("s"), folder.at("mark"), `${until}`];
    const { stdout, exited } = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
    const [text, code] = await Promise.all([new Response(stdout).text(), exited]);
    const [had = 0, clashes = -1] = text.split(" ").map(Number);
    return { had, clashes, code };
  });
  const done = await Promise.all(rivals);
  expect(done.map(({ clashes, code }) => [clashes, code])).toEqual(rivals.map(() => [0, 0]));
  expect(done.reduce((sum, { had }) => sum + had, 0)).toBeGreaterThan(5);
}, 30_000);

/** A process of its own that holds a folder. */
class Holder implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #heard = new Heard();
  readonly #read: Promise<void>;
  #text = "";

  private constructor(path: string, ...more: readonly string[]) {
    const script = `${import.meta.dir}/../../../support/stateHolder.ts`;
    this.#child = Bun.spawn([process.execPath, script, path, ...more], { stdout: "pipe", stderr: "inherit" });
    this.#read = this.#collect();
  }

  static async start(path: string, ...more: readonly string[]): Promise<Holder> {
    const holder = new Holder(path, ...more);
    await holder.#heard.until(() => holder.#text.includes("held\n"), "a process that holds the folder");
    return holder;
  }

  /** Waits until it has said so often that it has saved something. */
  async saved(times: number): Promise<void> {
    await this.#heard.until(() => this.#numbers().length >= times, `${times} saves`);
  }

  /** What it had said that it has saved. */
  async kill(): Promise<readonly number[]> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    await this.#read;
    return this.#numbers();
  }

  stop(): void {
    this.#child.kill("SIGSTOP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** The last line may be a part of one. */
  #numbers(): readonly number[] {
    const lines = this.#text.slice(0, this.#text.lastIndexOf("\n") + 1).split("\n");
    return lines.filter((line) => /^\d+$/.test(line)).map(Number);
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) this.#text += decoder.decode(bytes);
  }
}

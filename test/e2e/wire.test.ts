/** What somebody sees who records every byte between the clients and the server. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { utf8 } from "../../core/bytes.ts";
import { LOGIN_RECORD_BYTES } from "../../core/limits.ts";
import { RunningRealm } from "../support/runningRealm.ts";
import { traceOf } from "../support/traces.ts";
import { type Direction, Wiretap } from "../support/wiretap.ts";

setDefaultTimeout(20_000);

// Long words: a short one stands in random bytes by chance.
const NAMES = ["Wilhelmina", "Bartholomew"] as const;
const PASSWORDS = ["correct horse canary", "staple battery canary"] as const;
const GUESS = "a wrong guess canary";
const CANARIES = ["canary of the way there", "canary of the way back"] as const;
const SECRETS = [...PASSWORDS, GUESS, ...CANARIES];

let realm: RunningRealm;
beforeAll(async () => {
  realm = await RunningRealm.start({ limits: { devicesPerUser: 1 } });
  for (const [at, name] of NAMES.entries()) {
    const file = realm.folder.setPassword(name, PASSWORDS[at] ?? "");
    await realm.folder.admin("user", "add", name, "--password-file", file);
  }
  await realm.logged("users.loaded", { users: 7 });
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

/** A tap, and what makes a client go through it. */
async function tapped(): Promise<{ readonly tap: Wiretap; readonly config: readonly string[] }> {
  const tap = await Wiretap.open(realm.port);
  return { tap, config: ["--config", realm.folder.clientConfigFor(tap.port)] };
}

function lengths(tap: Wiretap, direction: Direction): readonly number[] {
  return tap.messages(direction).map(({ length }) => length);
}

test("the search finds a word in every form that it looks for", () => {
  const base64 = (text: string) => btoa(text);
  for (const text of [
    "a Canary here",
    "636e 43616e617279 00",
    base64("a canary"),
    base64("12 CANARY 3"),
    base64("x:canary"),
  ]) {
    expect(traceOf("canary", utf8(text))).not.toBeNull();
  }
  expect(traceOf("canary", new Uint8Array(Buffer.from("xcanaryx", "utf16le")))).toBe("UTF-16");
  expect(traceOf("canary", utf8(Buffer.from("canary", "utf16le").toString("base64")))).toBe("base64");
  expect(traceOf("canary", utf8("a cannery, Y2FuZXJ5, 63616e657279"))).toBeNull();
});

test("a whole conversation: no name, password or text on the wire, in the server's files or in its log", async () => {
  const { tap, config } = await tapped();
  await using _tap = tap;
  const [first, second] = NAMES;
  const listener = realm.background(second, [...config, "listen", "--count", "1"]);
  await realm.logged("user.login", { user: second.toLowerCase() });
  await using chat = realm.terminal([...config, "--user", first]);
  await chat.shows("Password: ");
  chat.enter(GUESS);
  await chat.until(({ text }) => text.split("Password: ").length > 2, "the second question");
  chat.enter(PASSWORDS[0]);
  await chat.shows(`online: ${second}`);
  chat.enter(`send ${second} ${CANARIES[0]}`);
  expect((await listener.ended()).out).toContain(CANARIES[0]);
  await chat.shows(`-- ${second} is offline`);
  const back = await realm.as(second, [...config, "send", first, CANARIES[1]]);
  expect(back).toEqual({ code: 0, out: "", err: "" });
  await chat.shows(`${second}: ${CANARIES[1]}`);
  chat.enter("/list");
  await chat.shows("Dana   ");
  chat.enter("logout");
  expect(await chat.ended()).toBe(0);

  expect(tap.messages("up").length).toBeGreaterThan(15);
  for (const word of [...NAMES, "Alice", "Chris", ...SECRETS])
    expect([word, traceOf(word, tap.everything)]).toEqual([word, null]);
  expect(await realm.stop()).toMatchObject({ code: 0 });
  for (const word of SECRETS) expect([word, traceOf(word, utf8(realm.logText))]).toEqual([word, null]);
  for (const file of filesIn(realm.folder.path)) {
    const content = readFileSync(file);
    for (const word of SECRETS) expect([file, word, traceOf(word, content)]).toEqual([file, word, null]);
  }
  await realm.startAgain();
});

test("every record of a login is 1,024 bytes long, whoever logs in and whatever the outcome", async () => {
  const accepted = await tapped();
  expect(await realm.as("Bob", [...accepted.config, "users"])).toMatchObject({ code: 0 });
  expect(lengths(accepted.tap, "up").slice(1, 3)).toEqual([LOGIN_RECORD_BYTES, LOGIN_RECORD_BYTES]);
  expect(lengths(accepted.tap, "down").slice(1, 2)).toEqual([LOGIN_RECORD_BYTES]);

  const shapes: unknown[] = [];
  for (const name of ["Bob", "Q", "a.name-that-is-as-long-as-it-gets"]) {
    const { tap, config } = await tapped();
    const given = ["--user", name.slice(0, 32), "--password-file", realm.folder.setPassword("wrong", GUESS)];
    expect(await realm.client([...config, ...given, "users"])).toMatchObject({ code: 3 });
    shapes.push([lengths(tap, "up"), lengths(tap, "down")]);
    await tap[Symbol.asyncDispose]();
  }
  expect(shapes[0]).toEqual([
    [lengths(accepted.tap, "up")[0], LOGIN_RECORD_BYTES],
    [lengths(accepted.tap, "down")[0], LOGIN_RECORD_BYTES],
  ]);
  expect(shapes[1]).toEqual(shapes[0]);
  expect(shapes[2]).toEqual(shapes[0]);
  await accepted.tap[Symbol.asyncDispose]();
});

test("a refusal of one device too many is 1,024 bytes long too", async () => {
  await using listener = await realm.listener("Dana");
  const { tap, config } = await tapped();
  expect(await realm.as("Dana", [...config, "users"])).toMatchObject({ code: 3 });
  expect(lengths(tap, "down").at(-1)).toBe(LOGIN_RECORD_BYTES);
  expect(listener.running).toBe(true);
  await tap[Symbol.asyncDispose]();
});

test("short texts of different lengths make records of one length", async () => {
  await using _listener = await realm.listener("Eric");
  const { tap, config } = await tapped();
  await using chat = await realm.chat("Alice", {}, config);
  chat.enter("/msg Eric to begin with");
  await chat.shows("to begin with ✓");
  const seen = new Set<number>();
  for (const text of ["a", "some", "a few words only"]) {
    const before = tap.messages("up").length;
    chat.enter(`/msg Eric ${text}`);
    await chat.shows(`: ${text} ✓`);
    for (const length of lengths(tap, "up").slice(before)) seen.add(length);
  }
  expect(seen.size).toBe(1);
  await tap[Symbol.asyncDispose]();
});

function filesIn(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
}

/** One device at a real server, its owner and its guests: what each of them sees and may do. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { StateFolder } from "../../../../cmd/client/state/folder.ts";
import { parseUserName } from "../../../../core/name.ts";
import { failure } from "../../../support/codes.ts";
import { beGuest, holdDevice } from "../../../support/household.ts";
import { type LocalClient, LocalRealm } from "../../../support/localRealm.ts";
import { Watched } from "../../../support/programs.ts";

const BOB = parseUserName("bob");

let realm: LocalRealm;
let place: string;
let owner: Awaited<ReturnType<typeof holdDevice>>;
let bob: LocalClient;
beforeEach(async () => {
  realm = await LocalRealm.start("Alice", "Bob");
  place = realm.folder.at("state");
  owner = await holdDevice(realm, "Alice", place);
  bob = await realm.connect("Bob");
  await owner.heard.until(() => owner.heard.of("presence").length > 0, "Bob");
});
afterEach(async () => {
  await Promise.all([owner.connection.logout(), bob.connection.logout()]);
  await realm[Symbol.asyncDispose]();
});

const guest = () => beGuest(realm, "Alice", place);

describe("a guest", () => {
  test("is the same device, and needs no password", async () => {
    const { session } = await guest();
    expect([session.self, session.over]).toEqual(["Alice", false]);
    expect([...session.roster]).toEqual([...owner.connection.roster]);
    expect(realm.rig.driver.online.devices).toBe(2); // Alice's one and Bob's
    expect(statSync(join(place, "client.sock")).mode & 0o777).toBe(0o600);
    await session.logout();
    expect([session.over, owner.connection.over]).toEqual([true, false]);
  });

  test("sends: the confirmation is its own, and everybody else at the device sees the text", async () => {
    const [first, second] = [await guest(), await guest()];
    first.session.send("bob", "h\u00e9llo \u{1f600}\nthere");
    await first.heard.until(() => first.heard.of("delivered").length === 1, "a confirmation");
    expect(bob.heard.of("message")[0]).toMatchObject({ from: "Alice", device: owner.connection.device });
    await second.heard.until(() => second.heard.texts.length === 1, "a copy");
    const copiesOf = ({ heard }: Pick<LocalClient, "heard">) =>
      heard.of("message").map((message) => `${message.own ? "own " : ""}${message.text}`);
    const text = "h\u00e9llo \u{1f600}\nthere";
    expect([bob, owner, second].map(copiesOf)).toEqual([[text], [`own ${text}`], [`own ${text}`]]);
    expect([owner, second].map(({ heard }) => heard.of("delivered").length)).toEqual([0, 0]);
    expect(first.heard.texts).toEqual([]);
    owner.connection.send("Bob", "mine");
    await owner.heard.until(() => owner.heard.of("delivered").length === 1, "a confirmation of the owner's");
    expect(first.heard.of("delivered")).toHaveLength(1);
  });

  test("hears of what is not delivered, and of its own alone", async () => {
    const { session, heard } = await guest();
    session.send("nobody", "hi");
    await bob.connection.logout();
    session.send("bob", "hi");
    await heard.until(() => heard.of("undelivered").length === 2, "the news");
    expect(heard.of("undelivered").map(({ to, reason }) => [to, reason])).toContainEqual(["nobody", "unknown"]);
    expect(owner.heard.of("undelivered")).toEqual([]);
  });

  test("hears messages that come, as the owner does, and who comes and goes", async () => {
    const { session, heard } = await guest();
    bob.connection.send("Alice", "hi");
    await heard.until(() => heard.texts.length === 1, "a message");
    expect([owner.heard.texts, heard.texts]).toEqual([["hi"], ["hi"]]);
    expect(session.roster.get(BOB)?.devices).toHaveLength(1);
    await bob.connection.logout();
    await heard.until(() => heard.of("presence").length === 1, "Bob's leaving");
    expect(session.roster.get(BOB)?.devices).toHaveLength(0);
  });

  test("compares, verifies and takes it back, and its roster has the mark", async () => {
    const { session, heard } = await guest();
    expect(await session.comparisonOf(BOB)).toBeNull(); // his key has not been seen
    session.send("bob", "hi");
    await heard.until(() => heard.of("delivered").length === 1, "a confirmation");
    const [mine, theirs] = [await session.comparisonOf(BOB), await bob.connection.comparisonOf(parseUserName("alice"))];
    expect(mine).toEqual(await owner.connection.comparisonOf(BOB));
    expect(mine?.safetyNumber).toBe(theirs?.safetyNumber ?? "");
    session.verify(BOB, "another key", true);
    expect((await session.comparisonOf(BOB))?.trust).toBe("pinned");
    session.verify(BOB, mine?.fingerprint ?? "", true);
    expect((await session.comparisonOf(BOB))?.trust).toBe("verified");
    for (const roster of [session.roster, owner.connection.roster]) expect(roster.get(BOB)?.trust).toBe("verified");
    session.verify(BOB, mine?.fingerprint ?? "", false);
    session.accept(BOB, mine?.fingerprint ?? ""); // nothing has changed: it does nothing
    expect((await session.comparisonOf(BOB))?.trust).toBe("pinned");
  });

  test("is refused a text or a name before it goes anywhere", async () => {
    const { session } = await guest();
    expect(failure(() => session.send("bob", "x".repeat(8193))).code).toBe("text.tooLong");
    expect(failure(() => session.send("no name", "x")).code).toBe("name.invalid");
    await session.logout();
    expect(failure(() => session.send("bob", "x")).code).toBe("connection.lost");
  });

  test("that sends the longest texts many times loses none", async () => {
    const { session, heard } = await guest();
    const texts = Array.from({ length: 60 }, (_, at) => `${at} ${"\u00e9".repeat(4000)}`);
    for (const text of texts) session.send("bob", text);
    await heard.until(() => heard.of("delivered").length === texts.length, "all confirmations");
    expect(bob.heard.texts).toEqual(texts);
  });
});

describe("the end", () => {
  test("of the owner is told its guests, once, and leaves no socket", async () => {
    const { session, heard } = await guest();
    const comparing = session.comparisonOf(BOB);
    await owner.connection.logout();
    expect(await heard.end()).toMatchObject({
      code: "connection.lost",
      detail: "the client that holds this device has ended",
    });
    expect(await comparing).toBeNull();
    expect([session.over, heard.ends.length]).toEqual([true, 1]);
    expect(readdirSync(place).sort()).toEqual(["state.db", "state.lock"]);
    expect(failure(() => session.send("bob", "hi")).code).toBe("connection.lost");
  });

  test("of a guest that has something under way is no matter", async () => {
    const { session } = await guest();
    session.send("bob", "hi");
    await bob.heard.until(() => bob.heard.texts.length === 1, "the text");
    await session.logout();
    owner.connection.send("bob", "more");
    await owner.heard.until(() => owner.heard.of("delivered").length === 1, "a confirmation");
    expect(owner.heard.ends).toEqual([]);
  });

  test("of the owner leaves the device to the next, who is the same one", async () => {
    const { device } = owner.connection;
    await owner.connection.logout();
    owner = await holdDevice(realm, "Alice", place);
    expect(owner.connection.device).toBe(device);
    const { session } = await guest();
    expect(session.over).toBe(false);
    expect(
      StateFolder.tryOpen(place, { realm: realm.configOf("Alice").realm, user: parseUserName("alice") }),
    ).toBeNull();
  });
});

describe("whoever does not keep to the rules is cut, and nobody else is", () => {
  /** Says `text` to the owner's socket; gives what came back once it is closed. */
  async function say(text: string): Promise<string> {
    const watched = new Watched();
    let [heard, closed] = ["", false];
    const over = (): void => {
      closed = true;
      watched.wake();
    };
    const socket = await Bun.connect({
      unix: join(place, "client.sock"),
      socket: {
        data(_, bytes) {
          heard += bytes.toString();
        },
        close: over,
        error: over,
      },
    });
    socket.write(text);
    await watched.until(
      () => closed || null,
      () => `the end after ${text.slice(0, 40)}`,
      4000,
    );
    return heard;
  }

  const send = (id: string) =>
    `${JSON.stringify({ do: "send", id: id.repeat(32), to: "bob", text: id, deliveryMs: 5000 })}\n`;

  test.each([
    "\n",
    "hello\n",
    "{}\n",
    "null\n",
    '{"do":"changePassword"}\n',
    '{"do":"removeDevices","devices":[]}\n',
    '{"do":"verify","user":"bob","verified":1}\n',
    "GET / HTTP/1.1\r\n\r\n",
  ])("%j", async (line) => {
    const { session } = await guest();
    const heard = await say(`${send("a")}${line}${send("b")}`);
    expect(heard.startsWith('{"user":')).toBe(true);
    session.send("bob", "after");
    await bob.heard.until(() => bob.heard.texts.includes("after"), "what the other guest says");
    expect(bob.heard.texts).toEqual(["a", "after"]);
    expect([owner.connection.over, session.over]).toEqual([false, false]);
  });

  test("a text that is too long is not sent, and said to be undelivered", async () => {
    const long = { do: "send", id: "0".repeat(32), to: "bob", text: "x".repeat(8193), deliveryMs: 5000 };
    const heard = await say(`${JSON.stringify(long)}\nx\n`);
    expect(heard).toContain('{"notice":{"kind":"undelivered","id":"00000000000000000000000000000000"');
    expect(owner.heard.texts).toEqual([]);
  });
});

test("a folder with a long path has guests too", async () => {
  const deep = join(realm.folder.path, "x".repeat(120));
  const bobs = await holdDevice(realm, "Bob", deep);
  const { session } = await beGuest(realm, "Bob", deep);
  expect(session.self).toBe("Bob");
  await bobs.connection.logout();
});

test("where no socket can be, the device is the owner's alone", async () => {
  const taken = realm.folder.at("taken");
  mkdirSync(join(taken, "client.sock"), { recursive: true, mode: 0o700 });
  const lone = await holdDevice(realm, "Bob", taken);
  expect(lone.connection.over).toBe(false);
  await lone.connection.logout();
  expect(lone.heard.ends).toEqual([null]);
  expect(statSync(join(taken, "client.sock")).isDirectory()).toBe(true);
});

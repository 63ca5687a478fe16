/** Real sessions of the client's connection: sending, being told, faults of whoever is told, and the end. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { CodedError } from "../../../core/errors.ts";
import { failure } from "../../support/codes.ts";
import { Heard, type LocalClient, LocalRealm } from "../../support/localRealm.ts";

let realm: LocalRealm;
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => {
  unhandled.push(error);
};
beforeAll(async () => {
  realm = await LocalRealm.start("Alice", "Bob", "Chris");
  process.on("unhandledRejection", onUnhandled);
});
afterAll(async () => {
  process.off("unhandledRejection", onUnhandled);
  await realm[Symbol.asyncDispose]();
});

let alice: LocalClient;
let bob: LocalClient;
beforeEach(async () => {
  alice = await realm.connect("Alice");
  bob = await realm.connect("Bob");
  await alice.heard.until(() => alice.heard.of("presence").length > 0, "Bob");
});
afterEach(async () => {
  await Promise.all([alice.connection.logout(), bob.connection.logout()]);
  expect(unhandled).toEqual([]);
});

const textsOf = (count: number, what = "text"): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${what} ${index}`);

test("the roster is complete when the login is, and presence is told as it changes", async () => {
  expect(bob.heard.notices[0]).toMatchObject({ kind: "attached", name: "Bob" });
  const online = [...bob.connection.roster.values()].map(({ name, devices }) => [name, devices.length]);
  expect(online.sort()).toEqual([
    ["Alice", 1],
    ["Bob", 1],
    ["Chris", 0],
  ]);
  expect(bob.connection.over).toBe(false);
  await bob.connection.logout();
  await alice.heard.until(() => alice.heard.of("presence").length === 2, "Bob's leaving");
  expect(alice.heard.of("presence").map(({ before, devices }) => [before, devices])).toEqual([
    [0, 1],
    [1, 0],
  ]);
});

test("many messages arrive once, in order, and each is confirmed", async () => {
  const texts = textsOf(50);
  for (const text of texts) alice.connection.send("bob", text);
  await alice.heard.until(() => alice.heard.of("delivered").length === 50, "50 confirmations");
  expect(bob.heard.texts).toEqual(texts);
});

test("whoever is told may send at once, and records keep their order", async () => {
  bob.heard.onNotice = (notice) => {
    if (notice.kind !== "message") return;
    for (const part of ["a", "b"]) bob.connection.send(notice.from, `${notice.text} ${part}`);
  };
  alice.heard.onNotice = (notice) => {
    if (notice.kind === "delivered" && alice.heard.of("delivered").length <= 5) alice.connection.send("Bob", "thanks");
    if (notice.kind === "delivered") alice.connection.send("Chris", "is not there"); // told before `send` returns
  };
  for (const text of textsOf(10)) alice.connection.send("Bob", text);
  const sent = 15;
  await alice.heard.until(() => alice.heard.texts.length === 2 * sent, "all answers");
  await alice.heard.until(() => alice.heard.of("delivered").length === sent, "all confirmations");
  expect(bob.heard.texts.filter((text) => text !== "thanks")).toEqual([...textsOf(10)]);
  expect(alice.heard.texts).toEqual(bob.heard.texts.flatMap((text) => [`${text} a`, `${text} b`]));
  expect(alice.heard.of("undelivered")).toHaveLength(sent);
  expect([...alice.heard.ends, ...bob.heard.ends]).toEqual([]);
});

describe("somebody who is told throws", () => {
  const fault = new RangeError("a fault of ours");

  test("it ends the connection with that error, which is told once, and nothing after it", async () => {
    bob.heard.onNotice = (notice) => {
      if (notice.kind !== "message") return;
      bob.connection.send("Chris", "is not there"); // leads to a notice that waits its turn
      throw fault;
    };
    alice.connection.send("Bob", "one");
    expect(await bob.heard.end()).toBe(fault);
    expect(failure(() => bob.connection.send("Alice", "more")).code).toBe("connection.lost");
    await bob.connection.logout();
    expect(bob.heard.ends).toEqual([fault]);
    expect(bob.heard.of("undelivered")).toEqual([]);
    expect(bob.connection.over).toBe(true);
  });

  test("twice, in each other: it is told once", async () => {
    bob.heard.onNotice = (notice) => {
      if (notice.kind === "message") bob.connection.send("Chris", "is not there");
      if (notice.kind === "undelivered") void bob.connection.logout();
      throw fault;
    };
    alice.connection.send("Bob", "one");
    expect(await bob.heard.end()).toBe(fault);
    await bob.connection.logout();
    expect(bob.heard.ends).toEqual([fault]);
  });

  test("after a fault within: the first is told, and once", async () => {
    const env = { ...realm.env() };
    const heard = new Heard();
    const chris = await realm.open({ config: realm.configOf("Chris"), events: heard, env });
    heard.onNotice = (notice) => {
      if (notice.kind !== "message") return;
      env.nowMs = () => {
        throw fault;
      };
      chris.send("Alice", "with a time that is not to be had");
      throw new TypeError("another");
    };
    await alice.heard.until(() => alice.heard.of("presence").length > 1, "Chris");
    alice.connection.send("Chris", "one");
    expect(await heard.end()).toBe(fault);
    await chris.logout();
    expect(heard.ends).toEqual([fault]);
  });

  test("what is no error becomes one", async () => {
    bob.heard.onNotice = () => {
      throw "text";
    };
    alice.connection.send("Bob", "one");
    expect(await bob.heard.end()).toEqual(new Error("not an error"));
  });

  test("at the end of the login: it is heard of all the same", async () => {
    const heard = new Heard();
    heard.onNotice = () => {
      throw fault;
    };
    const connection = await realm.open({ config: realm.configOf("Chris"), events: heard });
    expect(await heard.end()).toBe(fault);
    expect(connection.over).toBe(true);
  });

  test("what it was told of a text of its own is not the caller's", async () => {
    alice.heard.onNotice = () => {
      throw fault;
    };
    alice.connection.send("Chris", "is not there");
    expect(await alice.heard.end()).toBe(fault);
  });
});

test.each([
  ["a text that is too long", "Bob", "x".repeat(8193), "text.tooLong"],
  ["a text that is too long in bytes", "Bob", "é".repeat(4097), "text.tooLong"],
  ["a name that is none", "B b", "x", "name.invalid"],
  ["no name", "", "x", "name.invalid"],
] as const)("%s is the caller's, and the session goes on", async (_what, to, text, code) => {
  expect(failure(() => alice.connection.send(to, text)).code).toBe(code);
  alice.connection.send("Bob", "x".repeat(8192));
  await alice.heard.until(() => alice.heard.of("delivered").length === 1, "a confirmation");
});

test("a message that nobody confirms in time is undelivered, and the next one is not", async () => {
  await using _chris = await realm.deaf("Chris");
  const hasty = await realm.connect("Alice", { deliveryMs: 250 });
  hasty.connection.send("Chris", "anybody there?");
  await hasty.heard.until(() => hasty.heard.of("undelivered").length === 1, "the end of patience");
  expect(hasty.heard.of("undelivered")[0]).toMatchObject({ to: "Chris", reason: "late" });
  hasty.connection.send("Bob", "and you?");
  await hasty.heard.until(() => hasty.heard.of("delivered").length === 1, "a confirmation");
  await Bun.sleep(260);
  expect(hasty.heard.of("undelivered")).toHaveLength(1);
  await hasty.connection.logout();
});

describe("the end", () => {
  test("a logout ends it without an error, for us and for the server; a second does nothing", async () => {
    await alice.connection.logout();
    await alice.connection.logout();
    expect(await alice.heard.end()).toBeNull();
    expect(alice.heard.ends).toEqual([null]);
    await bob.heard.until(() => bob.heard.of("presence").some(({ devices }) => devices === 0), "Alice's leaving");
    expect(realm.rig.log.findLast(({ event }) => event === "user.logout")).not.toHaveProperty("code");
  });

  test("a user who is removed is told why", async () => {
    const users = new Map(realm.users);
    users.delete(realm.configOf("Bob").user);
    realm.rig.driver.setUsers(users);
    expect(await bob.heard.end()).toEqual(new CodedError("auth.ended"));
    await alice.heard.until(() => alice.heard.of("unregistered").length === 1, "the news");
    expect(failure(() => bob.connection.send("Alice", "hi")).code).toBe("connection.lost");
    realm.rig.driver.setUsers(realm.users);
  });

  test("a logout that the server never hears of takes a second", async () => {
    await using pipe = await DeafPipe.open(realm.port);
    const heard = new Heard();
    const chris = await realm.open({ config: realm.configOf("Chris"), port: pipe.port, events: heard });
    pipe.deaf = true;
    const begun = performance.now();
    await chris.logout();
    const took = performance.now() - begun;
    expect(took).toBeGreaterThan(900);
    expect(took).toBeLessThan(2000);
    expect(heard.ends).toEqual([null]);
  });
});

/** A network between client and server that one day carries nothing any more, and says nothing of it. */
class DeafPipe implements AsyncDisposable {
  deaf = false;
  readonly #sockets: Socket[] = [];
  readonly #server = createServer((near) => {
    const far = connect({ port: this.#target, host: "127.0.0.1" });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.push(from);
      from.on("data", (bytes) => void (this.deaf || to.write(bytes)));
      from.on("error", () => {});
      from.on("close", () => void (this.deaf || to.destroy()));
    }
  });
  readonly #target: number;

  private constructor(target: number) {
    this.#target = target;
  }

  static async open(target: number): Promise<DeafPipe> {
    const pipe = new DeafPipe(target);
    await new Promise<void>((resolve) => pipe.#server.listen(0, "127.0.0.1", resolve));
    return pipe;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" ? (address?.port ?? 0) : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

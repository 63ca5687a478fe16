/** Many logins of one user at the same moment. */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Status } from "../../../cmd/server/status.ts";
import { CodedError } from "../../../core/errors.ts";
import { newMessageId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";
import { processCost, reportFigures } from "../../support/figures.ts";
import { addQuickUsers, quickEnv } from "../../support/quickUsers.ts";
import { passwordOf } from "../../support/realm.ts";
import { RealmFolder, RunningRealm } from "../../support/runningRealm.ts";
import { ScriptedClient } from "../../support/stranger.ts";

setDefaultTimeout(90_000);

const LOGINS = 60;
const ADDRESSES = 6;
/** Those of one network are more than may be guessing at the same time. */
const NETWORKS = 3;
/** So many of them write. */
const WRITERS = 5;

/** Logs in, and again as long as the server says that it is too early; what it refuses with is added to `refusals`. */
async function persistent(
  realm: RunningRealm,
  user: string,
  localAddress: string,
  refusals: string[],
): Promise<ScriptedClient> {
  const credentials = { user, password: passwordOf(user), publicKey: realm.folder.at("keys/server.pub") };
  for (;;) {
    try {
      return await ScriptedClient.login(realm.port, credentials, { env: quickEnv, localAddress });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      refusals.push(error.code);
      if (error.code !== "auth.tooManyAttempts") throw error;
      await Bun.sleep(error.waitSeconds * 1000 + Math.random() * 500);
    }
  }
}

/** What a client has been sent, and copies of what its user wrote elsewhere, in the order of the texts. */
const textsOf = ({ notices }: ScriptedClient): readonly string[] =>
  notices.flatMap((notice) => (notice.kind === "message" ? [`${notice.from}: ${notice.text}`] : [])).toSorted();

/** Waits until a client has these texts, each once, and no others. */
async function hasHeard(client: ScriptedClient, expected: readonly string[]): Promise<void> {
  await client.until(() => textsOf(client).length >= expected.length, `${expected.length} texts`);
  expect(textsOf(client)).toEqual(expected.toSorted());
}

test(`${LOGINS} logins of one user at once: every session is its own, and all stand after quiet`, async () => {
  const folder = new RealmFolder({ limits: { devicesPerUser: 64 } });
  await addQuickUsers(folder, ["Many", "Friend"]);
  await using realm = await RunningRealm.start({}, folder);
  const memory = processCost(realm.server.pid).memoryMiB;
  const friend = await persistent(realm, "Friend", "127.0.0.1", []);
  const began = performance.now();
  const refusals: string[] = [];
  const from = (at: number): string => `127.20.${at % NETWORKS}.${1 + (at % ADDRESSES)}`;
  const many = await Promise.all(
    Array.from({ length: LOGINS }, (_, at) => persistent(realm, "Many", from(at), refusals)),
  );
  const tookMs = performance.now() - began;
  expect(refusals.filter((code) => code !== "auth.tooManyAttempts")).toEqual([]);

  const { sessions } = JSON.parse(await folder.admin("status", "--json")) as Status;
  const own = sessions.filter(({ user }) => user === "many");
  expect([own.length, new Set(own.map(({ device }) => device)).size]).toEqual([LOGINS, LOGINS]);
  const complete = ({ roster }: ScriptedClient): boolean =>
    roster.get(parseUserName("Many"))?.devices.length === LOGINS;
  await Promise.all([friend, ...many].map((client) => client.until(() => complete(client), "the whole roster")));

  // One text to all of them, and one from each of some, with copies to all others: every copy is under a ticket of its own.
  await deliver(friend, "many", "for all");
  const writers = many.slice(0, WRITERS);
  await Promise.all(writers.map((client, at) => deliver(client, "friend", `text ${at}`)));
  const written = writers.map((_, at) => `Many: text ${at}`);
  await hasHeard(friend, written);
  const heard = many.map((_, at) => ["Friend: for all", ...written.filter((__, writer) => writer !== at)]);
  await Promise.all(many.map((client, at) => hasHeard(client, heard[at] ?? [])));

  // What was said to one of them is nothing to another: its channel ends.
  const [first, second, ...others] = many;
  const [record] = first?.received.slice(-1) ?? [];
  if (record === undefined || second === undefined) throw new Error("there are no two of them");
  second.handle({ kind: "frame", bytes: record });
  expect(await second.ended()).toBe("channel.record");
  await deliver(friend, "many", "once more");
  await Promise.all(others.map((client, at) => hasHeard(client, [...(heard[at + 2] ?? []), "Friend: once more"])));
  reportFigures("attack 18 one user's logins at once", {
    logins: LOGINS,
    "tickets between them": LOGINS + WRITERS * LOGINS,
    "all in after": `${(tookMs / 1000).toFixed(1)} s`,
    "told to wait": refusals.length,
    memory: `${memory} -> ${processCost(realm.server.pid).memoryMiB} MiB`,
  });
  for (const client of [friend, ...many]) client[Symbol.dispose]();
});

/** Sends a text, and waits until it has been delivered. */
async function deliver(from: ScriptedClient, to: string, text: string): Promise<void> {
  const id = newMessageId(quickEnv);
  from.handle({ kind: "send", id, to, text });
  const sent = () => from.notices.find((notice) => "id" in notice && notice.id === id);
  await from.until(() => sent() !== undefined, `the delivery of ${text}`);
  expect(sent()?.kind).toBe("delivered");
}

import { expect } from "bun:test";
import { snapshot } from "./folder.ts";
import { RealmFolder } from "./runningRealm.ts";

/** Runs a program in a realm that `spoil` has changed: the one line with which it refuses. */
export async function refusal(
  name: "server" | "client",
  spoil: (folder: RealmFolder) => void,
  args: readonly string[] = [],
): Promise<string> {
  using folder = new RealmFolder();
  spoil(folder);
  return await refusalIn(folder, name, args);
}

/** As `refusal`, in this folder, where every file stays as it is, with the time of its last change. */
export async function refusalIn(
  folder: RealmFolder,
  name: "server" | "client",
  args: readonly string[] = [],
): Promise<string> {
  const before = snapshot(folder.path);
  const { code, out, err } = await folder.run(name, args);
  expect(err).toMatch(/^ims: [^\n]+\n$/);
  expect([code, out]).toEqual([2, ""]);
  const after = new Map(snapshot(folder.path));
  after.delete("users.json.lock"); // empty, and it stays
  expect(after).toEqual(new Map(before));
  return err.slice(5, -1);
}

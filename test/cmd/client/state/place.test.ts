import { describe, expect, test } from "bun:test";
import { namedPlace, statePlace } from "../../../../cmd/client/state/place.ts";
import { failure } from "../../../support/codes.ts";
import { ALICE } from "../../../support/stateFolders.ts";

const OWN = "ims/0707070707070707/alice";
const HOME = { HOME: "/home/a" };

describe("where a state lies", () => {
  test.each<readonly [string | undefined, Readonly<Record<string, string>>, string | null]>([
    [undefined, HOME, `/home/a/.local/state/${OWN}`],
    [undefined, { ...HOME, XDG_STATE_HOME: "/x" }, `/x/${OWN}`],
    [undefined, { ...HOME, XDG_STATE_HOME: "x" }, `/home/a/.local/state/${OWN}`],
    [undefined, { ...HOME, XDG_STATE_HOME: "" }, `/home/a/.local/state/${OWN}`],
    [undefined, { XDG_STATE_HOME: "/x" }, `/x/${OWN}`],
    [undefined, { IMS_STATE: "dir" }, "/cwd/dir"],
    [undefined, { IMS_STATE: "/dir/", XDG_STATE_HOME: "/x" }, "/dir"],
    [undefined, { ...HOME, IMS_STATE: "" }, `/home/a/.local/state/${OWN}`],
    [undefined, { ...HOME, IMS_STATE: "none" }, null],
    ["dir", { IMS_STATE: "none" }, "/cwd/dir"],
    ["../dir", {}, "/dir"],
    ["/abs", HOME, "/abs"],
    ["none", HOME, null],
    ["./none", HOME, "/cwd/none"],
  ])("--state %p, %p", (option, env, expected) => {
    expect(statePlace(option, ALICE, { env, cwd: "/cwd" })).toBe(expected);
  });

  test.each([{}, { HOME: "" }, { HOME: "/nonexistent" }, { HOME: "home", XDG_STATE_HOME: "x" }])(
    "no home: %p",
    (env) => {
      const { code, detail } = failure(() => statePlace(undefined, ALICE, { env, cwd: "/cwd" }));
      expect([code, detail]).toEqual([
        "usage.invalid",
        "there is no home folder to keep this device in; name one with --state DIR",
      ]);
    },
  );

  test("an empty --state is a mistake, and not the default", () => {
    expect(failure(() => statePlace("", ALICE, { env: HOME, cwd: "/cwd" })).code).toBe("usage.invalid");
  });

  test("what is named is told apart from what is not", () => {
    expect(namedPlace(undefined, { env: HOME, cwd: "/cwd" })).toBeUndefined();
    expect(namedPlace("none", { env: HOME, cwd: "/cwd" })).toBeNull();
  });
});

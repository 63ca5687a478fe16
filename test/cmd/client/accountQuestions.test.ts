/** What an account asks of a person, with a stand-in for the machine that is answered. */
import { describe, expect, test } from "bun:test";
import { answerAccount, recoveryCodeLines } from "../../../cmd/client/accountQuestions.ts";
import type { OwnerEvent } from "../../../cmd/client/connectionOptions.ts";
import { openPrompter } from "../../../cmd/client/signIn.ts";
import { drawRecoveryCode, formatRecoveryCode } from "../../../core/e2ee/recovery.ts";
import { parseUserName } from "../../../core/name.ts";
import type { AccountNotice } from "../../../core/peer/notices.ts";
import { Secret } from "../../../core/secret.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { personIo } from "../../support/personIo.ts";

const env = fixedEnv("questions", quickCrypto);
const textOf = (secret: Secret): string => secret.use((bytes) => new TextDecoder().decode(bytes));

/** One notice, and what somebody types; `refusal` is thrown at whoever answers. */
async function asked(notice: AccountNotice, typed: string, { terminal = true, refusal = null as Error | null } = {}) {
  const io = personIo("/", { terminal });
  io.type(typed);
  if (!terminal) io.stdin.end();
  using password = Secret.take(new TextEncoder().encode("the old one"));
  const [said, gaveUp, replaced]: [string[], Error[], Secret[]] = [[], [], []];
  const answer = {
    say(event: OwnerEvent): void {
      const { kind } = event;
      if (kind === "recover") said.push(`recover ${event.code.use((bytes) => bytes.toHex())}`);
      else if (kind === "changePassword") said.push(`${textOf(event.old)} -> ${textOf(event.next)}`);
      else said.push(kind);
      if (refusal !== null) throw refusal;
    },
    giveUp: (error: Error) => void gaveUp.push(error),
  };
  const prompter = openPrompter(io, () => {});
  const user = parseUserName("alice");
  const parts = { env, io, user, password, prompter, replaced: (next: Secret) => void replaced.push(next) };
  if (typed === "" && terminal) io.stdin.end();
  await answerAccount(notice, answer, parts);
  prompter.close();
  return {
    said,
    err: io.err(),
    gaveUp: gaveUp.map((error) => ("code" in error ? error.code : error.message)),
    replaced,
  };
}

const CODE = drawRecoveryCode(env);
const TEXT = formatRecoveryCode(quickCrypto, CODE);
const RECOVER = `recover ${CODE.use((bytes) => bytes.toHex())}`;

describe("a recovery code", () => {
  test("is shown, with what it is for", async () => {
    const { said, err, gaveUp } = await asked({ kind: "recoveryCode", code: TEXT }, "\r");
    expect(err).toContain(`\n    ${TEXT}\n`);
    expect(err).toContain(recoveryCodeLines(TEXT)[0] ?? "nothing");
    expect([said, gaveUp]).toEqual([[], []]);
  });

  test.each(["recoveryNeeded", "recoveryRefused"] as const)(
    "that is asked for (%s) opens the account",
    async (kind) => {
      const { said, err, gaveUp } = await asked({ kind }, `${TEXT}\r`);
      expect([said, gaveUp]).toEqual([[RECOVER], []]);
      const why = "The operator has reset your password. Your recovery code opens your account again.\n";
      expect(err).toStartWith(kind === "recoveryNeeded" ? why : "That is not the recovery code of this account.\n");
    },
  );

  test("with a slip of the pen is asked for again, with the reason", async () => {
    const slip = `${TEXT.slice(0, -1)}${TEXT.endsWith("0") ? "1" : "0"}`;
    const { said, err } = await asked({ kind: "recoveryNeeded" }, `short\r${slip}\r${TEXT.toLowerCase()}\r`);
    expect(said).toEqual([RECOVER]);
    expect(err).toContain("that is not a recovery code; it has 28 letters and digits\n");
    expect(err).toContain("a letter or digit of the recovery code is wrong\n");
  });

  test("may come from a pipe", async () => {
    expect((await asked({ kind: "recoveryNeeded" }, `${TEXT}\n`, { terminal: false })).said).toEqual([RECOVER]);
  });

  test.each([true, false])("that is not given ends the login; terminal: %p", async (terminal) => {
    const { said, gaveUp } = await asked({ kind: "recoveryNeeded" }, "", { terminal });
    expect([said, gaveUp]).toEqual([[], ["account.recovery"]]);
  });

  test("Ctrl-C ends it too", async () => {
    expect((await asked({ kind: "recoveryNeeded" }, "\u0003")).gaveUp).toEqual(["host.interrupted"]);
  });
});

describe("a new identity", () => {
  test.each(["NEW\ryes\r", "new\rY\r", " New \r YES \r"])("%j makes one", async (typed) => {
    const { said, err } = await asked({ kind: "recoveryNeeded" }, typed);
    expect(said).toEqual(["newIdentity"]);
    expect(err).toContain("Everybody you talk to will be warned");
  });

  test.each(["NEW\rno\r", "NEW\r\r", "NEW\ryess\r"])("%j does not, and the code is asked for again", async (typed) => {
    expect((await asked({ kind: "recoveryNeeded" }, `${typed}${TEXT}\r`)).said).toEqual([RECOVER]);
  });
});

describe("a password of the operator's", () => {
  const STRONG = "three tame walruses";

  test("is replaced by one that is typed twice", async () => {
    const { said, replaced, err, gaveUp } = await asked({ kind: "initialPassword" }, `${STRONG}\r${STRONG}\r`);
    expect([said, gaveUp]).toEqual([[`the old one -> ${STRONG}`], []]);
    expect(replaced.map(textOf)).toEqual([STRONG]);
    expect(err).not.toContain(STRONG);
    expect(err).toEndWith("Changing the password ...\n");
  });

  test("but not by a weak one, which is said and asked again", async () => {
    const { said, err } = await asked({ kind: "initialPassword" }, `password1234\r${STRONG}\r${STRONG}\r`);
    expect(said).toEqual([`the old one -> ${STRONG}`]);
    expect(err).toContain("this password is ");
    expect(err).toContain("; take another\n");
  });

  test.each([
    [`${STRONG}\rsomething else\r`.repeat(3), "password.invalid"],
    ["\u0003", "host.interrupted"],
    ["\u0004", "password.invalid"],
  ])("%j changes nothing, and ends the login", async (typed, code) => {
    const { said, replaced, gaveUp } = await asked({ kind: "initialPassword" }, typed);
    expect([said, replaced, gaveUp]).toEqual([[], [], [code]]);
  });
});

test("what whoever is answered throws ends the login with it", async () => {
  const fault = new RangeError("ours");
  expect((await asked({ kind: "recoveryNeeded" }, `${TEXT}\r`, { refusal: fault })).gaveUp).toEqual(["ours"]);
});

test("that the account is open asks for nothing", async () => {
  expect(await asked({ kind: "opened" }, "x\r")).toMatchObject({ said: [], gaveUp: [], err: "" });
});

/**
 * Mutation fuzz of everything that is decoded from what a peer sent: frames of either side, and what lies sealed in
 * them. `frames.json` holds where it begins. `IMS_SEED=n` runs one seed again; `SLOW=1` runs many.
 */
import { describe, expect, test } from "bun:test";
import { concat } from "../../core/bytes.ts";
import { CodedError, ERRORS, type ErrorCode } from "../../core/errors.ts";
import { DeviceList, Prekey } from "../../core/wire/account.ts";
import { type Codec, decodeAll, encodeAll } from "../../core/wire/codec.ts";
import { Content, Envelope, Opening, TicketBody } from "../../core/wire/endToEnd.ts";
import { padContent, unpadContent } from "../../core/wire/padding.ts";
import { padRecord } from "../../core/wire/records.ts";
import { codeOr } from "../support/codes.ts";
import { framesOf, hex, SIDES } from "../support/frozenFrames.ts";
import { mutate } from "../support/mutate.ts";
import { SecretWatch } from "../support/secretWatch.ts";
import { Seeded } from "../support/seeded.ts";
import corpus from "./frames.json";

const only = Bun.env.IMS_SEED;
const first = Number(only ?? 1);
const SEEDS = only !== undefined ? 1 : Bun.env.SLOW === "1" ? 200 : 2;
const RUNS = 2500;

interface Target {
  /** What `bytes` say, as the corpus has it: the kinds of the frames, or just that they were accepted. */
  readonly read: (bytes: Uint8Array) => { readonly is: readonly string[] | "accepted"; readonly again: Uint8Array };
  readonly entries: readonly { readonly name: string; readonly hex: string; readonly is: unknown }[];
}

function frames(side: 0 | 1): Target["read"] {
  const [, codec] = SIDES[side];
  return (bytes) => {
    const messages = codec.decode(bytes);
    const plain = concat(...messages.map((message) => framesOf(message).encode(message)));
    const again = plain.length < bytes.length ? padRecord(plain, bytes.length) : plain;
    return { is: messages.map(({ kind }) => kind), again };
  };
}

function structure<T>(codec: Codec<T>): Target["read"] {
  return (bytes) => ({ is: "accepted", again: encodeAll(codec, decodeAll(codec, bytes)) });
}

const TARGETS: { readonly [name in keyof typeof corpus]: Target } = {
  client: { read: frames(0), entries: corpus.client },
  server: { read: frames(1), entries: corpus.server },
  Envelope: { read: structure(Envelope), entries: corpus.Envelope },
  Content: { read: structure(Content), entries: corpus.Content },
  TicketBody: { read: structure(TicketBody), entries: corpus.TicketBody },
  Opening: { read: structure(Opening), entries: corpus.Opening },
  DeviceList: { read: structure(DeviceList), entries: corpus.DeviceList },
  Prekey: { read: structure(Prekey), entries: corpus.Prekey },
  padding: {
    read: (bytes) => ({ is: "accepted", again: padContent(unpadContent(bytes)) }),
    entries: corpus.padding,
  },
};

describe.each(Object.entries(TARGETS))("the corpus: %s", (_, { read, entries }) => {
  test.each(entries.map((entry) => [entry.name, entry] as const))("%s", (_name, entry) => {
    const said = codeOr(() => read(hex(entry.hex)).is);
    expect(said).toEqual(entry.is as typeof said);
  });
});

/** A coded fault of the peer's that keeps no secret, or what says the same again. */
function judge(read: Target["read"], bytes: Uint8Array): "accepted" | ErrorCode {
  const given = bytes.slice();
  using watch = new SecretWatch();
  try {
    const { again } = read(bytes);
    expect(again).toEqual(given);
    return "accepted";
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    expect(ERRORS[error.code].blame).toBe("peer");
    expect(watch.alive()).toEqual([]);
    return error.code;
  } finally {
    expect(bytes).toEqual(given);
  }
}

const outcomes = new Map<string, number>();

describe.each(Object.entries(TARGETS))("%s", (name, { read, entries }) => {
  const seeds = entries.map((entry) => hex(entry.hex));
  for (let seed = first; seed < first + SEEDS; seed += 1) {
    test(`IMS_SEED=${seed}: whatever is changed, it is a coded error or says the same again`, () => {
      const choice = new Seeded(seed);
      for (let run = 0; run < RUNS; run += 1) {
        const bytes = mutate(choice, choice.pick(seeds), seeds);
        try {
          const outcome = `${name} ${judge(read, bytes)}`;
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        } catch (error) {
          throw new Error(`IMS_SEED=${seed} ${name} ${bytes.toHex()}: ${error}`, { cause: error });
        }
      }
    });
  }
});

test("the changes were neither all refused nor all harmless", () => {
  const names = Object.keys(TARGETS).flatMap((name) => [`${name} accepted`, `${name} wire.malformed`]);
  expect([...outcomes.keys()].sort()).toEqual(names.sort());
  for (const [outcome, count] of outcomes) expect([outcome, count >= RUNS / 100]).toEqual([outcome, true]);
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concat, utf8 } from "../../../core/bytes.ts";
import {
  openMessage,
  type Ratchet,
  type RatchetHeader,
  sealMessage,
  startReceiver,
  startSender,
} from "../../../core/e2ee/ratchet.ts";
import { Secret } from "../../../core/secret.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { messageId } from "../../support/parties.ts";
import { filled, PROVIDERS, reveal } from "../../support/primitives.ts";
import {
  type OracleHeader,
  type OracleState,
  RatchetDecrypt,
  RatchetEncrypt,
  RatchetInitAlice,
  RatchetInitBob,
} from "../../support/ratchetOracle.ts";

const SECRET = filled(32, 1);
const PREKEY = filled(32, 2);

const dataOf = ({ ratchetKey, previous, number }: RatchetHeader): Uint8Array =>
  concat(utf8(`${previous}/${number}/`), ratchetKey);
const oracleData = ({ dh, pn, n }: OracleHeader): Uint8Array => dataOf({ ratchetKey: dh, previous: pn, number: n });

/** Everything of a state, in the names of the pseudocode. */
function ofOurs(ratchet: Ratchet): object {
  const { rootKey, ownSecret, peerKey, sending, receiving, previous, skipped } = ratchet;
  const key = (secret: Secret | undefined) => (secret === undefined ? null : reveal(secret).toHex());
  return {
    ...{ RK: key(rootKey), DHs: key(ownSecret), DHr: peerKey?.toHex() ?? null, PN: previous },
    ...{ CKs: key(sending?.key), Ns: sending?.number ?? 0, CKr: key(receiving?.key), Nr: receiving?.number ?? 0 },
    MKSKIPPED: skipped.map(({ ratchetKey, number, messageKey }) => [`${ratchetKey}/${number}`, key(messageKey)]),
  };
}

function ofOracle({ RK, DHs, DHr, PN, CKs, Ns, CKr, Nr, MKSKIPPED }: OracleState): object {
  const key = (bytes: Uint8Array | null) => bytes?.toHex() ?? null;
  return {
    ...{ RK: key(RK), DHs: key(DHs), DHr: key(DHr), PN, CKs: key(CKs), Ns, CKr: key(CKr), Nr },
    MKSKIPPED: [...MKSKIPPED].map(([name, bytes]) => [name, key(bytes)]),
  };
}

const step = fc.record({ send: fc.boolean(), byAlice: fc.boolean(), pick: fc.nat(1000) });

describe.each(PROVIDERS)("on %s", (name, crypto) => {
  test("every header, ciphertext and state is the oracle's, over random runs", () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
        const draws = [fixedEnv("oracle", crypto), fixedEnv("oracle", crypto)] as const;
        const [env, draw] = [draws[0], draws[1].randomBytes];
        const bobKey = crypto.dhKey(PREKEY).publicKey;
        const ours = {
          alice: startSender(env, Secret.copy(SECRET), bobKey),
          bob: startReceiver(Secret.copy(SECRET), Secret.copy(PREKEY)),
        };
        const oracle = { alice: RatchetInitAlice(draw, SECRET, bobKey), bob: RatchetInitBob(SECRET, PREKEY) };
        const flying = { alice: [] as Sent[], bob: [] as Sent[] };
        for (const [count, { send, byAlice, pick }] of steps.entries()) {
          const [from, to] = byAlice ? (["alice", "bob"] as const) : (["bob", "alice"] as const);
          if (send) {
            if (ours[from].sending === null) continue;
            const [id, plaintext] = [messageId(count), utf8(`text ${count}`)];
            const sealed = sealMessage(crypto, ours[from], { id, plaintext }, dataOf);
            const expected = RatchetEncrypt(oracle[from], id, plaintext, oracleData);
            expect(sealed.sealed.toHex()).toBe(expected.sealed.toHex());
            expect(dataOf(sealed.header)).toEqual(oracleData(expected.header));
            ours[from] = sealed.next;
            flying[to].push({ id, header: sealed.header, sealed: sealed.sealed, plaintext });
          } else {
            const [message] = flying[to].splice(pick % Math.max(1, flying[to].length), 1);
            if (message === undefined) continue;
            const associatedData = dataOf(message.header);
            const opened = openMessage(env, ours[to], { ...message, associatedData });
            const { ratchetKey: dh, previous: pn, number: n } = message.header;
            const given = { ...message, header: { dh, pn, n }, ad: associatedData };
            expect(opened.plaintext).toEqual(message.plaintext);
            expect(RatchetDecrypt(draw, oracle[to], given)).toEqual(message.plaintext);
            ours[to] = opened.next;
          }
          for (const side of [from, to]) expect(ofOurs(ours[side])).toEqual(ofOracle(oracle[side]));
          compared += 1;
        }
      }),
      { numRuns: name === "native" ? 25 : 8 },
    );
    expect(compared).toBeGreaterThan(50);
  });
});

interface Sent {
  readonly id: ReturnType<typeof messageId>;
  readonly header: RatchetHeader;
  readonly sealed: Uint8Array;
  readonly plaintext: Uint8Array;
}

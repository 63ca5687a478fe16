/** The key switch after the login, against a computation of PROTOCOL §6.3 with node:crypto. */
import { describe, expect, test } from "bun:test";
import { hkdfSync } from "node:crypto";
import fc from "fast-check";
import { concat, utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { Secret } from "../../../core/secret.ts";
import { failure } from "../../support/codes.ts";
import { type ChannelValues, KNOWN, knownPair, recordOf } from "../../support/knownChannel.ts";
import { fixedBytes } from "../../support/noise.ts";

const TEXT = utf8("text");
const SESSION_KEY = fixedBytes("session key", 64);

function switched({ handshakeHash, toServer, toClient }: ChannelValues, sessionKey: Uint8Array): ChannelValues {
  const ikm = concat(toServer, toClient, sessionKey);
  const keys = new Uint8Array(hkdfSync("sha512", ikm, handshakeHash, utf8("IMS/1 session"), 64));
  return { handshakeHash, toServer: keys.slice(0, 32), toClient: keys.slice(32), counter: 0 };
}

describe.each([nobleCrypto, nativeCrypto])("on $name", (crypto) => {
  const suite = aesGcmSha256(crypto);

  test("agrees with an independent computation, whatever the keys and however far the counters", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const values = fc.record({
      ...{ handshakeHash: bytes(32), toServer: bytes(32), toClient: bytes(32) },
      counter: fc.nat(2 ** 30),
    });
    fc.assert(
      fc.property(values, bytes(64), (before, sessionKey) => {
        const { client, server } = knownPair(before, suite);
        using borrowed = Secret.copy(sessionKey);
        const after = switched(before, sessionKey);
        for (const end of [client, server]) end.switchKeys(borrowed);
        const [up, down] = [client.seal(TEXT.slice()), server.seal(TEXT.slice())];
        expect(up).toEqual(recordOf(after.toServer, 0, TEXT));
        expect(down).toEqual(recordOf(after.toClient, 0, TEXT));
        expect([server.open(up), client.open(down)]).toEqual([TEXT, TEXT]);
        expect(borrowed.use((key) => key.slice())).toEqual(sessionKey);
      }),
      { numRuns: 20 },
    );
  });

  test("a second switch starts from the keys of the first", () => {
    const { client, server } = knownPair({}, suite);
    using borrowed = Secret.copy(SESSION_KEY);
    for (const end of [client, server, client, server]) end.switchKeys(borrowed);
    const twice = switched(switched(KNOWN, SESSION_KEY), SESSION_KEY);
    expect(client.seal(TEXT.slice())).toEqual(recordOf(twice.toServer, 0, TEXT));
    expect(server.seal(TEXT.slice())).toEqual(recordOf(twice.toClient, 0, TEXT));
  });
});

test("one that knows only the session key, or only the channel, does not get the keys", () => {
  const { client } = knownPair();
  const others = [
    switched({ ...KNOWN, toServer: new Uint8Array(32) }, SESSION_KEY),
    switched({ ...KNOWN, toClient: new Uint8Array(32) }, SESSION_KEY),
    switched({ ...KNOWN, handshakeHash: new Uint8Array(32) }, SESSION_KEY),
    switched(KNOWN, new Uint8Array(64)),
  ];
  using borrowed = Secret.copy(SESSION_KEY);
  client.switchKeys(borrowed);
  const record = client.seal(TEXT.slice());
  for (const { toServer } of others) expect(recordOf(toServer, 0, TEXT)).not.toEqual(record);
});

test("while only one end has switched, neither direction opens", () => {
  const { client, server } = knownPair();
  using borrowed = Secret.copy(SESSION_KEY);
  const before = server.seal(TEXT.slice());
  client.switchKeys(borrowed);
  expect(failure(() => server.open(client.seal(TEXT.slice()))).code).toBe("channel.record");
  expect(failure(() => client.open(before)).code).toBe("channel.record");
});

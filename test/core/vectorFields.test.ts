/** The vectors of the protocol hold the fields that their tests read and no others, at any depth. */
import { expect, test } from "bun:test";
import channel from "../vectors/channel.json";
import sessionKeys from "../vectors/session-keys.json";
import ticket from "../vectors/ticket.json";

/** The paths of all leaves, items of a list under one name. */
function paths(value: unknown, at: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => paths(item, `${at}[]`));
  if (typeof value !== "object" || value === null) return [at];
  return Object.entries(value).flatMap(([key, item]) => paths(item, at === "" ? key : `${at}.${key}`));
}

const under = (prefix: string, ...names: string[]): string[] => names.map((name) => `${prefix}.${name}`);
const addresses = (...names: string[]): string[] => names.flatMap((name) => under(name, "user", "device"));

test.each([
  [
    "channel.json",
    channel,
    [
      ...["about", "hello", "answer", "handshakeHash"],
      ...under("inputs", "serverPrivateKey", "clientKemSeed", "clientEphemeral", "serverEphemeral"),
      ...under("inputs", "encapsulationCoins"),
      ...under("records[]", "from", "number", "plaintext", "record"),
      ...under("refused[]", "message", "at", "flip", "length", "code"),
    ],
  ],
  [
    "session-keys.json",
    sessionKeys,
    [
      "about",
      ...under("inputs", "handshakeHash", "clientToServer", "serverToClient", "sessionKey"),
      ...under("before[]", "from", "plaintext", "record"),
      ...under("after[]", "from", "plaintext", "record"),
    ],
  ],
  [
    "ticket.json",
    ticket,
    [
      ...["about", "ticket"],
      ...under("inputs", "serverPrivateKey", "devicePrivateKey", "ephemeral", "key"),
      ...under("body", "conversation", "issuedAt", "expiresAt"),
      ...addresses("body.asker", "body.peer"),
      ...["body.askerIdentity", "body.peerIdentity"],
      ...["accepted[]", "refused[]"].flatMap((use) => addresses(`${use}.sender`, `${use}.self`)),
      ...["accepted[].receivedAt", "refused[].receivedAt", "refused[].code"],
      ...under("altered[]", "at", "flip", "code"),
    ],
  ],
] as const)("%s", (_, vector, expected) => {
  expect([...new Set(paths(vector, ""))].sort()).toEqual([...expected].sort());
});

/**
 * The client's side of the protocol over any transport, step by step, so that a benchmark or a test can stop anywhere and
 * send what it likes. The cryptography is the client's own, except that a password is stretched only the first time:
 * Argon2id is the client's work, and what it gives is the same at every login.
 */
import { solve } from "../../cmd/client/solve.ts";
import { DEFAULT_LIMITS } from "../../cmd/host/config.ts";
import type { HandshakeEffect, HandshakeEvent } from "../../core/channel/handshake.ts";
import { type InitiatorState, startInitiator, stepInitiator } from "../../core/channel/initiator.ts";
import type { Channel } from "../../core/channel/record.ts";
import type { Job } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { CodedError, codeOfWire } from "../../core/errors.ts";
import { type Address, type DeviceId, newDeviceId } from "../../core/ids.ts";
import { type LoginContext, proveLogin, receiveLogin, startLogin } from "../../core/kdc/login.ts";
import type { Puzzle } from "../../core/kdc/puzzle.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { ClientLoginState } from "../../core/opaque/login.ts";
import { Secret, wipe } from "../../core/secret.ts";
import { type ClientMessage, clientFrames, type ServerMessage, serverFrames } from "../../core/wire/messages.ts";
import { Enrolment, testDevice } from "./enrol.ts";
import type { Transport } from "./transport.ts";

export interface Account {
  readonly realm: Uint8Array;
  readonly serverPublicKey: Uint8Array;
  readonly user: string;
  readonly password: string;
  /** How many devices the realm allows, when it is not the default. */
  readonly devicesMax?: number;
}

/** A peer whose login is done, or at least sent. */
export interface Peer {
  readonly self: Address;
  send(messages: readonly ClientMessage[]): void;
  /** Any plaintext as one record. */
  sendPlain(plaintext: Uint8Array): void;
  /** The messages of the next record. */
  receive(): Promise<readonly ServerMessage[]>;
  logOut(): Promise<void>;
  /** Its line is lost: another login may be this device from now on. */
  leave(): void;
}

/** The handshake alone. */
export async function openChannel(env: Env, transport: Transport, serverPublicKey: Uint8Array): Promise<Channel> {
  let { next, effects }: { next: InitiatorState; effects: readonly HandshakeEffect[] } =
    startInitiator(serverPublicKey);
  while (next.phase !== "open") {
    const step = stepInitiator(next, await eventAfter(effects, env, transport), env);
    ({ next, effects } = step);
    wipe(...step.spent);
  }
  return next.channel;
}

/** What a peer does about a puzzle: a nonce, right or wrong, or null to say nothing. */
export type Solver = (env: Env, puzzle: Puzzle) => Promise<Uint8Array | null>;

const honest: Solver = (env, puzzle) => solve(env.crypto, puzzle, () => false);

/** A peer whose device is on its user's list, and which only has to say so to be there. */
export type EnrolledPeer = Peer & { attach(): void };

/** A login that the server has answered: the guess is counted, and not proved. */
export interface Begun {
  /** Of the puzzle that was asked for first; 0 when there was none. */
  readonly puzzleBits: number;
  /** Sends the proof, and enrols. @throws auth.rejected, with nothing sent, when the password is not right */
  prove(): Promise<EnrolledPeer>;
  /** Sends a proof that is none. */
  fail(): void;
}

/** From an open transport to a session with a roster. @throws CodedError with the code of a refusal, and how long to wait */
export async function logIn(env: Env, transport: Transport, account: Account): Promise<Peer> {
  const peer = await prove(env, transport, account);
  peer.attach();
  while (!(await peer.receive()).map(accepted).some(({ kind }) => kind === "attached"));
  return peer;
}

/** From an open transport to a device that has to attach and nothing else. @throws as `logIn` */
export async function prove(env: Env, transport: Transport, account: Account): Promise<EnrolledPeer> {
  return (await begin(env, transport, account)).prove();
}

/** From an open transport to the server's answer. @throws as `logIn` */
export async function begin(env: Env, transport: Transport, account: Account, solver = honest): Promise<Begun> {
  const { realm, serverPublicKey, devicesMax = DEFAULT_LIMITS.devicesPerUser } = account;
  const channel = await openChannel(env, transport, serverPublicKey);
  const context = {
    user: parseUserName(account.user),
    realm,
    handshakeHash: channel.handshakeHash,
    purpose: "login",
  } as const;
  using password = Secret.take(new TextEncoder().encode(account.password));
  const { ke1, state } = startLogin(env, context, password);
  const say = (message: ClientMessage): void => transport.send(channel.sealPadded(clientFrames.encode(message)));
  const answer = async (): Promise<ServerMessage | undefined> =>
    serverFrames.decode(channel.open(await transport.receive())).map(accepted)[0];
  say({ kind: "loginStart", user: context.user, ke1 });
  let message = await answer();
  let puzzleBits = 0;
  if (message?.kind === "puzzle") {
    puzzleBits = message.bits;
    const nonce = await solver(env, { handshakeHash: context.handshakeHash, bits: puzzleBits });
    if (nonce !== null) say({ kind: "solution", nonce });
    message = await answer();
  }
  if (message?.kind !== "loginResponse") throw new Error("peer: the login was not answered");
  const { ke2 } = message;
  return {
    puzzleBits,
    prove: () => finish(env, { transport, channel, context, state, devicesMax }, ke2),
    fail: () => say({ kind: "loginFinish", ke3: env.randomBytes(64) }),
  };
}

interface Login {
  readonly transport: Transport;
  readonly channel: Channel;
  readonly context: LoginContext;
  readonly state: ClientLoginState;
  readonly devicesMax: number;
}

async function finish(env: Env, login: Login, ke2: Uint8Array): Promise<EnrolledPeer> {
  const { transport, channel, context, state } = login;
  const { state: stretching, job } = receiveLogin(state, ke2);
  using stretched = await stretch(env, job);
  const { ke3, sessionKey, exportKey } = proveLogin(env, stretching, context, stretched);
  transport.send(channel.sealPadded(clientFrames.encode({ kind: "loginFinish", ke3 })));
  channel.switchKeys(sessionKey);
  wipe(state, stretching, sessionKey);
  const { user, realm } = context;
  const free = freeDevices(realm, user);
  const self = { user, device: free.pop() ?? newDeviceId(env) };
  const peer = peerOf(channel, transport, self);
  using enrolment = new Enrolment(env, testDevice(realm, self), exportKey);
  enrolment.devicesMax = login.devicesMax;
  for (;;) {
    const said = (await peer.receive()).map(accepted);
    const answer = said.flatMap((message) => enrolment.hear(message));
    const attach = answer.filter(({ kind }) => kind === "attach");
    const others = answer.filter(({ kind }) => kind !== "attach");
    if (others.length > 0) peer.send(others);
    if (attach.length === 0) continue;
    let left = false;
    const leave = (): void => {
      if (!left) free.push(self.device); // once: another login may have it since
      left = true;
    };
    const logOut = async (): Promise<void> => {
      await peer.logOut();
      leave();
    };
    return { ...peer, leave, logOut, attach: () => peer.send(attach) };
  }
}

/**
 * Devices of a user that have left: they come back at the next login, as a person's would, and those that left last come
 * first: a user's list then holds no more than were there at once, whatever another server of the realm was shown before.
 */
const devicesOut = new Map<string, DeviceId[]>();

function freeDevices(realm: Uint8Array, user: UserName): DeviceId[] {
  const key = `${realm.toHex()}/${user}`;
  const free = devicesOut.get(key) ?? [];
  devicesOut.set(key, free);
  return free;
}

/** What the server says, unless it is that it refuses. */
function accepted(message: ServerMessage): ServerMessage {
  if (message.kind !== "goodbye") return message;
  throw new CodedError(codeOfWire(message.reason), "the server has said goodbye", message);
}

function peerOf(channel: Channel, transport: Transport, self: Address): Omit<Peer, "leave"> {
  const send = (messages: readonly ClientMessage[]): void => {
    const frames = messages.map((message) => clientFrames.encode(message));
    for (const record of channel.sealPacked(frames)) transport.send(record);
  };
  return {
    self,
    send,
    sendPlain: (plaintext) => transport.send(channel.seal(plaintext)),
    receive: async () => serverFrames.decode(channel.open(await transport.receive())),
    async logOut() {
      send([{ kind: "logout" }]);
      wipe(channel);
      await transport.close();
    },
  };
}

/** A step asks for one job, or sends one message and waits for its answer. */
async function eventAfter(
  effects: readonly HandshakeEffect[],
  env: Env,
  transport: Transport,
): Promise<HandshakeEvent> {
  for (const effect of effects) {
    if (effect.kind === "transmit") transport.send(effect.bytes);
    else return { kind: "computed", result: await env.crypto.run(effect.job, env.randomBytes) };
  }
  return { kind: "frame", bytes: await transport.receive() };
}

const stretchedBefore = new Map<string, Uint8Array>();

async function stretch(env: Env, job: Job): Promise<Secret> {
  if (job.op !== "stretch") throw new Error("peer: not a stretching");
  const input = job.input.use((bytes) => bytes.toHex());
  const known = stretchedBefore.get(input);
  if (known !== undefined) return Secret.copy(known);
  const result = await env.crypto.run(job, env.randomBytes);
  if (result.op !== "stretch") throw new Error("peer: another job was done");
  stretchedBefore.set(
    input,
    result.output.use((bytes) => bytes.slice()),
  );
  return result.output;
}

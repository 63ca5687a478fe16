import type { HandshakeEvent, HandshakeStep } from "../../core/channel/handshake.ts";
import { type InitiatorState, startInitiator, stepInitiator } from "../../core/channel/initiator.ts";
import type { Channel } from "../../core/channel/record.ts";
import { type ResponderState, stepResponder } from "../../core/channel/responder.ts";
import type { CryptoProvider, DhPrivateKey } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { wipe } from "../../core/secret.ts";
import { fixedEnv, quickCrypto } from "./fixedEnv.ts";

/** What a step leaves once its job, if it asks for one, has been answered. */
export interface Settled<S> {
  readonly state: S;
  readonly sent: readonly Uint8Array[];
}

/** Runs the effects of `first`, and feeds `step` the answers, until it waits for the peer. */
export async function settle<S>(
  first: HandshakeStep<S>,
  step: (state: S, event: HandshakeEvent) => HandshakeStep<S>,
  env: Env,
): Promise<Settled<S>> {
  const sent: Uint8Array[] = [];
  let now = first;
  for (;;) {
    let event: HandshakeEvent | null = null;
    for (const effect of now.effects) {
      if (effect.kind === "transmit") sent.push(effect.bytes);
      else event = await answer(effect.job, env);
    }
    wipe(...now.spent);
    if (event === null) return { state: now.next, sent };
    now = step(now.next, event);
  }
}

async function answer(job: Parameters<CryptoProvider["run"]>[0], env: Env): Promise<HandshakeEvent> {
  try {
    return { kind: "computed", result: await env.crypto.run(job, env.randomBytes) };
  } catch (error) {
    return { kind: "failed", error };
  }
}

export function serverKeyOf(crypto: CryptoProvider, fill = 5): DhPrivateKey {
  return crypto.dhKey(new Uint8Array(32).fill(fill));
}

export async function hello(env: Env, serverPublicKey: Uint8Array): Promise<Settled<InitiatorState>> {
  return settle(startInitiator(serverPublicKey), (state, event) => stepInitiator(state, event, env), env);
}

export async function answerHello(env: Env, key: DhPrivateKey, bytes: Uint8Array): Promise<Settled<ResponderState>> {
  const step = (state: ResponderState, event: HandshakeEvent) => stepResponder(state, event, env);
  return settle(step({ phase: "awaitHello", key }, { kind: "frame", bytes }), step, env);
}

export async function acceptAnswer(
  env: Env,
  state: InitiatorState,
  bytes: Uint8Array,
): Promise<Settled<InitiatorState>> {
  const step = (now: InitiatorState, event: HandshakeEvent) => stepInitiator(now, event, env);
  return settle(step(state, { kind: "frame", bytes }), step, env);
}

export interface Pair {
  readonly client: Channel;
  readonly server: Channel;
  readonly messages: readonly [Uint8Array, Uint8Array];
}

/** A whole handshake; the same keys for the same label where the provider's ML-KEM can be fixed. */
export async function openPair(crypto: CryptoProvider = quickCrypto, label = "pair"): Promise<Pair> {
  const [clientEnv, serverEnv] = [fixedEnv(`${label} client`, crypto), fixedEnv(`${label} server`, crypto)];
  const key = serverKeyOf(crypto);
  const first = await hello(clientEnv, key.publicKey);
  const one = only(first.sent);
  const second = await answerHello(serverEnv, key, one);
  const two = only(second.sent);
  const third = await acceptAnswer(clientEnv, first.state, two);
  if (third.state.phase !== "open" || second.state.phase !== "open") throw new Error("the handshake did not end");
  return { client: third.state.channel, server: second.state.channel, messages: [one, two] };
}

/** The one item of a list. */
export function only<T>(items: readonly T[]): T {
  const [item, ...others] = items;
  if (item === undefined || others.length > 0) throw new Error(`one item expected, ${items.length} found`);
  return item;
}

/** A client's steps to another password, without a client. */
import { utf8 } from "../../core/bytes.ts";
import { wrapAccountKey } from "../../core/e2ee/account.ts";
import type { Owner } from "../../core/e2ee/owner.ts";
import { proveLogin, receiveLogin, startLogin } from "../../core/kdc/login.ts";
import { finishRegistration, receiveRegistration, requestRegistration } from "../../core/kdc/register.ts";
import { Secret, wipe } from "../../core/secret.ts";
import type { ClientMessage } from "../../core/wire/messages.ts";
import { only } from "./channelPair.ts";
import { fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { type RawPeer, runNow } from "./scriptedPeers.ts";

const env = fixedEnv("passwords", quickCrypto);

function stretch(job: Parameters<typeof runNow>[1]): Secret {
  const event = runNow(env, job);
  if (event.kind !== "computed" || event.result.op !== "stretch") throw new Error("not stretched");
  return event.result.output;
}

/**
 * All that `peer` says and hears up to the last message, which is given: with the account key wrapped for the new password,
 * if there is an account.
 */
export function beginPassword(
  peer: RawPeer,
  change: { readonly owner: Owner; readonly old: string; readonly next: string; readonly hasAccount: boolean },
): Extract<ClientMessage, { kind: "passwordFinish" }> {
  const { owner, hasAccount } = change;
  const context = { ...owner, handshakeHash: peer.channel.handshakeHash, purpose: "password" } as const;
  using typed = Secret.take(utf8(change.old));
  using next = Secret.take(utf8(change.next));
  const asked = requestRegistration(env, owner, next);
  const login = startLogin(env, context, typed);
  peer.send({ kind: "passwordStart", ke1: login.ke1, request: asked.request });
  const { ke2, response } = only(peer.taken("passwordResponse"));
  const { state } = receiveRegistration(quickCrypto, asked.state, response);
  const received = receiveLogin(login.state, ke2);
  const proof = proveLogin(env, received.state, context, stretch(received.job));
  const { record, exportKey } = finishRegistration(env, state, stretch(state.job));
  const accountWrap = hasAccount
    ? wrapAccountKey(env, peer.enrolment.account.key, exportKey, owner)
    : new Uint8Array(0);
  wipe(exportKey, proof.sessionKey, proof.exportKey);
  return { kind: "passwordFinish", ke3: proof.ke3, record, accountWrap };
}

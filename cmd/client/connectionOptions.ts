/** What a connection is opened with, and what it tells. */
import type { ClientConfig, ClientEvent } from "../../core/peer/clientEvents.ts";
import type { LoginConfig } from "../../core/peer/clientLogin.ts";
import type { AccountNotice } from "../../core/peer/notices.ts";
import type { SessionEvents } from "./session.ts";
import type { DeviceState } from "./state/deviceState.ts";

/** How the user answers what the account asks, before there is a session. */
export interface AccountAnswer {
  /** @throws password.invalid */
  say(event: OwnerEvent): void;
  /** The user gives up: the login ends with this. */
  giveUp(error: Error): void;
}

export interface ConnectionEvents extends SessionEvents {
  /** The server is busy and wants to see work first. */
  solving(): void;
  /** The server has answered, and the password is being stretched: it takes a moment. */
  stretching(): void;
  /** Before the session: what the account needs from the user, who answers at `connection`, or is to be shown. */
  account(notice: AccountNotice, answer: AccountAnswer): void;
}

/** What only the owner of a connection may say: an answer about the account, or a change of it. */
export type OwnerEvent = Extract<
  ClientEvent,
  { readonly kind: "recover" | "newIdentity" | "changePassword" | "newRecoveryCode" | "removeDevices" }
>;

export interface OpenOptions {
  readonly events: ConnectionEvents;
  /** Taken over: disposed when the connection has ended. */
  readonly state: DeviceState;
  /** Somebody can be asked about the account, and shown a recovery code. */
  readonly interactive: boolean;
  /** False: the account is only opened, for a look at its devices. */
  readonly attach?: boolean;
  /** A message that nobody has confirmed by then is undelivered; 10 s by default. */
  readonly deliveryMs?: number;
  /** The longest silence of the server during a login; 15 s by default. */
  readonly silenceMs?: number;
}

export function configOf(login: LoginConfig, { state, interactive, attach = true }: OpenOptions): ClientConfig {
  return { ...login, stored: state.stored, temporary: state.temporary, interactive, attach };
}

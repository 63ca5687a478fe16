/** A login as the commands of the client use it: over a connection of their own, or through the client that has one. */
import type { MessageId } from "../../core/ids.ts";
import type { UserName } from "../../core/name.ts";
import type { Comparison } from "../../core/peer/clientSession.ts";
import type { Notice } from "../../core/peer/notices.ts";
import type { RosterView } from "../../core/peer/roster.ts";

export interface SessionEvents {
  notice(notice: Notice): void;
  /** After a login: it is over. `error` is null after a logout, and a plain `Error` for a fault of ours. */
  ended(error: Error | null): void;
}

export interface Session {
  readonly roster: RosterView;
  /** This user's name, as registered. */
  readonly self: string;
  /** Nothing can be sent any more. */
  readonly over: boolean;
  /**
   * Sends a text under a fresh id; a `delivered` or `undelivered` notice follows, perhaps before this returns.
   * @throws text.tooLong, name.invalid, connection.lost
   */
  send(to: string, text: string, id?: MessageId): void;
  /** The key in the place of a user's pinned one is taken for theirs, if it is the one with the fingerprint `key`. */
  accept(user: UserName, key: string): void;
  /** The safety number of a user has been compared with them, or that is taken back, if their key has the fingerprint `key`. */
  verify(user: UserName, key: string, verified: boolean): void;
  /** What the user compares with a peer; null when the peer's key has not been seen. */
  comparisonOf(user: UserName): Promise<Comparison | null>;
  /** The user has been shown the failed logins that were told, and need not be told again. */
  sawGuesses(): void;
  /** Logs out, or does nothing when it is over already; resolves when the server has heard it. */
  logout(): Promise<void>;
}

/** What the load generator is told to do, and what it answers: messages between two processes of the benchmark. */

/** What a load needs to know of a realm, whose users are `user0`, `user1`, …, each with their name as password. */
export interface KnownRealm {
  readonly realm: Uint8Array;
  readonly serverPublicKey: Uint8Array;
  readonly users: number;
}

/** Where the load goes: a server of this project, or the bare relay, for which it is only so many bytes. */
export type Target =
  | { readonly kind: "ims"; readonly port: number; readonly realm: KnownRealm }
  | { readonly kind: "bare"; readonly port: number };

export type TargetKind = Target["kind"];

/** How much work, and how many pieces of it at a time. */
export interface Load {
  readonly count: number;
  readonly together: number;
}

/** Of one relay load; the load is that of each pair. */
export interface RelayLoad extends Load {
  /** Whether the recipient acknowledges each message, and only the confirmation makes room for the next. */
  readonly acknowledged: boolean;
}

/** Bytes of the WebSocket messages that the bare relay is given. */
export interface Sizes {
  readonly message: number;
  readonly receipt: number;
}

export type Task =
  /** WebSockets that are opened and closed. */
  | { readonly kind: "connections"; readonly target: Target; readonly load: Load }
  /** The same with a handshake in between. */
  | { readonly kind: "channels"; readonly target: Target; readonly load: Load }
  /** The same with a login and a logout in between. */
  | { readonly kind: "logins"; readonly target: Target; readonly load: Load }
  /** Two devices log in, and stay for the `tickets` that one asks for. */
  | { readonly kind: "asker"; readonly target: Target }
  | { readonly kind: "tickets"; readonly load: Load }
  /** Pairs connect, log in, and stay for what they are to `relay`; the sizes are for the bare relay. */
  | { readonly kind: "pairs"; readonly target: Target; readonly pairs: number; readonly sizes: Sizes }
  | { readonly kind: "relay"; readonly target: TargetKind; readonly load: RelayLoad }
  /** Connections, with logins, that stay and do nothing. */
  | { readonly kind: "idle"; readonly target: Target; readonly load: Load };

/** What the load generator itself has spent on a task. */
export interface Spent {
  readonly cpuMs: number;
  readonly wallMs: number;
}

export type Answer =
  | { readonly kind: "done"; readonly spent: Spent }
  | { readonly kind: "failed"; readonly why: string };

/** How much is measured: enough to trust the figures, or just enough to see that there are any. */

export interface Counts {
  readonly starts: number;
  /** After a start, until nothing happens any more. */
  readonly restMs: number;
  /** How long each primitive is timed. */
  readonly primitiveMs: number;
  /** Conversations that a client begins. */
  readonly openings: number;
  /** Conversations that are spoken in. */
  readonly talks: number;
  /** Before anything counts: the compiler has to see the code run. */
  readonly warmUpLogins: number;
  readonly logins: number;
  readonly tickets: number;
  /** Everything that is compared is done so many times in turn; the median counts. */
  readonly rounds: number;
  readonly pairs: number;
  /** Of each pair in one round. */
  readonly messages: number;
  /** Put into mailboxes, and taken out. */
  readonly envelopes: number;
  readonly idle: number;
  /** How long memory may take to come to rest. */
  readonly calmMs: number;
}

export const FULL: Counts = {
  starts: 5,
  restMs: 1000,
  primitiveMs: 200,
  openings: 60,
  talks: 4,
  warmUpLogins: 300,
  logins: 200,
  tickets: 2000,
  rounds: 3,
  pairs: 50,
  messages: 400,
  envelopes: 64_000,
  idle: 10_000,
  calmMs: 40_000,
};

export const QUICK: Counts = {
  starts: 1,
  restMs: 0,
  primitiveMs: 1,
  openings: 2,
  talks: 1,
  warmUpLogins: 2,
  logins: 8,
  tickets: 50,
  rounds: 1,
  pairs: 2,
  messages: 50,
  envelopes: 640,
  idle: 40,
  calmMs: 0,
};

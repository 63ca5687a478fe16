/**
 * What a part of a running server has made ready for another configuration. All parts make ready, and then all commit
 * or all roll back: exactly one of the two is called, once, and neither throws.
 */
export interface Change {
  commit(): void;
  /** As if there had been nothing. */
  rollback(): void;
}

/** For a part that has nothing to make ready. */
export function simpleChange(commit: () => void): Change {
  return { commit, rollback: () => {} };
}

/**
 * What a part of a running server has made ready for another configuration. All parts make ready, and then all commit
 * or all roll back: exactly one of the two is called, once, and neither throws.
 */
export interface Change {
  commit(): void;
  /** As if there had been nothing. */
  rollback(): void;
}

/** Makes ready, or throws a `CodedError` and changes nothing. */
export type Prepare<T> = (next: T) => Change;

/** For a part that has nothing to make ready. */
export function simpleChange(commit: () => void): Change {
  return { commit, rollback: () => {} };
}

/** All parts as one. @throws what one of them throws; then the others have rolled back */
export function prepareAll<T>(parts: readonly Prepare<T>[], next: T): Change {
  const ready: Change[] = [];
  const rollback = (): void => {
    for (const change of ready.toReversed()) change.rollback();
  };
  try {
    for (const prepare of parts) ready.push(prepare(next));
  } catch (error) {
    rollback();
    throw error;
  }
  const commit = (): void => {
    for (const change of ready) change.commit();
  };
  return { commit, rollback };
}

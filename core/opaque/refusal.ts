import { CodedError, type ErrorCode } from "../errors.ts";

/**
 * Runs `fn`, and says `code`, and nothing else, of a key or element of the peer's that is not one; what was wrong with
 * it stays as the cause.
 */
export function badKeyAs<T>(code: ErrorCode, fn: () => T): T {
  try {
    return fn();
  } catch (cause) {
    if (cause instanceof CodedError && cause.code === "crypto.badKey") throw new CodedError(code, "opaque", { cause });
    throw cause;
  }
}

import { CodedError, type ErrorCode } from "../../core/errors.ts";

/** The error that `fn` throws; a test that gets none fails. */
export function failure(fn: () => unknown): CodedError {
  try {
    fn();
  } catch (error) {
    return expectCoded(error);
  }
  throw new Error("nothing was thrown");
}

/** As `failure`, for a promise. */
export async function rejection(promise: Promise<unknown>): Promise<CodedError> {
  try {
    await promise;
  } catch (error) {
    return expectCoded(error);
  }
  throw new Error("nothing was thrown");
}

/** The code that `fn` throws, or what it returns. */
export function codeOr<T>(fn: () => T): T | ErrorCode {
  try {
    return fn();
  } catch (error) {
    return expectCoded(error).code;
  }
}

function expectCoded(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  throw error;
}

import type { CryptoProvider, RandomBytes } from "../crypto/provider.ts";
import type { KemAnswer, KemRequest } from "./tokens.ts";

/**
 * Runs a handshake generator to its end with a provider that answers at once: for tickets and the channel's first
 * message, which never ask, and for tests. `randomBytes` serves encapsulation. A provider that answers with a promise is a bug here: a plain `Error`.
 */
export function runSync<T>(
  generator: Generator<KemRequest, T, KemAnswer>,
  crypto: CryptoProvider,
  randomBytes: RandomBytes,
): T {
  let step = generator.next();
  while (!step.done) {
    let answer: KemAnswer;
    try {
      answer = answerSync(step.value, crypto, randomBytes);
    } catch (error) {
      step = generator.throw(error);
      continue;
    }
    step = generator.next(answer);
  }
  return step.value;
}

function answerSync(request: KemRequest, crypto: CryptoProvider, randomBytes: RandomBytes): KemAnswer {
  const result = crypto.run(request, randomBytes);
  if (result instanceof Promise) throw new Error("noise: this provider answers later");
  if (result.op !== request.op) throw new Error("noise: the provider answered another job");
  return result;
}

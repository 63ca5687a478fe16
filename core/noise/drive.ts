import type { CryptoProvider } from "../crypto/provider.ts";
import type { KemAnswer, KemRequest } from "./tokens.ts";

/**
 * Runs a handshake generator to its end with a provider that answers at once: tickets, whose pattern never asks, and
 * tests. `randomBytes` serves encapsulation. A provider that answers with a promise is a bug here: a plain `Error`.
 */
export function runSync<T>(
  generator: Generator<KemRequest, T, KemAnswer>,
  crypto: CryptoProvider,
  randomBytes: (length: number) => Uint8Array,
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

function answerSync(
  request: KemRequest,
  crypto: CryptoProvider,
  randomBytes: (length: number) => Uint8Array,
): KemAnswer {
  const result = crypto.run(request, randomBytes);
  if (result instanceof Promise) throw new Error("noise: this provider answers later");
  if (result.op !== request.op) throw new Error("noise: the provider answered another job");
  return result;
}

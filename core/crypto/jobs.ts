import { wipe } from "../secret.ts";
import type { JobResult } from "./provider.ts";

/** Wipes the secret of a result that nobody waits for any more. */
export function wipeResult(result: JobResult): void {
  switch (result.op) {
    case "kemGenerate":
      wipe(result.privateKey);
      break;
    case "kemEncapsulate":
    case "kemDecapsulate":
      wipe(result.sharedSecret);
      break;
    case "stretch":
      wipe(result.output);
  }
}

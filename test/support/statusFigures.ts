import type { Figures } from "../../cmd/server/status.ts";
import { START_MS } from "./fixedEnv.ts";

/** Of no server there is: every number is another. */
export const FIGURES: Figures = {
  type: "status",
  ...{ version: "1.2.3", commit: 'a"b\\c\nd', build: "bun 9 linux-x64", pid: 77 },
  ...{ startedAt: new Date(START_MS).toISOString(), uptimeSeconds: 93_784 },
  ...{ fingerprint: "SHA256:abc", host: "192.0.2.1", port: 4040, metricsPort: 9100 },
  users: { registered: 5, locked: 1, online: 2 },
  ...{ devices: 3, connections: 4 },
  queues: { gate: 6, sessionFrames: 7, sendBytes: 8 },
  ...{ logins: 12, logouts: 9, faults: 1 },
  refusals: { "auth.rejected": 3, "door.address": 5 },
  memory: { residentBytes: 50_000_000 },
  descriptors: { open: 20, max: 1024 },
  audit: { lines: 30, dropped: 2 },
};

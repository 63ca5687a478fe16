/** The two ways in which an operator looks at a running server: the admin socket and the metrics. */
import type { ServerConfig } from "../host/config.ts";
import { openAdminSocket } from "./adminSocket.ts";
import { metricsText } from "./metrics.ts";
import { MetricsPort } from "./metricsPort.ts";
import { StatusReport, type StatusSources } from "./status.ts";

export interface Operating extends AsyncDisposable {
  /** A reload opens it anew. */
  readonly metrics: MetricsPort;
}

/** Opens both. @throws config.invalid, file.failed, port.busy; then neither is open */
export function openOperating(config: ServerConfig, sources: Omit<StatusSources, "metricsPort">): Operating {
  const report = new StatusReport({ ...sources, metricsPort: () => metrics.port });
  const metrics = new MetricsPort(() => metricsText(report.figures()));
  metrics.prepare(config).commit();
  let socket: AsyncDisposable;
  try {
    socket = openAdminSocket(config, () => report.status());
  } catch (error) {
    metrics.close();
    throw error;
  }
  return {
    metrics,
    async [Symbol.asyncDispose]() {
      metrics.close();
      await socket[Symbol.asyncDispose]();
    },
  };
}

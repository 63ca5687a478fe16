/** `GET /metrics` on a port of its own, which only programs on this machine can reach. */
import { CodedError } from "../../core/errors.ts";
import type { ServerConfig } from "../host/config.ts";
import { systemCode } from "../host/files.ts";
import { type Change, simpleChange } from "./change.ts";
import { listenFailure } from "./listenFailure.ts";
import { METRICS_TYPE } from "./metrics.ts";

export const METRICS_HOST = "127.0.0.1";

type Place = Pick<ServerConfig, "port" | "metricsPort" | "name">;

/** @throws config.invalid when users and metrics would share a port */
export function expectOwnPort({ port, metricsPort, name }: Place): void {
  if (metricsPort === 0 || metricsPort !== port) return;
  throw new CodedError("config.invalid", `${name}: metricsPort: ${port} is the port of the server; take another, or 0`);
}

/** Closed until it is given a port. */
export class MetricsPort {
  readonly #text: () => string;
  #server: Bun.Server<undefined> | null = null;
  /** What it was given last. */
  #given: Pick<Place, "metricsPort" | "name"> = { metricsPort: 0, name: "" };

  constructor(text: () => string) {
    this.#text = text;
  }

  /** Where it listens, unless it is closed; 0 for nowhere. */
  get port(): number {
    return this.#given.metricsPort;
  }

  /** Makes ready to listen on `metricsPort`, or on no port at all when that is 0. @throws port.busy, config.invalid */
  prepare(config: Place): Change {
    expectOwnPort(config);
    const { metricsPort } = config;
    if (metricsPort === this.port) return simpleChange(() => {});
    const server = metricsPort === 0 ? null : this.#listen(metricsPort, config.name);
    return {
      commit: () => {
        this.close();
        this.#server = server;
        this.#given = config;
      },
      rollback: () => void server?.stop(true),
    };
  }

  /** Ends all connections, and takes none until `reopen`. */
  close(): void {
    void this.#server?.stop(true);
    this.#server = null;
  }

  /** Listens again, if it was given a port. @throws port.busy, config.invalid */
  reopen(): void {
    const { metricsPort, name } = this.#given;
    if (metricsPort !== 0) this.#server ??= this.#listen(metricsPort, name);
  }

  #listen(port: number, name: string): Bun.Server<undefined> {
    try {
      return Bun.serve({
        ...{ hostname: METRICS_HOST, port, development: false, reusePort: false },
        fetch: (request) => this.#answer(request),
        error: () => new Response("fault\n", { status: 500 }),
      });
    } catch (cause) {
      throw listenFailure(systemCode(cause), { host: METRICS_HOST, port, name, key: "metricsPort" }, { cause });
    }
  }

  #answer({ method, url, headers }: Request): Response {
    // A page in a browser of this machine may have made its own name one of ours (DNS rebinding).
    if (!/^(?:127\.0\.0\.1|localhost)(?::[0-9]+)?$/i.test(headers.get("host") ?? "")) {
      return new Response("another host\n", { status: 421 });
    }
    if (method !== "GET" || new URL(url).pathname !== "/metrics") return new Response("not found\n", { status: 404 });
    return new Response(this.#text(), { headers: { "content-type": METRICS_TYPE } });
  }
}

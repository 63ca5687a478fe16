/** Who comes in at the port: from which address, and so many from one. */
import type { ConnectionId } from "../../core/peer/online.ts";
import { plainAddress, rangeMatcher } from "../host/addresses.ts";
import type { ServerConfig } from "../host/config.ts";

/** What belongs to a WebSocket. */
export interface Data {
  readonly address: string;
  connection: ConnectionId | null;
  /** We have closed it, and a stranger may keep the socket for a while. */
  lingers: boolean;
}

export type DoorOptions = Pick<ServerConfig, "limits" | "trustedProxies">;

/** Who may connect: so many from one address, and nobody once it is shut. */
export class Door {
  readonly #perAddress = new Map<string, number>();
  readonly #isProxy: (address: string) => boolean;
  readonly #limits: DoorOptions["limits"];
  #shut = false;

  constructor({ trustedProxies, limits }: DoorOptions) {
    this.#isProxy = rangeMatcher(trustedProxies);
    this.#limits = limits;
  }

  shut(): void {
    this.#shut = true;
  }

  enter(address: string): void {
    this.#perAddress.set(address, this.#inside(address) + 1);
  }

  leave(address: string): void {
    const left = this.#inside(address) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  /** The answer to a request; undefined when it has become a WebSocket. */
  answer(request: Request, self: Bun.Server<Data>): Response | undefined {
    const path = pathOf(request.url);
    if (path !== "/ims" && path !== "/healthz") return text("not found", 404);
    if (this.#shut) return text("stopping", 503);
    if (path === "/healthz") return text("ok", 200);
    const direct = self.requestIP(request)?.address ?? "";
    const address = clientAddress(direct, request.headers.get("x-forwarded-for"), this.#isProxy);
    if (this.#inside(address) >= this.#limits.connectionsPerAddress) return text("too many connections", 429);
    if (self.upgrade(request, { data: { address, connection: null, lingers: false } })) return undefined;
    return text("a WebSocket is expected here", 426, { upgrade: "websocket" });
  }

  #inside(address: string): number {
    return this.#perAddress.get(address) ?? 0;
  }
}

/** No connection is kept for another request: only WebSockets are counted. */
export function text(line: string, status: number, headers: Record<string, string> = {}): Response {
  return new Response(`${line}\n`, { status, headers: { ...headers, connection: "close" } });
}

/** The path as it was asked for; the host before it can be anything. */
function pathOf(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "");
}

/**
 * Whom a connection is from: behind a proxy of ours, the last address in `X-Forwarded-For` that is not one of ours too.
 * Anybody else's header is not believed.
 */
export function clientAddress(direct: string, forwarded: string | null, isProxy: (address: string) => boolean): string {
  const hops = [
    ...(forwarded ?? "")
      .split(",")
      .map((hop) => hop.trim())
      .filter((hop) => hop !== ""),
    direct,
  ];
  let address = plainAddress(hops.pop() ?? "");
  while (isProxy(address) && hops.length > 0) address = plainAddress(hops.pop() ?? "");
  return address;
}

/** Who comes in at the port: from which address, so many from one, and so many in all. */
import type { ConnectionId } from "../../core/peer/online.ts";
import { hostPrefixOf, plainAddress, rangeMatcher } from "../host/addresses.ts";
import type { ServerConfig } from "../host/config.ts";
import type { DOOR_CAUSES, Journal } from "./journal.ts";

/** What belongs to a WebSocket. */
export interface Data {
  readonly address: string;
  connection: ConnectionId | null;
  /** We have closed it, and a stranger may keep the socket for a while. */
  lingers: boolean;
}

export type DoorOptions = Pick<ServerConfig, "limits" | "trustedProxies">;

type DoorCause = (typeof DOOR_CAUSES)[number];

/** What is said to somebody who is not let in; 503 is worth another try. */
const REFUSALS = {
  "door.address": ["too many connections from your address", 429],
  "door.full": ["too many connections", 503],
  "door.stopping": ["stopping", 503],
} as const satisfies { readonly [C in DoorCause]: readonly [line: string, status: number] };

/** Who may connect: so many in all and from one host, and nobody once it is shut. */
export class Door {
  readonly #journal: Pick<Journal, "refused">;
  /** By host, as `hostPrefixOf` tells them apart. */
  readonly #perHost = new Map<string, number>();
  #inside = 0;
  #limits: DoorOptions["limits"];
  #isProxy: (address: string) => boolean;
  #shut = false;

  constructor({ limits, trustedProxies }: DoorOptions, journal: Pick<Journal, "refused">) {
    this.#journal = journal;
    this.#limits = limits;
    this.#isProxy = rangeMatcher(trustedProxies);
  }

  /** Connections that are open. */
  get inside(): number {
    return this.#inside;
  }

  /** Others from now on; whoever is inside stays. */
  set({ limits, trustedProxies }: DoorOptions): void {
    this.#limits = limits;
    this.#isProxy = rangeMatcher(trustedProxies);
  }

  get isShut(): boolean {
    return this.#shut;
  }

  shut(): void {
    this.#shut = true;
  }

  enter(address: string): void {
    this.#inside += 1;
    const host = hostPrefixOf(address);
    this.#perHost.set(host, this.#from(host) + 1);
  }

  leave(address: string): void {
    this.#inside -= 1;
    const host = hostPrefixOf(address);
    const left = this.#from(host) - 1;
    if (left > 0) this.#perHost.set(host, left);
    else this.#perHost.delete(host);
  }

  /** The answer to a request; undefined when it has become a WebSocket. */
  answer(request: Request, self: Bun.Server<Data>): Response | undefined {
    const path = pathOf(request.url);
    if (path === "/healthz") return this.#shut ? text("stopping", 503) : text("ok", 200);
    if (path !== "/ims") return text("not found", 404);
    const direct = self.requestIP(request)?.address ?? "";
    const address = clientAddress(direct, request.headers.get("x-forwarded-for"), this.#isProxy);
    const cause = this.#refusalOf(address);
    if (cause !== null) {
      this.#journal.refused({ cause, address, attempted: false });
      const [line, status] = REFUSALS[cause];
      return text(line, status);
    }
    if (self.upgrade(request, { data: { address, connection: null, lingers: false } })) return undefined;
    return text("a WebSocket is expected here", 426, { upgrade: "websocket" });
  }

  #refusalOf(address: string): DoorCause | null {
    if (this.#shut) return "door.stopping";
    if (this.#from(hostPrefixOf(address)) >= this.#limits.connectionsPerAddress) return "door.address";
    return this.#inside >= this.#limits.connections ? "door.full" : null;
  }

  #from(host: string): number {
    return this.#perHost.get(host) ?? 0;
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
  let address = addressOf(hops.pop() ?? "");
  while (isProxy(address) && hops.length > 0) address = addressOf(hops.pop() ?? "");
  return address;
}

/** Without the brackets and the port that some proxies write: `198.51.100.1:4711`, `[2001:db8::1]:4711`. */
function addressOf(hop: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+)$/.exec(hop) ?? [];
  return plainAddress(bracketed ?? plain ?? hop);
}

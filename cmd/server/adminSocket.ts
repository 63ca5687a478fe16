/**
 * The local way to a running server: HTTP over a Unix socket in its data folder, which nobody but the owner may connect
 * to. `GET /status` is all that it answers.
 */
import { lstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "../../core/errors.ts";
import { type ServerConfig, shortPath } from "../host/config.ts";
import { reasonOf, systemCode } from "../host/files.ts";
import { asciiJson } from "../host/json.ts";
import type { Status } from "./status.ts";

export const SOCKET_NAME = "admin.sock";
/** How long a server may take to answer. */
const ANSWER_MS = 5000;
/** Takes away all but reading and writing by the owner. */
const UMASK = 0o177;

type Place = Pick<ServerConfig, "data" | "name">;

/**
 * Listens until it is disposed, which removes the socket. The caller holds the lock of the data folder, so a socket that
 * is there already is a dead server's.
 * @throws config.invalid, file.failed
 */
export function openAdminSocket(place: Place, status: () => Status): AsyncDisposable {
  const path = join(place.data, SOCKET_NAME);
  removeStale(path);
  const server = serve(path, place, ({ method, url }) => {
    if (method !== "GET" || new URL(url).pathname !== "/status") return new Response("not found\n", { status: 404 });
    return new Response(`${asciiJson(status())}\n`, { headers: { "content-type": "application/json" } });
  });
  return {
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      rmSync(path, { force: true });
    },
  };
}

function serve(path: string, place: Place, fetch: (request: Request) => Response): Bun.Server<undefined> {
  const umask = process.umask(UMASK);
  try {
    return Bun.serve({ unix: path, development: false, fetch, error: () => new Response("fault\n", { status: 500 }) });
  } catch (error) {
    throw socketFailure(systemCode(error), path, place);
  } finally {
    process.umask(umask);
  }
}

/** @param code the system's, such as `ENAMETOOLONG` */
export function socketFailure(code: string, path: string, { data, name }: Place): CodedError {
  if (code === "ENAMETOOLONG" || code === "EINVAL") {
    return new CodedError(
      "config.invalid",
      `${name}: data: ${data} is too long a path for a socket in it; take another`,
    );
  }
  return new CodedError("file.failed", `${path}: cannot be made: ${reasonOf(code)}`);
}

function removeStale(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new CodedError("file.failed", `${path}: is not a socket; remove it`);
  rmSync(path);
}

/**
 * What the server on the folder `data` says of itself: a line of JSON.
 * @throws server.notRunning, server.unreachable, file.failed
 */
export async function askStatus(data: string, cwd: string): Promise<string> {
  const name = shortPath(data, cwd);
  const response = await ask(join(data, SOCKET_NAME)).catch((error) => {
    throw askFailure(systemCode(error), name);
  });
  if (response.status !== 200)
    throw new CodedError("server.unreachable", `the server on ${name} has no status to tell`);
  return await response.text();
}

function ask(unix: string): Promise<Response> {
  return fetch("http://localhost/status", { unix, signal: AbortSignal.timeout(ANSWER_MS) });
}

function askFailure(code: string, name: string): CodedError {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ECONNREFUSED":
      return new CodedError("server.notRunning", `no server runs on ${name}; start it: server run`);
    case "EACCES":
    case "EPERM":
      return new CodedError("file.failed", `${name}: belongs to another account; ask as the one that runs the server`);
    default:
      return new CodedError("server.unreachable", `the server on ${name} does not answer`);
  }
}

/** Whether a server runs on the folder `data`, as far as this account can tell. */
export async function isServed(data: string): Promise<boolean> {
  return await ask(join(data, SOCKET_NAME)).then(
    () => true,
    (error) => askFailure(systemCode(error), "").code !== "server.notRunning",
  );
}

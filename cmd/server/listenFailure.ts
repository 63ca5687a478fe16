import { CodedError } from "../../core/errors.ts";
import type { ServerConfig } from "../host/config.ts";

/**
 * Why a server cannot listen, in words that name the key to change: `port.busy` when another program has the port, else
 * `config.invalid`.
 * @param code the system's, such as `EADDRINUSE`; empty when there is none
 */
export function listenFailure(
  code: string,
  { host, port, name, key = "port" }: Pick<ServerConfig, "host" | "port" | "name"> & { readonly key?: string },
  options?: ErrorOptions,
): CodedError {
  const invalid = (what: string): CodedError => new CodedError("config.invalid", `${name}: ${what}`, options);
  switch (code) {
    case "EADDRINUSE":
      return new CodedError(
        "port.busy",
        `${name}: ${key}: ${port} is in use; stop what uses it or take another`,
        options,
      );
    case "EACCES":
      return invalid(`${key}: ${port} needs more rights; take one from 1024 up`);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return invalid(`host: ${host} is not an address of this machine`);
    default:
      return invalid(
        `host or ${key}: cannot listen on ${host} port ${port} (${code === "" ? "unknown reason" : code})`,
      );
  }
}

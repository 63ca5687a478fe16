/** Hosts, addresses and ranges of addresses as a configuration names them. */
import { BlockList, isIP } from "node:net";

const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/** `text` when it is an IPv4 or IPv6 address (no brackets) or a host name of at most 253 characters; else null. */
export function parseHost(text: string): string | null {
  if (isIP(text) !== 0) return text;
  const labels = text.split(".");
  const looksLikeAddress = /^[0-9]*$/.test(labels.at(-1) ?? "");
  return text.length <= 253 && !looksLikeAddress && labels.every((label) => LABEL.test(label)) ? text : null;
}

/** `text` when it is an address or a range such as `10.0.0.0/8` or `fd00::/8`; else null. */
export function parseRange(text: string): string | null {
  return splitRange(text) === null ? null : text;
}

function splitRange(text: string): { readonly address: string; readonly bits: number } | null {
  const [, address = "", prefix] = /^([0-9A-Fa-f.:]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return null;
  const maxBits = family === 4 ? 32 : 128;
  const bits = prefix === undefined ? maxBits : Number(prefix);
  return bits <= maxBits ? { address, bits } : null;
}

/** An IPv4 address without the prefix that it has on a dual-stack socket, `::ffff:`; any other as it is. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=[0-9.]+$)/i, "");
}

/**
 * Whether an address lies in one of `ranges`, each as `parseRange` accepts. An IPv4 address is recognised in its IPv6
 * form (`::ffff:a.b.c.d`) too.
 */
export function rangeMatcher(ranges: readonly string[]): (address: string) => boolean {
  const set = new BlockList();
  for (const range of ranges) {
    const parts = splitRange(range);
    if (parts !== null) set.addSubnet(parts.address, parts.bits, isIP(parts.address) === 4 ? "ipv4" : "ipv6");
  }
  return (address) => {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && set.check(plain, family === 4 ? "ipv4" : "ipv6");
  };
}

const isLoopbackAddress = rangeMatcher(["127.0.0.0/8", "::1"]);

/** Whether only programs on this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === "localhost" || isLoopbackAddress(host);
}

/** Whether `host` stands for every address of this machine, which nobody can connect to by that name. */
export function isWildcard(host: string): boolean {
  return isIP(host) !== 0 && /^[0:.]*$/.test(host);
}

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

/** What stands for every address that is none. */
const UNKNOWN = "unknown";

/**
 * The network that an address is of, as guesses are counted and lists name it: the /24 of IPv4 and the /48 of IPv6,
 * such as `192.0.2.0/24` and `2001:db8:1::/48`; `unknown` for what is no address.
 */
export function prefixOf(address: string): string {
  return networkOf(address, { ipv4: 24, ipv6: 48 });
}

/**
 * What connections from an address count under: itself in IPv4, and the /64 in IPv6, where one host has as many
 * addresses as it likes.
 */
export function hostPrefixOf(address: string): string {
  return networkOf(address, { ipv4: 32, ipv6: 64 });
}

/** The lengths of prefixes, in bits: a whole number of the address's parts. */
interface PrefixBits {
  readonly ipv4: number;
  readonly ipv6: number;
}

function networkOf(address: string, bits: PrefixBits): string {
  if (isIP(address) === 0) return UNKNOWN;
  if (isIP(address) === 4) return ipv4Network(address.split(".").map(Number), bits.ipv4);
  const groups = groupsOf(address);
  if (groups.slice(0, 6).join() === "0,0,0,0,0,65535") {
    const [high = 0, low = 0] = groups.slice(6);
    return ipv4Network([high >> 8, high & 255, low >> 8, low & 255], bits.ipv4);
  }
  const kept = groups.slice(0, bits.ipv6 / 16).map((group) => group.toString(16));
  return `${kept.join(":").replace(/(?:(?:^|:)0)+$/, "")}::/${bits.ipv6}`;
}

function ipv4Network(parts: readonly number[], bits: number): string {
  return `${parts.map((part, index) => (index < bits / 8 ? part : 0)).join(".")}/${bits}`;
}

/** The eight groups of an IPv6 address, whatever of them is left out, and without its zone. */
function groupsOf(address: string): readonly number[] {
  const [plain = ""] = address.split("%");
  const hex = plain.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = [], tail = []] = hex.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const zeros = Array<string>(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
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

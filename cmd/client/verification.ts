/** What a user compares with a peer, as lines: the safety number, a QR code of it, and the fingerprint of the peer's key. */
import { encodeQR } from "qr";
import { safetyNumberGroups } from "../../core/e2ee/fingerprint.ts";
import type { Comparison } from "../../core/peer/clientSession.ts";
import { printable } from "../host/printable.ts";

const GROUPS_PER_LINE = 4;

/** Three lines of digits, the same on both sides. */
export function numberLines(safetyNumber: string): readonly string[] {
  const groups = safetyNumberGroups(safetyNumber);
  const lines: string[] = [];
  for (let at = 0; at < groups.length; at += GROUPS_PER_LINE) {
    lines.push(`    ${groups.slice(at, at + GROUPS_PER_LINE).join(" ")}`);
  }
  return lines;
}

/** Half blocks, two modules a character; for a terminal with UTF-8 alone. */
export function qrLines(text: string): readonly string[] {
  const modules = encodeQR(text, "raw", { ecc: "low", border: 2 });
  const lines: string[] = [];
  for (let y = 0; y < modules.length; y += 2) {
    const [upper = [], lower = []] = [modules[y], modules[y + 1]];
    lines.push(`    ${upper.map((dark, x) => BLOCKS[(dark ? 0 : 2) + (lower[x] === true ? 0 : 1)]).join("")}`);
  }
  return lines;
}

/** Light on dark, as most terminals are: a light module is drawn. */
const BLOCKS = [" ", "▄", "▀", "█"];

/** All of it, and what to do. `command` is how the user says that it is right. */
export function comparisonLines(
  comparison: Comparison,
  look: { readonly utf8: boolean },
  command: string,
): readonly string[] {
  const { trust, fingerprint, changed } = comparison;
  const name = printable(comparison.name);
  if (changed !== null) return changedLines(name, fingerprint, changed);
  const state = trust === "verified" ? `${name} is verified.` : `${name} is not verified yet.`;
  return [
    `Safety number of you and ${name}:`,
    "",
    ...numberLines(comparison.safetyNumber),
    "",
    ...(look.utf8 ? [...qrLines(comparison.safetyNumber), ""] : []),
    `Identity key of ${name}: ${fingerprint}`,
    `${state} If ${name} sees the same number, and you know that it is ${name}: ${command}`,
  ];
}

/** What a user has to look at before another key is taken for a peer's. */
export function changedLines(name: string, before: string, now: string): readonly string[] {
  return [
    `The identity key of ${name} has changed.`,
    `  before: ${before}`,
    `  now:    ${now}`,
    `${name} may have a new identity, or somebody stands in between. Ask ${name} by another way.`,
    `${name} sees their own key with /verify ${name}. If it is the new one: /accept ${name} yes`,
  ];
}

/** The user's own key, for somebody who asks whether it is theirs. */
export function ownLines({ name, fingerprint }: Comparison): readonly string[] {
  return [`Your own identity key, as others see it for ${printable(name)}: ${fingerprint}`];
}

/**
 * Where passwords come from. Only here is one ever a string, because normalising needs it; it leaves as bytes that are
 * wiped after use (THREAT_MODEL, "Memory").
 */
import { closeSync, openSync } from "node:fs";
import { resolve } from "node:path";
import { decodeUtf8 } from "../../core/bytes.ts";
import { CodedError } from "../../core/errors.ts";
import { expectPassword } from "../../core/kdc/password.ts";
import { PASSWORD_MAX_BYTES } from "../../core/limits.ts";
import { Secret } from "../../core/secret.ts";
import { expectInteger, usage } from "./args.ts";
import { readAll, systemReason } from "./files.ts";
import type { Prompter } from "./prompt.ts";

/** Normalisation can shorten a text, never below a third of its bytes in practice; and there is a line end. */
const SOURCE_MAX_BYTES = 4 * PASSWORD_MAX_BYTES;

/** What the command line says of the password. */
export interface PasswordOptions {
  readonly "password-file"?: string | undefined;
  readonly "password-fd"?: string | undefined;
}

/** UTF-8 of the NFKC form of `text`. @throws password.invalid when it is empty, over 1,024 bytes or not Unicode text */
export function normalizePassword(text: string): Secret {
  if (!text.isWellFormed()) throw new CodedError("password.invalid", "the password is not Unicode text");
  const password = Secret.take(new TextEncoder().encode(text.normalize("NFKC")));
  try {
    expectPassword(password);
    return password;
  } catch (error) {
    password[Symbol.dispose]();
    throw error;
  }
}

/**
 * The password from the file or descriptor that the options name, without one line end at its end; null when they
 * name none. The caller disposes it.
 * @throws usage.invalid, config.invalid or password.invalid
 */
export function readPassword(options: PasswordOptions, cwd: string): Secret | null {
  const { "password-file": file, "password-fd": fd } = options;
  if (file !== undefined && fd !== undefined) throw usage("--password-file and --password-fd exclude each other");
  if (file !== undefined) return fromFile(resolve(cwd, file), file);
  if (fd !== undefined) return fromDescriptor(expectInteger("--password-fd", fd, [0, 65_535]));
  return null;
}

/** Not only regular files: a pipe, as `<(pass show ims)` makes one, will do. */
function fromFile(path: string, name: string): Secret {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    throw new CodedError("config.invalid", `${name}: cannot be read: ${systemReason(error)}`, { cause: error });
  }
  try {
    return fromBytes(readAll(fd, SOURCE_MAX_BYTES, name), name);
  } finally {
    closeSync(fd);
  }
}

function fromDescriptor(fd: number): Secret {
  const name = `--password-fd ${fd}`;
  try {
    return fromBytes(readAll(fd, SOURCE_MAX_BYTES, name), name);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError("config.invalid", `${name}: cannot be read: ${systemReason(error)}`, { cause: error });
  }
}

function fromBytes(bytes: Uint8Array, name: string): Secret {
  try {
    const text = decodeUtf8(bytes);
    if (text === null) throw new CodedError("password.invalid", "not UTF-8 text");
    return normalizePassword(oneLine(text));
  } catch (error) {
    if (error instanceof CodedError) throw new CodedError(error.code, `${name}: ${error.detail}`);
    throw error;
  } finally {
    bytes.fill(0);
  }
}

/** `text` without its line end. A mark before it, or a second line, would be a password that no prompt can take. */
function oneLine(text: string): string {
  if (text.startsWith("\u{feff}")) {
    throw new CodedError("password.invalid", "begins with a byte order mark; save it as UTF-8 without one");
  }
  const line = text.replace(/\r?\n$/, "");
  if (!/[\r\n]/.test(line)) return line;
  throw new CodedError("password.invalid", "the password holds a line end; put it alone in one line");
}

/** Borrows a password that is to be set. @throws password.weak when another should be taken */
export type PasswordCheck = (password: Secret) => Promise<void>;

/** How often a person may choose one. */
const TRIES = 3;

/**
 * Asks for a password that is to be set: twice on a terminal, once without. On a terminal one that `check` finds weak,
 * or that is not typed the same twice, is asked for again, three times in all.
 * @throws password.invalid when nothing was typed or the two differ; password.weak
 */
export async function askNewPassword(prompter: Prompter, user: string, check: PasswordCheck): Promise<Secret> {
  let complaint = "";
  for (let tries = prompter.terminal ? TRIES : 1; ; tries -= 1) {
    try {
      const password = await askOnce(prompter, `${complaint}New password for ${user}: `, check);
      if (password !== null) return password;
      if (tries <= 1) throw new CodedError("password.invalid", "the two passwords differ; nothing was changed");
      complaint = "the two passwords differ\n";
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== "password.weak" || tries <= 1) throw error;
      complaint = `${error.detail}\n`;
    }
  }
}

/** null when the two differ. */
async function askOnce(prompter: Prompter, prompt: string, check: PasswordCheck): Promise<Secret | null> {
  const first = await prompter.askHidden(prompt);
  if (first === null) throw new CodedError("password.invalid", "no password given");
  const password = normalizePassword(first);
  try {
    await check(password);
    if (!prompter.terminal) return password;
    const again = await prompter.askHidden("The same again: ");
    if (again === first) return password;
    if (again === null) throw new CodedError("password.invalid", "no password given");
    password[Symbol.dispose]();
    return null;
  } catch (error) {
    password[Symbol.dispose]();
    throw error;
  }
}

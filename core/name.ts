import { CodedError } from "./errors.ts";
import { NAME_MAX_BYTES } from "./limits.ts";

/**
 * The name of a user as the protocol knows it: lower case, ASCII, made by `parseUserName` alone. No two users differ
 * by case only, and a name never holds a separator, a control character or a character that looks like another
 * script's, so it is its own canonical form (PROTOCOL §2).
 */
export type UserName = string & { readonly brand: "UserName" };

const PATTERN = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${NAME_MAX_BYTES - 1}}$`);

/**
 * The protocol's form of `text`, which may be in any case.
 * @throws name.invalid when `text` is not 1 to 32 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit; nothing is
 * trimmed or normalised
 */
export function parseUserName(text: string): UserName {
  if (!PATTERN.test(text)) {
    throw new CodedError(
      "name.invalid",
      `a user name is 1 to ${NAME_MAX_BYTES} of A-Z a-z 0-9 . _ - and begins with a letter or digit`,
    );
  }
  return text.toLowerCase() as UserName;
}

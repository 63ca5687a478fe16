import type { DeviceId } from "../ids.ts";
import type { UserName } from "../name.ts";

/** Who is registered, by protocol name, and which of their devices are logged in. */
export type Roster = ReadonlyMap<UserName, RosterEntry>;

export interface RosterEntry {
  /** As registered. */
  readonly name: string;
  readonly devices: readonly DeviceId[];
}

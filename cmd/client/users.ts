/** `client users`: who is registered, and who is online. */
import { parseUserName } from "../../core/name.ts";
import type { RosterView } from "../../core/peer/roster.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import type { UsersCommand } from "./commandLine.ts";
import { jsonLine } from "./json.ts";
import { withSession } from "./signIn.ts";
import { rosterLines, rosterOrder } from "./words.ts";
import type { World } from "./world.ts";

export async function users(command: UsersCommand, world: World): Promise<ExitCode> {
  const how = { mayAsk: true, events: { notice: () => {}, ended: () => {} } };
  return withSession(command, world, how, ({ roster, self }) => {
    const plain = () => `${rosterLines(roster, self).join("\n")}\n`;
    world.io.stdout.write(command.json ? usersJson(roster, self) : plain());
    return EXIT.done;
  });
}

function usersJson(roster: RosterView, self: string): string {
  const you = parseUserName(self);
  return rosterOrder(roster)
    .map(([user, { name, devices, trust }]) => {
      const online = devices.length > 0;
      return jsonLine({ type: "user", name, online, devices: devices.length, you: user === you, identity: trust });
    })
    .join("");
}

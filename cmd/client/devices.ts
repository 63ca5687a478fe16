/** `client devices`, and what the chat shows of devices. It logs in without attaching: so it helps when there are too many. */
import { CodedError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { OwnDevices } from "../../core/peer/localDevice.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import type { DevicesCommand } from "./commandLine.ts";
import { Connection } from "./connection.ts";
import { jsonLine, peerTime } from "./json.ts";
import { openPrompter, signIn } from "./signIn.ts";
import type { World } from "./world.ts";

/** One line for each device. */
export function deviceLines({ list, seen: seenAt, online, self }: OwnDevices): readonly string[] {
  return list.map(({ device, addedAt, temporary }) => {
    const lastMs = seenAt.get(device);
    const before = lastMs === undefined ? "" : `, last seen ${day(lastMs)}`;
    const seen = online.has(device) ? ", online" : before;
    const marks = `${temporary === 1 ? ", temporary" : ""}${device === self ? " (this one)" : ""}`;
    return `${device}  since ${day(addedAt)}${seen}${marks}`;
  });
}

function day(ms: number): string {
  return peerTime(ms).slice(0, 10);
}

/** The device that `text` begins the name of. @throws usage.invalid when there is none, or several */
export function findDevice({ list, self }: OwnDevices, text: string): DeviceId {
  const found = list.filter(({ device }) => device.startsWith(text.toLowerCase()));
  const [device] = found;
  if (device === undefined || text === "") throw new CodedError("usage.invalid", "no device of yours has that name");
  if (found.length > 1) throw new CodedError("usage.invalid", "several devices begin like that; give more of the name");
  if (device.device === self)
    throw new CodedError("usage.invalid", "that is the device you are at; take it away from another one");
  return device.device;
}

/** @throws every error of the sign-in; usage.invalid */
export async function devices(command: DevicesCommand, { io, env, interrupt }: World): Promise<ExitCode> {
  const prompter = openPrompter(io, interrupt.fire);
  let connection: Connection | null = null;
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => {});
  try {
    const ended = (error: Error | null) => over.reject(error ?? new CodedError("connection.lost"));
    const events = { notice: () => {}, ended };
    const how = { events, questions: () => prompter, interactive: io.isTTY, serves: false, attach: false };
    const session = await Promise.race([
      interrupt.promise,
      signIn(command, io, env, { ...how, interrupted: interrupt.promise }),
    ]);
    if (!(session instanceof Connection)) throw new Error("devices: a session that is not our own");
    connection = session;
    if (command.remove !== null) {
      const device = findDevice(connection.devices, command.remove);
      const { length } = connection.devices.list;
      connection.say({ kind: "removeDevices", devices: [device] });
      await Promise.race([
        interrupt.promise,
        over.promise,
        connection.until(() => connection?.devices.list.length !== length),
      ]);
      io.stderr.write(`${device} is removed from your devices\n`);
      return EXIT.done;
    }
    const shown = connection.devices;
    if (command.json) for (const entry of shown.list) io.stdout.write(deviceJson(entry, shown));
    else for (const line of deviceLines(shown)) io.stdout.write(`${line}\n`);
    return EXIT.done;
  } finally {
    await connection?.logout();
    prompter.close();
  }
}

function deviceJson({ device, addedAt, temporary }: OwnDevices["list"][number], own: OwnDevices): string {
  const lastMs = own.seen.get(device);
  const seenAt = lastMs === undefined ? null : peerTime(lastMs);
  const online = own.online.has(device);
  const at = { addedAt: peerTime(addedAt), seenAt };
  return jsonLine({ type: "device", device, ...at, temporary: temporary === 1, online });
}

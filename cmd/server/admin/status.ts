/** `server status`: what a running server tells of itself, for a person or, with `--json`, for a program. */
import { loadDataFolder } from "../../host/config.ts";
import { EXIT, type ExitCode } from "../../host/exit.ts";
import type { Io } from "../../host/io.ts";
import { printable } from "../../host/printable.ts";
import { askStatus } from "../adminSocket.ts";
import type { StatusCommand } from "../commandLine.ts";
import type { Status } from "../status.ts";

/** Sessions that a person is shown without `--all`. */
const SESSIONS_SHOWN = 20;

/** @throws server.notRunning, server.unreachable, file.failed, config.invalid */
export async function showStatus(command: StatusCommand, io: Io): Promise<ExitCode> {
  const data = loadDataFolder(command, io.env, io.cwd, io.execDir);
  const answer = await askStatus(data, io.cwd);
  io.stdout.write(command.json ? answer : statusText(JSON.parse(answer) as Status, command.all));
  return EXIT.done;
}

/** Lines for a terminal. */
function statusText(status: Status, all: boolean): string {
  const rows: readonly (readonly [title: string, text: string])[] = [
    ["server", `ims ${status.version} (${status.commit}), ${status.build}, process ${status.pid}`],
    ["up", `${duration(status.uptimeSeconds)}, since ${status.startedAt}`],
    ["realm", status.fingerprint],
    ["listening", listening(status)],
    ["users", `${status.users.registered} registered, ${status.users.locked} locked, ${status.users.online} online`],
    ["connections", `${status.connections}, ${status.devices} of them logged in`],
    ["waiting", waiting(status)],
    ["so far", `logins ${status.logins}, of them ended ${status.logouts}, faults of the server ${status.faults}`],
    ["refused", refused(status)],
    ["machine", machine(status)],
    ["audit", `lines ${status.audit.lines}, lost ${status.audit.dropped}`],
  ];
  const lines = rows.map(([title, text]) => `${title.padEnd(12)} ${text}`);
  return [...lines, ...sessionLines(status, all)].map((line) => `${printable(line)}\n`).join("");
}

function listening({ host, port, metricsPort }: Status): string {
  return `${host} port ${port}${metricsPort === 0 ? "" : `, metrics on 127.0.0.1 port ${metricsPort}`}`;
}

function waiting({ queues }: Status): string {
  const { gate, sessionFrames, sendBytes } = queues;
  return `${gate} frames of strangers, ${sessionFrames} of sessions, ${sendBytes} bytes for slow readers`;
}

function refused({ refusals }: Status): string {
  const causes = Object.entries(refusals).sort(([, a], [, b]) => b - a);
  return causes.length === 0 ? "nobody" : causes.map(([cause, count]) => `${cause} ${count}`).join(", ");
}

function machine({ memory, descriptors }: Status): string {
  const files = descriptors === null ? "" : `, ${descriptors.open} of ${descriptors.max} file descriptors`;
  return `${Math.round(memory.residentBytes / 1e6)} MB of memory${files}`;
}

/** What the server holds a session key for, the oldest first. */
function sessionLines({ sessions }: Status, all: boolean): readonly string[] {
  if (sessions.length === 0) return ["sessions     none: no session key is held"];
  const shown = all ? sessions : sessions.slice(0, SESSIONS_SHOWN);
  const width = Math.max(...shown.map(({ user }) => user.length));
  const rows = shown.map(({ user, device, since, prefix }) => {
    return `  ${user.padEnd(width)}  device ${device}  key held since ${since}  from ${prefix}`;
  });
  const more = sessions.length - shown.length;
  return [`sessions     ${sessions.length}`, ...rows, ...(more > 0 ? [`  and ${more} more; to see them: --all`] : [])];
}

/** Such as `3 days 4 h 5 min`; the parts that are zero in front are left out. */
function duration(seconds: number): string {
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  if (days) return `${days} ${days === 1 ? "day" : "days"} ${(hours ?? 0) % 24} h ${(minutes ?? 0) % 60} min`;
  if (hours) return `${hours} h ${(minutes ?? 0) % 60} min`;
  return minutes ? `${minutes} min` : `${seconds} s`;
}

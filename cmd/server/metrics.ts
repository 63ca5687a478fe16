/** The figures of a server in the text format of Prometheus, version 0.0.4. */
import { REFUSAL_CAUSES } from "./journal.ts";
import type { Figures } from "./status.ts";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** Every metric is there from the start, each cause of a refusal too, so that a rate can be told from the first one. */
export function metricsText(figures: Figures): string {
  const { users, queues, refusals, descriptors, audit } = figures;
  return [
    metric("gauge", "build_info", "Version and commit of the program; always 1.", [
      [{ version: figures.version, commit: figures.commit }, 1],
    ]),
    gauge(
      "start_time_seconds",
      "When the server started, in seconds since 1970.",
      Date.parse(figures.startedAt) / 1000,
    ),
    gauge("users_registered", "Registered users.", users.registered),
    gauge("users_locked", "Registered users who are locked.", users.locked),
    gauge("users_online", "Users with a session.", users.online),
    gauge("devices_online", "Devices with a session: session keys that are held.", figures.devices),
    gauge("connections", "WebSocket connections, those of strangers included.", figures.connections),
    gauge("gate_waiting", "Frames of strangers that wait for their turn.", queues.gate),
    gauge("session_frames_waiting", "Frames of sessions that wait for their turn.", queues.sessionFrames),
    gauge("send_buffered_bytes", "Bytes for peers that do not read fast enough.", queues.sendBytes),
    counter("logins_total", "Logins.", figures.logins),
    counter("logouts_total", "Sessions that have ended, for whatever reason.", figures.logouts),
    counter("faults_total", "Faults of the server itself.", figures.faults),
    metric(
      "counter",
      "refusals_total",
      "Strangers turned away and sessions that the server ended, by cause.",
      REFUSAL_CAUSES.map((cause) => [{ cause }, refusals[cause] ?? 0]),
    ),
    gauge("memory_resident_bytes", "Memory in use.", figures.memory.residentBytes),
    ...(descriptors === null
      ? []
      : [
          gauge("descriptors_open", "Open file descriptors.", descriptors.open),
          gauge("descriptors_max", "File descriptors that may be open.", descriptors.max),
        ]),
    counter("audit_lines_total", "Lines written to the audit trail.", audit.lines),
    counter("audit_lines_dropped_total", "Lines of the audit trail that were lost.", audit.dropped),
  ].join("");
}

function gauge(name: string, help: string, value: number): string {
  return metric("gauge", name, help, [[{}, value]]);
}

function counter(name: string, help: string, value: number): string {
  return metric("counter", name, help, [[{}, value]]);
}

function metric(type: "gauge" | "counter", name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => `ims_${name}${labelText(labels)} ${value}\n`);
  return `# HELP ims_${name} ${help}\n# TYPE ims_${name} ${type}\n${lines.join("")}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}

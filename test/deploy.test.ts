/** What a server is deployed with: the unit for systemd, the firewall, the image. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_LIMITS } from "../cmd/host/config.ts";
import { DEFAULT_PORT } from "../cmd/server/admin/init.ts";
import { temporaryFolder } from "./support/folder.ts";

const ROOT = join(import.meta.dir, "..");
const deployed = (name: string): string => readFileSync(join(ROOT, "docs", "deploy", name), "utf8");
/** The lines without comments. */
const lines = (text: string): readonly string[] =>
  text.split("\n").flatMap((line) => (/^\s*(#|$)/.test(line) ? [] : [line.trim()]));

describe("ims-server.service", () => {
  const unit = deployed("ims-server.service");
  const set = new Set(lines(unit));
  /** All that the lines `key=…` say, split at blanks. */
  const values = (key: string): readonly string[] =>
    [...set].flatMap((line) => (line.startsWith(`${key}=`) ? line.slice(key.length + 1).split(" ") : []));

  test.each([
    "User=ims",
    "ExecReload=/bin/kill -HUP $MAINPID",
    "Restart=on-failure",
    "RestartPreventExitStatus=2",
    "UMask=0077",
    "LimitCORE=0",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectProc=invisible",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "RestrictNamespaces=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
  ])("says %s", (line) => {
    expect(set).toContain(line);
  });

  test("nothing but the folder of the realm can be written, and of it not the key", () => {
    expect(values("StateDirectory")).toEqual(["ims/data"]);
    expect(values("ReadWritePaths")).toEqual(["/var/lib/ims"]);
    expect(values("ReadOnlyPaths")).toEqual(["/var/lib/ims/keys"]);
  });

  test("more descriptors than connections of the default", () => {
    expect(Number(values("LimitNOFILE")[0])).toBeGreaterThan(2 * DEFAULT_LIMITS.connections);
  });

  test("takes away every variable that THREAT_MODEL says acts", () => {
    const threats = readFileSync(join(ROOT, "docs", "THREAT_MODEL.md"), "utf8");
    const named = new Set(threats.match(/`(?:BUN|NODE|LD)_[A-Z_]*[A-Z]`/g) ?? []);
    expect(named.size).toBeGreaterThan(2);
    const taken = values("UnsetEnvironment").map((name) => `\`${name}\``);
    expect([...named].filter((name) => !taken.includes(name))).toEqual([]);
  });

  test.skipIf(Bun.which("systemd-analyze") === null)(
    "systemd-analyze verify has nothing to say",
    async () => {
      using folder = temporaryFolder();
      const path = folder.at("ims-server.service");
      // the program has to be there, and is not on a machine that only tests
      await Bun.write(path, unit.replaceAll("/usr/local/bin/ims-server", process.execPath));
      const child = Bun.spawn(["systemd-analyze", "verify", path], { stdout: "pipe", stderr: "pipe" });
      const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect([await child.exited, `${out}${err}`]).toEqual([0, ""]);
    },
    30_000,
  );
});

describe("nftables.conf", () => {
  const rules = lines(deployed("nftables.conf"));

  test("closes everything, limits newcomers by source, and leaves ssh", () => {
    expect(rules).toContain("type filter hook input priority filter; policy drop;");
    expect(rules).toContain("tcp dport 22 accept");
    expect(rules).toContain(`tcp dport ${DEFAULT_PORT} ct state new jump newcomers`);
  });

  test("allows a source a little more connections than the server does, so that its refusal is the one that is met", () => {
    const counts = rules.flatMap((rule) => /@connections[46] .*ct count over ([0-9]+) /.exec(rule)?.[1] ?? []);
    expect(counts.length).toBe(2);
    for (const count of counts) expect(Number(count)).toBeGreaterThan(DEFAULT_LIMITS.connectionsPerAddress);
  });
});

describe("Containerfile", () => {
  const steps = lines(deployed("Containerfile"));

  test("an image without a system, run by nobody in particular", () => {
    const last = steps.slice(steps.lastIndexOf("FROM scratch"));
    expect(last[0]).toBe("FROM scratch");
    expect(last).toContain("USER 10001:10001");
    expect(last).toContain("STOPSIGNAL SIGTERM");
    expect(last).toContain(`EXPOSE ${DEFAULT_PORT}`);
    expect(last.filter((step) => step.startsWith("RUN"))).toEqual([]);
  });

  test("takes the server whose hash is right", () => {
    expect(steps.join(" ")).toContain("sha256sum --check --ignore-missing SHA256SUMS");
  });
});

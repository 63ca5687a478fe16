declare const IMS_VERSION: string;
declare const IMS_COMMIT: string;

/** Stamped in by the build; a program run from its sources says so. */
export const VERSION: string = typeof IMS_VERSION === "string" ? IMS_VERSION : "0.1.0-source";
export const COMMIT: string = typeof IMS_COMMIT === "string" ? IMS_COMMIT : "none";

/** What the program was built with and for. */
export const BUILD = `bun ${Bun.version} ${process.platform}-${process.arch}`;

/** What `--version` prints. */
export function versionLine(program: "server" | "client"): string {
  return `ims ${program} ${VERSION} (${COMMIT})\n`;
}

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A fresh folder under the system's temporary one, gone when disposed. */
export function temporaryFolder(): Disposable & { readonly path: string; readonly at: (name: string) => string } {
  const path = mkdtempSync(join(tmpdir(), "ims-test-"));
  return {
    path,
    at: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Every file under `folder` with its mode, content and time of change, to see that nothing was touched. */
export function snapshot(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return new Map(
    names.map((name) => {
      const stats = statSync(join(folder, name));
      const content = stats.isFile() ? `${stats.mtimeMs} ${readFileSync(join(folder, name), "latin1")}` : "";
      return [name, `${stats.mode.toString(8)} ${content}`];
    }),
  );
}

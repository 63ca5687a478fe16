const REASONS: readonly (readonly [prefix: string, words: string])[] = [
  ["SQLITE_FULL", "the disk is full"],
  ["SQLITE_READONLY", "it cannot be written"],
  ["SQLITE_CANTOPEN", "it cannot be opened"],
  ["SQLITE_BUSY", "another program is writing it"],
  ["SQLITE_NOTADB", "it is damaged"],
  ["SQLITE_CORRUPT", "it is damaged"],
  ["SQLITE_IOERR", "the disk reports an error"],
];

/** What SQLite reported, in words of ours: never its own text, which can hold what was stored. */
export function sqliteReason(error: unknown): string {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  return REASONS.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "unknown reason";
}

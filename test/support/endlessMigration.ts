/** Migrates the database in its first argument from version 1, by a step that has no end, until it is killed. */
import { Database } from "bun:sqlite";
import { migrate } from "../../cmd/server/store/migrate.ts";

const path = process.argv[2] ?? "";
const ENDLESS = `UPDATE fruit SET name = 'pear';
  WITH RECURSIVE ever(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM ever)
  INSERT INTO fruit SELECT 2, max(n) FROM ever;`;
process.stdout.write("migrating\n");
migrate(new Database(path), path, ["", ENDLESS]);

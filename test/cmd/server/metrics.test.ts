import { describe, expect, test } from "bun:test";
import { REFUSAL_CAUSES } from "../../../cmd/server/journal.ts";
import { metricsText } from "../../../cmd/server/metrics.ts";
import { parseExposition, plainValue } from "../../support/exposition.ts";
import { FIGURES } from "../../support/statusFigures.ts";

describe("the reader that the tests use", () => {
  const good = '# HELP a_total Some.\n# TYPE a_total counter\na_total{x="\\"\\\\\\n"} 1\na_total{x="b",y="c"} 2.5e+3\n';

  test("reads what is right", () => {
    const [[name, family] = []] = parseExposition(good);
    expect([name, family?.type, family?.help]).toEqual(["a_total", "counter", "Some."]);
    expect([...(family?.samples ?? [])]).toEqual([
      ['x="\\"\\\\\\n"', 1],
      ['x="b",y="c"', 2500],
    ]);
  });

  test.each([
    ["no end", good.slice(0, -1)],
    ["no HELP", good.replace(/^.*\n/, "")],
    ["no TYPE", good.replace(/# TYPE.*\n/, "")],
    ["no sample", "# HELP a A.\n# TYPE a gauge\n"],
    ["another type", good.replace("counter", "histogram")],
    ["a counter of another name", good.replaceAll("_total", "")],
    ["a gauge of that name", good.replace("counter", "gauge")],
    ["a sample of another name", good.replace('\na_total{x="b"', '\nb_total{x="b"')],
    ["a sample twice", `${good}a_total{x="b",y="c"} 3\n`],
    ["a family twice", good + good],
    ["a label without quotes", good.replace('"b"', "b")],
    ["a line break in a label", good.replace("\\n", "\n")],
    ["a word for a value", good.replace(" 1\n", " one\n")],
    ["an empty line", good.replace("\n", "\n\n")],
    ["a space before a value", good.replace("} 1", "}  1")],
  ])("refuses %s", (_what, text) => {
    expect(() => parseExposition(text)).toThrow("exposition");
  });
});

test("every figure has its metric", () => {
  const families = parseExposition(metricsText(FIGURES));
  const plain = Object.fromEntries(
    Array.from(families.keys(), (name) => [name, plainValue(families, name)]).filter(
      ([, value]) => value !== undefined,
    ),
  );
  expect(plain).toEqual({
    ims_start_time_seconds: 1_767_323_045.678,
    ims_users_registered: 5,
    ims_users_locked: 1,
    ims_users_online: 2,
    ims_devices_online: 3,
    ims_connections: 4,
    ims_gate_waiting: 6,
    ims_session_frames_waiting: 7,
    ims_send_buffered_bytes: 8,
    ims_logins_total: 12,
    ims_logouts_total: 9,
    ims_faults_total: 1,
    ims_memory_resident_bytes: 50_000_000,
    ims_descriptors_open: 20,
    ims_descriptors_max: 1024,
    ims_audit_lines_total: 30,
    ims_audit_lines_dropped_total: 2,
  });
  expect([...(families.get("ims_build_info")?.samples ?? [])]).toEqual([
    ['version="1.2.3",commit="a\\"b\\\\c\\nd"', 1],
  ]);
});

test("refusals have one series for each cause, also for those that did not occur", () => {
  const { samples } = parseExposition(metricsText(FIGURES)).get("ims_refusals_total") ?? {};
  expect([...(samples?.keys() ?? [])]).toEqual(REFUSAL_CAUSES.map((cause) => `cause="${cause}"`));
  expect([...(samples ?? [])].filter(([, value]) => value > 0)).toEqual([
    ['cause="auth.rejected"', 3],
    ['cause="door.address"', 5],
  ]);
});

test("where the system does not tell of descriptors, nothing is made up", () => {
  const families = parseExposition(metricsText({ ...FIGURES, descriptors: null }));
  expect([...families.keys()].filter((name) => name.includes("descriptors"))).toEqual([]);
});

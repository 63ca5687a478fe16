import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { descriptors, residentBytes } from "../../../cmd/server/machine.ts";

test.if(process.platform === "linux")("open descriptors are counted, and there is a limit", () => {
  const before = descriptors();
  const opened = Array.from({ length: 5 }, () => openSync("/dev/null", "r"));
  const after = descriptors();
  for (const fd of opened) closeSync(fd);
  expect((after?.open ?? 0) - (before?.open ?? 0)).toBe(5);
  expect(after?.max).toBeGreaterThan(after?.open ?? Number.POSITIVE_INFINITY);
});

test("memory is more than a megabyte and less than all there is", () => {
  expect(residentBytes()).toBeGreaterThan(1e6);
  expect(residentBytes()).toBeLessThan(1e11);
});

import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { Progress } from "../../../cmd/client/progress.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function progress(enabled: boolean) {
  let shown = "";
  const write = (text: string): boolean => {
    shown += text;
    return true;
  };
  return { progress: new Progress({ write } as never, enabled), shown: () => shown };
}

test("a label, a dot now and then, and the end of the line", () => {
  const { progress: it, shown } = progress(true);
  it.start("Connecting");
  expect(shown()).toBe("Connecting ...");
  jest.advanceTimersByTime(399);
  expect(shown()).toBe("Connecting ...");
  jest.advanceTimersByTime(801);
  expect(shown()).toBe("Connecting ......");
  it.stop();
  expect(shown()).toBe("Connecting ......\n");
  expect(jest.getTimerCount()).toBe(0);
});

test("the next label ends the line of the one before", () => {
  const { progress: it, shown } = progress(true);
  it.start("Connecting");
  it.start("Checking");
  expect(shown()).toBe("Connecting ...\nChecking ...");
  expect(jest.getTimerCount()).toBe(1);
  it.stop();
  expect(jest.getTimerCount()).toBe(0);
});

test("stopping what does not run says nothing", () => {
  const { progress: it, shown } = progress(true);
  it.stop();
  it.start("Connecting");
  it.stop();
  it.stop();
  expect(shown()).toBe("Connecting ...\n");
});

test("without a terminal it is silent, and sets no timer", () => {
  const { progress: it, shown } = progress(false);
  it.start("Connecting");
  jest.advanceTimersByTime(10_000);
  it.stop();
  expect(shown()).toBe("");
  expect(jest.getTimerCount()).toBe(0);
});

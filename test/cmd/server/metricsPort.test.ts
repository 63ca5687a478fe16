import { afterEach, beforeEach, expect, test } from "bun:test";
import { createServer } from "node:net";
import { METRICS_TYPE } from "../../../cmd/server/metrics.ts";
import { expectOwnPort, MetricsPort } from "../../../cmd/server/metricsPort.ts";
import { failure } from "../../support/codes.ts";
import { freePort } from "../../support/freePort.ts";

let metrics: MetricsPort;
let text = "";
beforeEach(() => {
  metrics = new MetricsPort(() => text);
});
afterEach(() => metrics.close());

const open = (metricsPort: number): void => metrics.prepare({ metricsPort, port: 1, name: "sconf.json" }).commit();
const get = (port: number, path = "/metrics", method = "GET"): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { method });

test("it tells what it is given, anew each time, and nothing else", async () => {
  const port = await freePort();
  open(port);
  expect(metrics.port).toBe(port);
  for (const expected of ["a 1\n", "a 2\n"]) {
    text = expected;
    const response = await get(port);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, METRICS_TYPE]);
    expect(await response.text()).toBe(expected);
  }
  for (const [path, method] of [
    ["/", "GET"],
    ["/metrics/", "GET"],
    ["/status", "GET"],
    ["/metrics", "POST"],
  ] as const) {
    expect((await get(port, path, method)).status).toBe(404);
  }
});

test.each([
  ["evil.example", 421],
  ["127.0.0.1.evil.example:9", 421],
  ["localhost:9100", 200],
  ["127.0.0.1", 200],
])("asked for as %s: %d", async (host, status) => {
  const port = await freePort();
  open(port);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { host } })).status).toBe(status);
});

test("only loopback reaches it", async () => {
  const port = await freePort();
  open(port);
  expect(get(port)).resolves.toBeInstanceOf(Response);
  expect(fetch(`http://127.0.0.2:${port}/metrics`)).rejects.toThrow();
  expect(fetch(`http://[::1]:${port}/metrics`)).rejects.toThrow();
});

test("it moves to another port, and to none", async () => {
  const [first, second] = [await freePort(), await freePort()];
  open(first);
  open(first);
  expect((await get(first)).status).toBe(200);
  open(second);
  expect((await get(second)).status).toBe(200);
  expect(get(first)).rejects.toThrow();
  open(0);
  expect(metrics.port).toBe(0);
  expect(get(second)).rejects.toThrow();
});

test("a move that is taken back leaves it where it was", async () => {
  const [first, second] = [await freePort(), await freePort()];
  open(first);
  const change = metrics.prepare({ metricsPort: second, port: 1, name: "sconf.json" });
  expect([(await get(first)).status, (await get(second)).status]).toEqual([200, 200]);
  change.rollback();
  expect([metrics.port, (await get(first)).status]).toEqual([first, 200]);
  expect(get(second)).rejects.toThrow();
});

test("a port in use is an error that names the key, and it stays where it was", async () => {
  const taken = createServer();
  const busy = await freePort();
  await new Promise<void>((resolve) => taken.listen({ port: busy, host: "127.0.0.1" }, resolve));
  const port = await freePort();
  open(port);
  expect(failure(() => open(busy))).toMatchObject({
    code: "port.busy",
    detail: `sconf.json: metricsPort: ${busy} is in use; stop what uses it or take another`,
  });
  expect([metrics.port, (await get(port)).status]).toEqual([port, 200]);
  await new Promise((resolve) => taken.close(resolve));
});

test("what is made ready and taken back was never there", async () => {
  const [first, second] = [await freePort(), await freePort()];
  open(first);
  metrics.prepare({ metricsPort: second, port: 1, name: "sconf.json" }).rollback();
  expect([metrics.port, (await get(first)).status]).toEqual([first, 200]);
  expect(get(second)).rejects.toThrow();
});

test("closed, it ends what is open, keeps its place, and opens there again; without a port there is none", async () => {
  const port = await freePort();
  open(port);
  metrics.close();
  expect(get(port)).rejects.toThrow();
  expect(metrics.port).toBe(port);
  metrics.reopen();
  metrics.reopen();
  expect((await get(port)).status).toBe(200);
  open(0);
  metrics.reopen();
  expect(metrics.port).toBe(0);
  expect(get(port)).rejects.toThrow();
});

test("it never shares the port of the users", () => {
  const detail = "sconf.json: metricsPort: 4040 is the port of the server; take another, or 0";
  const place = { port: 4040, metricsPort: 4040, name: "sconf.json" };
  expect(failure(() => expectOwnPort(place))).toMatchObject({ code: "config.invalid", detail });
  expect(failure(() => metrics.prepare(place))).toMatchObject({ code: "config.invalid", detail });
  expectOwnPort({ ...place, port: 0, metricsPort: 0 });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { serveObservability } from "#runtime/observability.ts";

function options(missing: string[], metrics = async () => ({ contentType: "text/plain", text: "up 1\n" })) {
  const errors: unknown[] = [];
  return {
    errors,
    options: {
      host: "127.0.0.1",
      port: 0,
      notReady: () => missing,
      metrics,
      onError: (error: unknown) => errors.push(error),
    },
  };
}

test("readiness says what is missing, and turns when nothing is", async () => {
  const missing = ["the broker has not answered yet"];
  await using server = await serveObservability(options(missing).options);
  const url = `http://${server.host}:${server.port}`;
  const before = await fetch(`${url}/readyz`);
  assert.equal(before.status, 503);
  assert.equal(await before.text(), "the broker has not answered yet\n");
  missing.length = 0;
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
});

test("liveness does not depend on readiness", async () => {
  await using server = await serveObservability(options(["anything"]).options);
  assert.equal((await fetch(`http://${server.host}:${server.port}/livez`)).status, 200);
});

test("metrics are served as they are; other paths and methods are refused", async () => {
  await using server = await serveObservability(options([]).options);
  const url = `http://${server.host}:${server.port}`;
  assert.equal(await (await fetch(`${url}/metrics`)).text(), "up 1\n");
  assert.equal((await fetch(`${url}/metrics/../etc/passwd`)).status, 404);
  assert.equal((await fetch(`${url}/metrics`, { method: "POST" })).status, 405);
});

test("a metric that fails ends that request and nothing else", async () => {
  const failing = options([], async () => {
    throw new Error("no metrics");
  });
  await using server = await serveObservability(failing.options);
  const url = `http://${server.host}:${server.port}`;
  await assert.rejects(fetch(`${url}/metrics`));
  assert.equal(failing.errors.length, 1);
  assert.equal((await fetch(`${url}/livez`)).status, 200);
});

test("a port that is taken is an error with its code", async () => {
  await using server = await serveObservability(options([]).options);
  await assert.rejects(serveObservability({ ...options([]).options, port: server.port }), {
    code: "EADDRINUSE",
  });
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { ROOT, spawnSallyport } from "./harness.ts";

describe("the program as a process", () => {
  test("exit codes tell fine, found something and cannot run apart", () => {
    assert.equal(spawnSallyport(["lint", "examples/policies", "--at", "2026-11-26T00:00:00Z"]).code, 0);
    const asked = ["explain", "--config", "examples/policies", "--subject", "sa:shop/nobody"];
    assert.equal(spawnSallyport([...asked, "--connection", "shop/orders-db"]).code, 1);
    assert.equal(spawnSallyport(["lint"]).code, 2);
  });

  test("a pipe gets no colour, unless it is forced", () => {
    assert.ok(!spawnSallyport(["--help"]).out.includes("\u001b"));
    assert.ok(spawnSallyport(["--help"], { FORCE_COLOR: "1" }).out.includes("\u001b[1m"));
  });

  test("the parser's threads do not keep it alive, and nothing is left on standard error", () => {
    const { code, out, err } = spawnSallyport(["test", "examples/policies"]);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /\n\d+ passed, 0 failed\n$/);
  });

  test("a reader that goes away early is no failure", async () => {
    const child = spawn(process.execPath, ["cli/main.ts", "test", "examples/policies", "--output", "json"], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let complaints = "";
    child.stderr.on("data", (chunk) => (complaints += String(chunk)));
    const [code] = await once(child, "close");
    assert.deepEqual([code, complaints], [0, ""]);
  });
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { ROOT, spawnSallyport } from "./harness.ts";

describe("the program as a process", () => {
  test("0: everything is fine, and the parser's threads do not keep it alive", () => {
    const { code, out, err } = spawnSallyport(["test", "examples/policies"]);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /\n\d+ passed, 0 failed\n$/);
    assert.ok(!out.includes("\u001b"), "a pipe gets no colour");
  });

  test("1: it ran and found something; colour can be forced into a pipe", () => {
    const question = [
      "--config",
      "examples/policies",
      "--subject",
      "sa:shop/nobody",
      "--connection",
      "shop/orders-db",
    ];
    const { code, out } = spawnSallyport(["explain", ...question], { FORCE_COLOR: "1" });
    assert.equal(code, 1);
    assert.ok(out.includes("\u001b[31mDENY"));
  });

  test("2: it was called wrongly", () => {
    assert.deepEqual(spawnSallyport(["lint"]).code, 2);
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

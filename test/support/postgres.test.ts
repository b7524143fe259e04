import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { connect } from "#tools/postgres/client.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "./postgres.ts";

const skip = skipWithoutPostgres(18);

test("a server answers on its socket, and leaves nothing behind", { skip }, async () => {
  let folder = "";
  {
    await using server = await startPostgres({ version: 18, settings: { work_mem: "7MB" } });
    await using session = await connect(server);
    assert.deepEqual(await session.query("show work_mem"), [{ work_mem: "7MB" }]);
    folder = server.socketFolder;
    assert.ok(existsSync(folder));
  }
  assert.equal(existsSync(folder), false);
});

test("over TCP it asks for the password of this run", { skip }, async () => {
  await using server = await startPostgres({ version: 18, tcp: true });
  const over = { host: "127.0.0.1", port: server.port, user: "postgres", database: "postgres" };
  const right = new pg.Client({ ...over, password: server.password });
  await right.connect();
  await right.end();
  await assert.rejects(
    new pg.Client({ ...over, password: "guess" }).connect(),
    /password authentication failed/,
  );
});

test("without tcp it listens on nothing but its socket", { skip }, async () => {
  await using server = await startPostgres({ version: 18 });
  await using session = await connect(server);
  assert.deepEqual(await session.query("show listen_addresses"), [{ listen_addresses: "" }]);
});

test("two at once keep out of each other's way", { skip }, async () => {
  const [left, right] = await Promise.all([
    startPostgres({ version: 18, tcp: true }),
    startPostgres({ version: 18, tcp: true }),
  ]);
  await using _left = left;
  await using _right = right;
  assert.notEqual(left.port, right.port);
  assert.notEqual(left.socketFolder, right.socketFolder);
});

test("a server whose owner is killed goes too", { skip }, async () => {
  const script = `
    import { startPostgres } from "#tools/postgres/server.ts";
    const { pid, socketFolder } = await startPostgres({ version: 18 });
    console.log(JSON.stringify({ pid, socketFolder }));`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: owner.stdout });
  const [line] = (await once(lines, "line")) as [string];
  const { pid, socketFolder } = JSON.parse(line) as { pid: number; socketFolder: string };
  assert.ok(isAlive(pid));
  owner.kill("SIGKILL");
  for (let waitedMs = 0; isAlive(pid) || existsSync(socketFolder); waitedMs += 20) {
    assert.ok(waitedMs < 30_000, "the server or its folder outlives its owner");
    await pause(20);
  }
});

/** A process that nobody has collected yet is as good as gone. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

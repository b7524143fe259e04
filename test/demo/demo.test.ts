/** `make demo` does what it says, leaves nothing behind, and says what to do when it cannot. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type TestContext, describe, test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../../tools/demo/demo.ts", import.meta.url));
const skip = skipWithoutPostgres(18);

interface Demo {
  readonly child: ChildProcess;
  readonly folder: string;
  output(): string;
  readonly exited: Promise<number | null>;
}

/** Its temporary folder is one of the test's own, so that what it leaves behind can be seen. */
function demo(
  t: TestContext,
  words: readonly string[],
  {
    temporary,
    program = [process.execPath, PROGRAM],
  }: { temporary?: string; program?: readonly string[] } = {},
): Demo {
  const folder = mkdtempSync(join(tmpdir(), "sp-"));
  // The server and the gateway run as other users, where root starts them.
  chmodSync(folder, 0o755);
  const [file = "", ...first] = program;
  const child = spawn(file, [...first, ...words], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", TMPDIR: temporary ?? folder },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exited = once(child, "close").then(([code]) => code as number | null);
  t.after(async () => {
    child.kill("SIGTERM");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  return { child, folder, output: () => output, exited };
}

/** Processes that have something of the folder on their command line. */
function processesOf(folder: string): string[] {
  return globSync("/proc/[0-9]*/cmdline")
    .map((file) => {
      try {
        return readFileSync(file, "latin1");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(folder));
}

// Most of each is waiting: for processes to start, for a role to be taken back.
describe("the demo", { concurrency: true }, () => {
  test("make demo ONCE=1: every step shows what it says and nothing is left", { skip }, async (t) => {
    const startedMs = performance.now();
    const { exited, output, folder } = demo(t, ["ONCE=1"], { program: ["make", "demo"] });
    assert.equal(await exited, 0, output());
    t.diagnostic(`figure demo.seconds=${((performance.now() - startedMs) / 1_000).toFixed(1)}`);
    const text = output();
    for (const wanted of [
      /got +a session, as the role sp_orders_\w+ that did not exist before/,
      /Chen Haddad +NO/,
      /Dalia Kaur +\*\*\*/,
      /refused +ERROR 42501: This reads a whole table\. Name the rows you need with WHERE or/,
      /request +deny DENY_RULE +read public\.customers +by reporting\/no-dumps/,
      /refused +ERROR 42501: The schema changes by migrations only/,
      /1 +\*\*\* +\*\*\*\n/,
      /pg_roles has no minted role any more/,
      /whole {2}\d+:[0-9a-f]{64}/,
    ])
      assert.match(text, wanted);
    assert.doesNotMatch(text, /@example\.(?:com|net|org)/, "an address came through");
    assert.ok(!text.includes("\u001b"), "colours are for terminals");
    assert.deepEqual(globSync(`${folder}/*`), []);
    assert.deepEqual(processesOf(folder), []);
  });

  test("the demo stays up until it is told to end, and then removes everything", { skip }, async (t) => {
    const { child, exited, output, folder } = demo(t, ["--port=0"]);
    while (!output().includes("Ctrl-C ends it")) {
      assert.equal(child.exitCode, null, output());
      assert.ok(child.stdout);
      await Promise.race([once(child.stdout, "data"), exited]);
    }
    const text = output();
    assert.match(text, /psql "host=127\.0\.0\.1 port=\d+ dbname=shop user=agent"/);
    for (const [file] of text.matchAll(/\/\S+\.yaml/g)) assert.ok(existsSync(file), file);
    assert.notDeepEqual(processesOf(folder), []);
    child.kill("SIGINT");
    assert.equal(await exited, 0, output());
    assert.deepEqual(globSync(`${folder}/*`), []);
    assert.deepEqual(processesOf(folder), []);
  });

  test("a taken port says which other to take", async (t) => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    t.after(() => holder.close());
    const { port } = holder.address() as AddressInfo;
    const { exited, output } = demo(t, [`--port=${port}`]);
    assert.equal(await exited, 1);
    assert.equal(output(), `demo: port ${port} is taken: make demo PORT=${port + 1}\n`);
  });

  test("a folder that cannot be written says what to do", async (t) => {
    const { exited, output } = demo(t, ["--once"], { temporary: "/proc" });
    assert.equal(await exited, 1);
    assert.match(
      output(),
      /^demo: nothing can be written below \/proc \(E\w+\): TMPDIR=\/some\/other\/folder make demo\n$/,
    );
  });

  const skipUnlessRoot = process.getuid?.() === 0 ? false : "only root lends the gateway other users";

  test("a folder that the gateway's users cannot enter says so", { skip: skipUnlessRoot }, async (t) => {
    const closed = mkdtempSync(join(tmpdir(), "sp-closed-"));
    t.after(() => rmSync(closed, { recursive: true }));
    const { exited, output } = demo(t, ["--once"], { temporary: closed });
    assert.equal(await exited, 1);
    assert.match(output(), /^demo: \/\S+ is closed to other users, .*chmod o\+x/);
  });

  test("an unknown option is named", async (t) => {
    const { exited, output } = demo(t, ["--often"]);
    assert.equal(await exited, 1);
    assert.match(output(), /^demo: "--often" is no option/);
  });
});

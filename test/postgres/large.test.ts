/** What is large streams: the gateway holds no more of it than of anything else. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serialize } from "pg-protocol";
import { BACKEND_FRAMES, FrameScanner } from "#core/wire/postgres/frames.ts";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";

const MIB = 1024 * 1024;
/** Far below any of the results, far above what buffers and an idle process need. */
const GROWTH_BYTES_MAX = 120 * MIB;

describe("large results, in a process of their own", { skip: skipWithoutPostgres(18) }, () => {
  let server: PostgresServer;
  let child: ChildProcess;
  let port = 0;
  before(async () => {
    server = await startPostgres({ version: 18, tcp: true, settings: { fsync: "off" } });
    child = spawn(
      process.execPath,
      [
        // The parser's optimising compiler takes hundreds of megabytes for a second; that is not what is looked at here.
        "--liftoff-only",
        fileURLToPath(new URL("./support/gateway-process.ts", import.meta.url)),
        String(server.port),
        server.password,
      ],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    const lines = createInterface({ input: child.stdout ?? assert.fail() });
    const [line] = (await once(lines, "line")) as [string];
    port = Number(line);
    // Loads the parser.
    await peakOf("select 1");
  });
  after(async () => {
    child?.stdin?.end();
    if (child?.exitCode === null) await once(child, "exit");
    await server?.[Symbol.asyncDispose]();
  });

  const peakOf = async (text: string): Promise<{ bytes: number; growthBytes: number; rows: number }> => {
    const rss = (): number =>
      Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) * 1024;
    const client = connect(port, "127.0.0.1");
    client.write(startupMessage(PROTOCOL_3_0, { user: "agent" }));
    await ready(client);
    const before = rss();
    let peak = before;
    const timer = setInterval(() => (peak = Math.max(peak, rss())), 20);
    client.write(serialize.query(text));
    const { bytes, rows } = await ready(client);
    clearInterval(timer);
    client.destroy();
    return { bytes, rows, growthBytes: peak - before };
  };

  test("one value of 300 MB", async (t) => {
    const { bytes, growthBytes } = await peakOf("select repeat('x', 300000000)");
    assert.ok(bytes > 300_000_000);
    t.diagnostic(`figure postgres.rss-growth-300mb-value-mib=${Math.round(growthBytes / MIB)}`);
    assert.ok(growthBytes < GROWTH_BYTES_MAX, `grew by ${growthBytes}`);
  });

  // `LARGE=1` is the size that the acceptance run asks for.
  const gigabytes = process.env["LARGE"] === "1" ? 2 : 0.3;
  test(`a result of ${gigabytes} GB in rows`, async (t) => {
    const count = Math.round(gigabytes * 500_000);
    const { bytes, rows, growthBytes } = await peakOf(
      `select generate_series(1, ${count}), repeat('x', 2000)`,
    );
    assert.equal(rows, count);
    assert.ok(bytes > gigabytes * 1e9);
    t.diagnostic(`figure postgres.rss-growth-large-result-mib=${Math.round(growthBytes / MIB)}`);
    assert.ok(growthBytes < GROWTH_BYTES_MAX, `grew by ${growthBytes}`);
  });

  test("a value of 100 MB on the way in", async () => {
    const client = connect(port, "127.0.0.1");
    client.write(startupMessage(PROTOCOL_3_0, { user: "agent" }));
    await ready(client);
    const value = Buffer.alloc(100_000_000, 0x79);
    client.write(serialize.parse({ text: "select length($1::text)" }));
    client.write(serialize.bind({ values: [value.toString("latin1")] }));
    client.write(Buffer.concat([serialize.execute({}), serialize.sync()]));
    assert.equal((await ready(client)).rows, 1);
    client.destroy();
  });
});

/** Counts what arrives up to the next ReadyForQuery, without keeping it. */
function ready(client: ReturnType<typeof connect>): Promise<{ bytes: number; rows: number }> {
  const scanner = new FrameScanner(BACKEND_FRAMES);
  let bytes = 0;
  let rows = 0;
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      scanner.push(chunk);
      for (let step = scanner.next(); step !== "more"; step = scanner.next()) {
        if (step === "broken") return reject(new Error(scanner.fault));
        if (step === "piece") continue;
        if (scanner.type === 0x44) rows += 1;
        if (scanner.type === 0x45) return reject(new Error("an error"));
        if (scanner.type !== 0x5a) continue;
        client.off("data", take);
        return resolve({ bytes, rows });
      }
      return undefined;
    };
    client.on("data", take);
    client.on("error", reject);
  });
}

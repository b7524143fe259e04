/** What docs/limits.md says of the gateway itself: each limit is shown, so that one that disappears is noticed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, globSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import pg, { type Client } from "pg";
import { type GatewayProcess, startGateway } from "#tools/world/gateway.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type EndToEnd, DATABASE, STATIC_USER, startEndToEnd } from "#test/e2e/world.ts";

const run = promisify(execFile);
const skipUnlessRoot = process.getuid?.() === 0 ? false : "only root can lend another user";
const NOBODY = 65_534;

describe("limits of the gateway", { skip: skipWithoutPostgres(18) }, () => {
  let stage: EndToEnd;
  before(async () => {
    stage = await startEndToEnd({
      staticPassword: randomBytes(16).toString("hex"),
      words: ["--workers", "1"],
    });
  });
  after(async () => {
    await stage?.[Symbol.asyncDispose]();
  });

  async function connected(listener: string, user = "agent"): Promise<Client> {
    const { host, port } = await stage.gateway.listener(listener);
    const client = new pg.Client({ host, port, user, database: DATABASE });
    await client.connect();
    return client;
  }

  const minted = (): Promise<readonly unknown[]> =>
    stage.world.root.query("select rolname from pg_roles where rolname like 'sp\\_%'");

  test("ambient identity: whoever reaches the listener is its subject, by whatever name it comes", async () => {
    const clients = [await connected("minted", "agent"), await connected("minted", "somebody-else")];
    assert.equal((await minted()).length, 1, "one subject, one role");
    for (const client of clients) await client.end();
  });

  test("a minted role outlives its last session by some seconds", async () => {
    const client = await connected("minted");
    await client.end();
    assert.equal((await minted()).length, 1);
  });

  test("a static credential: the server cannot tell its users apart", async () => {
    const clients = [await connected("static"), await connected("static")];
    const rows = await stage.world.root.query(
      `select usename from pg_stat_activity where application_name like '%sallyport%' and usename = '${STATIC_USER}'`,
    );
    assert.ok(rows.length >= clients.length, "both are one role");
    for (const client of clients) await client.end();
  });

  test("a client that demands channel binding is not served; one that only prefers it is", async () => {
    const { host, port } = await stage.gateway.listener("minted");
    const psql = (binding: string): Promise<{ stdout: string }> =>
      run("psql", ["-X", "-A", "-t", "-c", "select 1"], {
        env: {
          PATH: process.env["PATH"] ?? "",
          PGHOST: host,
          PGPORT: String(port),
          PGUSER: "agent",
          PGDATABASE: DATABASE,
          PGSSLMODE: "require",
          PGCHANNELBINDING: binding,
        },
      });
    await assert.rejects(psql("require"), /channel binding/);
    assert.equal((await psql("prefer")).stdout, "1\n");
  });

  test("under one user the data plane can read what opens the trail", { skip: skipUnlessRoot }, async () => {
    const { world } = stage;
    const home = join(world.folder, "one-user");
    mkdirSync(home);
    const secrets = [world.minterPasswordFile, ...globSync(`${world.folder}/secrets/*`)];
    for (const path of [home, ...secrets]) chownSync(path, NOBODY, NOBODY);
    await using alone = startGateway(world, {
      data: join(home, "data"),
      uid: NOBODY,
      words: ["--workers", "1"],
    });
    await alone.listener("minted");
    assert.equal(ownerOfKeys(alone), uidOf(workerOf(alone)));
    // Its twin: where root starts it, they are two users.
    assert.notEqual(ownerOfKeys(stage.gateway), uidOf(workerOf(stage.gateway)));
  });
});

function ownerOfKeys({ data }: GatewayProcess): number {
  return statSync(join(data, "keys")).uid;
}

function workerOf(gateway: GatewayProcess): number {
  const worker = gateway.pids().find((pid) => commandOf(pid).includes("sidecar-worker"));
  assert.ok(worker !== undefined);
  return worker;
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "latin1");
}

function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

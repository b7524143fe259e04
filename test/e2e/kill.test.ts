/**
 * `kill -9` of the broker and of data plane workers at random points, under load. What a client was told is done stands in the
 * trail; every session goes on or ends; in the end no minted role is left, and the trail is whole.
 *
 * By default a few kills; KILLS=50 for acceptance.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import pg, { type Client } from "pg";
import { SALLYPORT } from "#tools/world/gateway.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { DATABASE, type EndToEnd, startEndToEnd } from "./world.ts";

const run = promisify(execFile);
const KILLS = Number(process.env["KILLS"] ?? 4);
const CLIENTS = 6;
const BETWEEN_MS_MAX = 1_500;
const RECOVERED_MS_MAX = 30_000;
const GONE_MS_MAX = 60_000;

interface Load {
  /** Tags of writes that a client saw complete. */
  readonly done: string[];
  /** Sessions that were opened, how many of them ended by a loss, and clients that were not let in. */
  opened: number;
  lost: number;
  turnedAway: number;
  running: boolean;
}

test(`acknowledged ⊆ stored and nothing left, over ${KILLS} kills`, {
  skip: skipWithoutPostgres(18),
}, async (t) => {
  await using stage = await startEndToEnd({ staticPassword: randomBytes(16).toString("hex") });
  const load: Load = { done: [], opened: 0, lost: 0, turnedAway: 0, running: true };
  const port = (await stage.gateway.listener("minted")).port;
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(port, index, load));
  const killed = { broker: 0, worker: 0 };
  for (let kill = 0; kill < KILLS; kill += 1) {
    await pause(randomInt(BETWEEN_MS_MAX));
    const victim = kill % 2 === 0 ? "broker" : "worker";
    killOne(stage, victim);
    killed[victim] += 1;
    await recovered(stage, port);
  }
  load.running = false;
  await Promise.all(clients);
  await rolesGone(stage);
  stage.gateway.kill("SIGTERM");
  assert.deepEqual(await stage.gateway.exited, { code: 0, signal: null });
  const stored = await storedTexts(stage);
  const missing = load.done.filter((tag) => !stored.some((text) => text.includes(tag)));
  assert.deepEqual(missing, [], "a write was done and is not on record");
  await contentMatches(stage, load);
  await sessionsEnded(stage);
  t.diagnostic(`figure kill.kills=${killed.broker} broker, ${killed.worker} data plane`);
  t.diagnostic(
    `figure kill.writes=${load.done.length} done, ${load.opened} sessions opened and ${load.lost} of them lost, ${load.turnedAway} clients turned away`,
  );
});

/** One session after another, each with writes that wait for their record and reads that need not. */
async function client(port: number, index: number, load: Load): Promise<void> {
  for (let session = 0; load.running; session += 1) {
    const connection = new pg.Client({ host: "127.0.0.1", port, user: "agent", database: DATABASE });
    connection.on("error", () => undefined);
    let isOpen = false;
    try {
      await connection.connect();
      isOpen = true;
      load.opened += 1;
      await work(connection, `${index}-${session}`, load);
      await connection.end();
    } catch (error) {
      // A refusal leaves the session usable; whatever else comes here has ended it.
      if (isOpen) load.lost += 1;
      else load.turnedAway += 1;
      assert.ok(error instanceof Error);
      await pause(50);
    }
  }
}

async function work(connection: Client, name: string, load: Load): Promise<void> {
  for (let round = 0; round < 20 && load.running; round += 1) {
    const tag = `tag-${name}-${round}-${randomBytes(4).toString("hex")}`;
    try {
      await connection.query(`insert into notes values ('${tag}')`);
      load.done.push(tag);
      await connection.query(`select name from items where id = ${1 + randomInt(500)}`);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await pause(20);
    }
  }
}

/** In the server's own words: the statement was refused, the session goes on. */
function isRefusal(error: unknown): boolean {
  const { severity, code } = error as { severity?: string; code?: string };
  return severity === "ERROR" && code !== undefined;
}

function killOne({ gateway }: EndToEnd, victim: "broker" | "worker"): void {
  const program = victim === "broker" ? "broker-worker" : "sidecar-worker";
  const pids = gateway.pids().filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(program));
  const pid = pids[randomInt(pids.length)];
  assert.ok(pid !== undefined, `there is a ${victim}`);
  process.kill(pid, "SIGKILL");
}

/** A new session can be opened and can write. */
async function recovered({ gateway }: EndToEnd, port: number): Promise<void> {
  const deadlineMs = Date.now() + RECOVERED_MS_MAX;
  for (;;) {
    const connection = new pg.Client({ host: "127.0.0.1", port, user: "agent", database: DATABASE });
    connection.on("error", () => undefined);
    try {
      await connection.connect();
      await connection.query(`insert into notes values ('recovered-${randomBytes(8).toString("hex")}')`);
      await connection.end();
      return;
    } catch (error) {
      await connection.end().catch(() => undefined);
      if (Date.now() > deadlineMs)
        assert.fail(`not back: ${String(error)}\n${gateway.output().slice(-2_000)}`);
    }
    await pause(50);
  }
}

async function rolesGone({ world, gateway }: EndToEnd): Promise<void> {
  const deadlineMs = Date.now() + GONE_MS_MAX;
  for (;;) {
    const roles = await world.root.query("select rolname from pg_roles where rolname like 'sp\\_%'");
    if (roles.length === 0) return;
    if (Date.now() > deadlineMs)
      assert.fail(`minted roles are left: ${JSON.stringify(roles)}\n${gateway.output().slice(-2_000)}`);
    await pause(100);
  }
}

async function audit(...words: readonly string[]): Promise<string> {
  const [file, ...first] = SALLYPORT;
  const { stdout } = await run(file, [...first, "audit", ...words], { maxBuffer: 1024 * 1024 * 1024 });
  return stdout;
}

async function storedTexts({ gateway }: EndToEnd): Promise<readonly string[]> {
  const lines = (await audit("grep", "insert into notes", gateway.trail, "--output", "json"))
    .trimEnd()
    .split("\n");
  return lines.map((line) => (JSON.parse(line) as { text?: string }).text ?? "");
}

/** What is in the table and what clients saw done is the same, but for writes whose answer was lost on the way. */
async function contentMatches({ world }: EndToEnd, { done }: Load): Promise<void> {
  const rows = await world.root.query("select tag from notes where tag like 'tag-%'");
  const inTable = new Set(rows.map(({ tag }) => String(tag)));
  assert.deepEqual(
    done.filter((tag) => !inTable.has(tag)),
    [],
    "a write was called done and is not there",
  );
}

/** Every session on record has an end; those of killed workers are told lost by the broker. */
async function sessionsEnded({ gateway }: EndToEnd): Promise<void> {
  const verified = await audit("verify", gateway.trail);
  assert.match(verified, /^whole {2}\d+:[0-9a-f]{64}/m);
}

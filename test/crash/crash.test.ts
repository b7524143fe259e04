/**
 * `kill -9` of the broker, of a worker, of the process above them, and of everything at once, at random moments of agents'
 * work. CRASH_POINTS=50 for as many points; what each loss means to whom is docs/operations/losses.md.
 */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { describe, test } from "node:test";
import { type EndToEnd, startEndToEnd } from "#test/e2e/world.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import {
  type AgentSession,
  type ListenerName,
  type Load,
  codeOf,
  deleteOf,
  insertOf,
  openSession,
  startLoad,
} from "./load.ts";
import { endInheritedRecords, readRecord } from "./record.ts";
import { holds, isAlive, processesOf } from "./victims.ts";

const POINTS = Number(process.env["CRASH_POINTS"] ?? 4);
const POINT_MS_MAX = 30_000;
const STATIC_PASSWORD = `static-${randomBytes(12).toString("hex")}`;

/** How a session may end, or be turned away, while processes are killed under it. */
const DOCUMENTED = new Set([
  // Its worker, or everything, is gone.
  "Connection terminated unexpectedly",
  "ECONNRESET",
  "EPIPE",
  "ECONNREFUSED",
  // The process above is gone, and its worker ends.
  "SHUTTING_DOWN",
  // The broker is gone.
  "BROKER_UNREACHABLE",
  "TRAIL_UNAVAILABLE",
  // The next broker has taken the minted role back.
  "57P01",
  "LEASE_ENDED",
  "CREDENTIAL_UNAVAILABLE",
  // It was known to the broker before only.
  "IDENTITY_MISSING",
  // Its catalog was due to be read, which takes a login.
  "DENY_UNANALYSED",
]);

type Victim = (stage: EndToEnd) => Promise<void>;
const VICTIMS: readonly Victim[] = [killBroker, killWorker, killEverything, killSupervisor];

describe("kill -9 under load", { skip: skipWithoutPostgres(18) }, () => {
  const timeout = 60_000 + POINTS * POINT_MS_MAX;
  test("carried out ⊆ on record, no minted role is left, and every session ends or goes on as documented", {
    timeout,
  }, async (t) => {
    assert.ok(Number.isInteger(POINTS) && POINTS > 0, "CRASH_POINTS is a number");
    await using stage = await startEndToEnd({
      staticPassword: STATIC_PASSWORD,
      words: ["--workers", "2"],
    });
    await using load = startLoad((name) => portOf(stage, name));
    for (let point = 0; point < POINTS; point += 1) {
      await somethingHappens(load);
      await pause(randomInt(300));
      const victim = VICTIMS[point % VICTIMS.length];
      assert.ok(victim);
      await atPoint(point, () => victim(stage));
    }
    await somethingHappens(load);
    await load.stop();

    // Killed once more, with nothing but a role that lingers; nobody comes after the start.
    await killAll(stage);
    await stage.restart();
    await rolesAreGone(stage, await mintedRoles(stage));
    assert.deepEqual(await mintedRoles(stage), []);
    await stage.gateway[Symbol.asyncDispose]();

    await checkRecord(stage, load);
    const ends = [...load.ends].map(([how, count]) => `${how} × ${count}`);
    assert.deepEqual(
      [...load.ends.keys()].filter((how) => !DOCUMENTED.has(how.replace(/^\w+: /, ""))),
      [],
    );
    t.diagnostic(`figure crash.points=${POINTS}`);
    t.diagnostic(`figure crash.carried-out=${load.carriedOut.size}`);
    t.diagnostic(`figure crash.refused=${load.refused.size}`);
    t.diagnostic(`figure crash.ends=${ends.join(", ")}`);
  });
});

async function checkRecord({ world, gateway }: EndToEnd, load: Load): Promise<void> {
  await endInheritedRecords(gateway.data);
  const record = await readRecord(gateway.data);
  const permitted = new Set(record.permitted);
  const rows = await world.root.query("select tag from notes");
  const stored = rows.map(({ tag }) => String(tag));
  const missing = (tags: Iterable<string>, texts: ReadonlySet<string>, say: (tag: string) => string) =>
    [...tags].filter((tag) => !texts.has(say(tag)));
  assert.deepEqual(missing(load.carriedOut, new Set(stored), String), [], "said to be inserted, and is not");
  assert.deepEqual(missing(stored, permitted, insertOf), [], "inserted, and not on record");
  assert.deepEqual(
    missing(load.refused, new Set(record.refused), deleteOf),
    [],
    "refused, and not on record",
  );
  assert.ok(load.carriedOut.size > POINTS * 5, `only ${load.carriedOut.size} were carried out`);
  const { findings, sessions, texts } = record.verification;
  assert.deepEqual(findings, []);
  assert.equal(texts.closed, 0, "every text opens");
  assert.equal(sessions.unfinished, 0, "every record ends");
  assert.equal(record.kinds.get("session.fork"), undefined);
}

async function atPoint(point: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(`at point ${point}, ${VICTIMS[point % VICTIMS.length]?.name}`, { cause: error });
  }
}

/** Reads go on while it is away, writes wait for the next one; then minted sessions end and static ones go on. */
async function killBroker(stage: EndToEnd): Promise<void> {
  const staying = await openSession(await portOf(stage, "static"));
  // What it leads to is known from here on.
  await writes(staying, "before");
  const leaving = await openSession(await portOf(stage, "minted"));
  const { broker, supervisor, workers } = processesOf(stage.gateway);
  await kill(broker);
  const gone = mintedRoles(stage);
  const read = await staying.query("select name from items where id = $1", [1]);
  assert.deepEqual(read.rows, [{ name: "item 1" }], "reads go on");
  await writes(staying, "while the broker is away");
  await leaving.closed;
  await rolesAreGone(stage, await gone);
  await reopened(stage, "minted");
  await writes(staying, "when the next broker is there");
  await staying.end();
  const after = processesOf(stage.gateway);
  assert.deepEqual([after.supervisor, after.workers], [supervisor, workers], "nobody else was started again");
}

/** Its sessions end, those of the other worker do not notice. */
async function killWorker(stage: EndToEnd): Promise<void> {
  const [victim = -1] = processesOf(stage.gateway).workers;
  const leaving: AgentSession[] = [];
  const staying: AgentSession[] = [];
  // A worker that has just lost the broker gets no clients until it is connected again.
  await until(async () => {
    const session = await openSession(await portOf(stage, "static")).catch(whyNot);
    if (session !== undefined) (holds(victim, session) ? leaving : staying).push(session);
    return leaving.length > 1 && staying.length > 1;
  });
  await kill(victim);
  await Promise.all(leaving.map(({ closed }) => closed));
  for (const client of staying) await writes(client, "beside a lost worker");
  await Promise.all(staying.map((client) => client.end()));
  await until(() => Promise.resolve(processesOf(stage.gateway).workers.length === 2));
}

async function killEverything(stage: EndToEnd): Promise<void> {
  const client = await openSession(await portOf(stage, "minted"));
  await killAll(stage);
  await client.closed;
  await comesBack(stage);
}

/** The others end by themselves: nobody would start them again. */
async function killSupervisor(stage: EndToEnd): Promise<void> {
  const client = await openSession(await portOf(stage, "minted"));
  const { broker, workers } = processesOf(stage.gateway);
  stage.gateway.kill("SIGKILL");
  await stage.gateway.exited;
  await client.closed;
  await until(() => Promise.resolve(![broker, ...workers].some(isAlive)));
  await comesBack(stage);
}

async function killAll({ gateway }: EndToEnd): Promise<void> {
  const { broker, workers } = processesOf(gateway);
  gateway.kill("SIGKILL");
  for (const pid of [broker, ...workers]) await kill(pid);
  await gateway.exited;
}

async function comesBack(stage: EndToEnd): Promise<void> {
  const gone = await mintedRoles(stage);
  await stage.restart();
  await rolesAreGone(stage, gone);
  await reopened(stage, "minted");
}

async function kill(pid: number | undefined): Promise<void> {
  assert.ok(pid !== undefined && pid > 1, "there is somebody to kill");
  if (isAlive(pid)) process.kill(pid, "SIGKILL");
  await until(() => Promise.resolve(!isAlive(pid)));
}

/** It is carried out, unless the gateway says that it cannot be put on record. */
async function writes(client: AgentSession, when: string): Promise<void> {
  try {
    await client.query(insertOf(`witness-${randomBytes(8).toString("hex")}`));
  } catch (error) {
    assert.equal(codeOf(error), "TRAIL_UNAVAILABLE", when);
  }
}

async function reopened(stage: EndToEnd, name: ListenerName): Promise<void> {
  const client = await until(async () => openSession(await portOf(stage, name)).catch(whyNot));
  await client.end();
}

function whyNot(error: unknown): undefined {
  assert.ok(DOCUMENTED.has(codeOf(error)), codeOf(error));
}

async function somethingHappens({ carriedOut }: Load): Promise<void> {
  const before = carriedOut.size;
  await until(() => Promise.resolve(carriedOut.size > before));
}

async function mintedRoles({ world }: EndToEnd): Promise<readonly string[]> {
  const rows = await world.root.query("select rolname from pg_roles where rolname like 'sp\\_%'");
  return rows.map(({ rolname }) => String(rolname));
}

/** Those that there were; others may have been made since. */
async function rolesAreGone(stage: EndToEnd, gone: readonly string[]): Promise<void> {
  await until(async () => (await mintedRoles(stage)).every((role) => !gone.includes(role)));
}

async function portOf({ gateway }: EndToEnd, name: ListenerName): Promise<number> {
  return (await gateway.listener(name)).port;
}

/** Bounded by the test's own time. */
async function until<Value>(look: () => Promise<Value | undefined | false>): Promise<Value> {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await pause(10);
  }
}

/** What each side does when the other is gone: the table of operations, lived through on a real socket. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AppendAnswer, Push, SealedEvent } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { PortServer } from "#broker/api/serve.ts";
import { openUplink, serve, temporaryFolder } from "./carriers.ts";
import { callSamples, planSample, tellSamples } from "./samples.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { until } from "./until.ts";

const never = new AbortController().signal;
const UNREACHABLE = refusal("BROKER_UNREACHABLE");

function pending(signal: AbortSignal): Promise<never> {
  return once(signal, "abort").then(() => {
    throw signal.reason;
  });
}

describe("when the broker is gone", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path = "";
  before(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, "port", "broker.sock");
  });
  after(() => folder[Symbol.asyncDispose]());

  test("what was being asked fails, and what may not be lost goes out again to the next broker", async () => {
    const broker = new ScriptedBroker();
    for (const operation of ["identify", "exchange", "renew", "prove", "hold", "append", "release"] as const)
      broker.script[operation] = (_request: unknown, signal: AbortSignal) => pending(signal);
    const first = await serve(path, broker);
    await using uplink = openUplink(path);
    await uplink.connected(never);
    const samples = callSamples();
    const token = Buffer.from("secret-token");
    const asked = [
      uplink.identify({ ...samples.identify.request, evidence: { kind: "token", token } }, never),
      uplink.exchange(samples.exchange.request, never),
      uplink.renew("lease-1", never),
      uplink.prove("lease-1", samples.prove.request.challenge, never),
      uplink.hold(samples.hold.request.session, "may I", never),
    ];
    const appended = [0, 1, 2].map((seq) => uplink.append([{ ...eventSample(), seq }], never));
    const released = uplink.release("lease-1", never);
    await until(() => broker.asked.length === 1 + asked.length + appended.length + 1);
    await first[Symbol.asyncDispose]();
    assert.deepEqual(
      await Promise.all(asked),
      asked.map(() => UNREACHABLE),
    );
    assert.deepEqual(token, Buffer.alloc(token.length), "a token is wiped whatever becomes of it");
    assert.deepEqual(
      await uplink.exchange(samples.exchange.request, never),
      UNREACHABLE,
      "at once, without a wait",
    );

    const next = new ScriptedBroker();
    await using _second = await serve(path, next);
    await Promise.all([...appended, released]);
    const again = next.asked.filter(({ operation }) => operation !== "hello");
    assert.deepEqual(
      again.map(({ operation }) => operation),
      ["append", "append", "append", "release"],
    );
    assert.deepEqual(
      again.slice(0, 3).map(({ request }) => seqOf(request)),
      [0, 1, 2],
    );
  });

  test("plan, applied version and report are there again with the next broker; the same plan is not told twice", async () => {
    const broker = new ScriptedBroker();
    broker.plan = planSample;
    const first = await serve(path, broker);
    await using uplink = openUplink(path);
    const heard: Push[] = [];
    uplink.subscribe((push) => heard.push(push), never);
    await uplink.connected(never);
    uplink.applied("worker-1", planSample.version);
    uplink.report(tellSamples.report);
    await until(() => heard.length === 1 && broker.reports.length === 1);
    await first[Symbol.asyncDispose]();

    const next = new ScriptedBroker();
    next.plan = planSample;
    await using _second = await serve(path, next);
    await until(() => next.reports.length === 1);
    assert.deepEqual(next.appliedVersions, [planSample.version]);
    next.push({ ...planSample, version: "sha256:2" });
    await until(() => heard.length === 2);
    assert.deepEqual(
      heard.map((push) => push.kind === "plan" && push.version),
      [planSample.version, "sha256:2"],
    );
  });

  test("an append whose answer was lost is repeated, and a signal ends only the wait for it", async () => {
    const broker = new ScriptedBroker();
    const first = await serve(path, broker);
    await using uplink = openUplink(path);
    await uplink.connected(never);
    const lost = Promise.withResolvers<readonly AppendAnswer[] | Refusal>();
    broker.script.append = () => lost.promise;
    const stop = new AbortController();
    const waiting = uplink.append([eventSample()], stop.signal);
    const other = uplink.append([{ ...eventSample(), seq: 1 }], never);
    await until(() => broker.asked.filter(({ operation }) => operation === "append").length === 2);
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
    assert.equal(broker.asked.at(-2)?.signal.aborted, false, "the broker goes on storing it");
    await first[Symbol.asyncDispose]();
    const next = new ScriptedBroker();
    await using _second = await serve(path, next);
    await other;
    assert.deepEqual(
      next.asked.filter(({ operation }) => operation === "append").map(({ request }) => seqOf(request)),
      [1],
    );
  });

  test("a broker that speaks no version of ours is not talked to, and is tried again", async () => {
    const broker = new ScriptedBroker();
    let refusals = 0;
    broker.script.hello = async () => {
      refusals += 1;
      return refusals < 3
        ? refusal("NOT_SUPPORTED", "no common version")
        : { version: 1, broker: "upgraded" };
    };
    await using _server = await serve(path, broker);
    await using uplink = openUplink(path);
    assert.deepEqual(await uplink.hello({ versions: [1], worker: "w", run: "r" }, never), UNREACHABLE);
    await uplink.connected(never);
    assert.deepEqual(await uplink.hello({ versions: [1], worker: "w", run: "r" }, never), {
      version: 1,
      broker: "upgraded",
    });
    assert.equal(refusals, 3);
  });

  test("an operation that the broker fails at is refused, and its cause stays with the broker", async () => {
    const broker = new ScriptedBroker();
    broker.script.exchange = () => Promise.reject(new Error("password=hunter2 is wrong"));
    const notes: string[] = [];
    await using _server = await serve(path, broker, notes);
    await using uplink = openUplink(path);
    await uplink.connected(never);
    assert.deepEqual(await uplink.exchange(callSamples().exchange.request, never), UNREACHABLE);
    assert.ok(notes.some((note) => note.startsWith("port.failed")));
    assert.equal(uplink.state, "connected");
  });
});

describe("when the data plane is gone", () => {
  test("what it asked is given up, what it heard ends, and its port is detached", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "port", "broker.sock");
    const broker = new ScriptedBroker();
    broker.script.hold = (_request, signal) => pending(signal);
    await using _server = await serve(path, broker);
    const uplink = openUplink(path);
    await uplink.connected(never);
    const held = uplink.hold(callSamples().hold.request.session, "may I", never);
    await until(() => broker.asked.length === 2 && broker.listeners.size === 1);
    await uplink[Symbol.asyncDispose]();
    assert.deepEqual(await held, UNREACHABLE);
    await until(() => broker.asked[1]?.signal.aborted === true && broker.listeners.size === 0);
  });
});

describe("the socket", () => {
  test("is held by one broker; what a dead one left is cleared away", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "port", "broker.sock");
    const first = await serve(path, new ScriptedBroker());
    await assert.rejects(serve(path, new ScriptedBroker()), /another process listens/);
    await using uplink = openUplink(path);
    await uplink.connected(never);
    assert.equal(uplink.state, "connected", "the first is still there");
    await first[Symbol.asyncDispose]();
    leaveBehind(path);
    await using second = await serve(path, new ScriptedBroker());
    assert.equal(second.path, path);
  });

  test("is not made where others could put one, nor over something that is none", async () => {
    await using folder = await temporaryFolder();
    const open = join(folder.path, "open");
    await mkdir(open);
    await chmod(open, 0o777);
    await assert.rejects(serve(join(open, "broker.sock"), new ScriptedBroker()), /written by others/);
    await chmod(open, 0o755);
    await assert.rejects(serve(join(open, "broker.sock"), new ScriptedBroker()), /open to others/);
    await chmod(open, 0o700);
    await writeFile(join(open, "broker.sock"), "a file");
    await assert.rejects(serve(join(open, "broker.sock"), new ScriptedBroker()), /is no socket/);
    await assert.rejects(serve(join(open, "x".repeat(120)), new ScriptedBroker()), /too long/);
    await using _allowed = (await serve(join(open, "other.sock"), new ScriptedBroker())) satisfies PortServer;
  });
});

/** A socket file with nobody behind it, as a killed broker leaves it. */
function leaveBehind(path: string): void {
  const program = `require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  assert.equal(spawnSync(process.execPath, ["-e", program, path]).signal, "SIGKILL");
  assert.ok(existsSync(path));
}

function eventSample(): SealedEvent {
  const [event] = callSamples().append.request.batch;
  assert.ok(event);
  return event;
}

function seqOf(request: unknown): number | undefined {
  return (request as { batch: readonly SealedEvent[] }).batch[0]?.seq;
}

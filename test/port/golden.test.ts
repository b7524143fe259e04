/** Data planes of version 1 outlive upgrades of the broker, and the other way round: their bytes are kept and replayed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { type Socket, connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { callRow } from "#core/port/messages.ts";
import type { CallOperation } from "#core/port/operations.ts";
import { openUplink, serve, temporaryFolder } from "./carriers.ts";
import { plain } from "./contract.ts";
import { framesOfThisBuild, golden, goldenNames, otherRequestsOf } from "./golden.ts";
import { callSamples, planSample, pushSamples, tellSamples } from "./samples.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { until } from "./until.ts";

const never = new AbortController().signal;
const CALLS = (Object.keys(callSamples()) as CallOperation[]).filter((operation) => operation !== "hello");

test("this build makes the frames of version 1 byte for byte, and has one for everything", () => {
  const frames = framesOfThisBuild();
  assert.deepEqual(goldenNames().sort(), [...frames.keys()].sort());
  for (const [name, bytes] of frames) assert.deepEqual(bytes, golden(name), name);
});

for (const operation of CALLS) {
  test(`the server answers a recorded ${operation} with the recorded answer`, async () => {
    for (const [index, answer] of callSamples()[operation].answers.entries()) {
      const broker = new ScriptedBroker();
      broker.script = { [operation]: async () => answer };
      await using raw = await rawClient(broker);
      raw.socket.write(Buffer.concat([golden("hello.request"), golden(`${operation}.request`)]));
      const expected = Buffer.concat([golden("hello.answer-0"), golden(`${operation}.answer-${index}`)]);
      await until(() => raw.received().length >= expected.length);
      assert.deepEqual(raw.received(), expected);
      assert.deepEqual(plain(broker.asked[1]?.request), plain(callSamples()[operation].request));
    }
  });

  for (const [which, request] of otherRequestsOf(operation))
    test(`the server understands a recorded ${operation} that is ${which}`, async () => {
      const broker = new ScriptedBroker();
      await using raw = await rawClient(broker);
      raw.socket.write(Buffer.concat([golden("hello.request"), golden(`${operation}.request-${which}`)]));
      await until(() => broker.asked.length === 2);
      assert.deepEqual(plain(broker.asked[1]?.request), plain(request));
    });

  test(`the client understands the recorded answer of ${operation}`, async () => {
    for (const [index, answer] of callSamples()[operation].answers.entries()) {
      await using fake = await recordedBroker(golden(`${operation}.answer-${index}`));
      await using uplink = openUplink(fake.path);
      await uplink.connected(never);
      const got = await callRow(operation).perform(uplink, callSamples()[operation].request, never);
      assert.deepEqual(plain(got), plain(answer));
      const sent = [golden("hello.request"), golden("subscribe"), golden(`${operation}.request`)];
      assert.deepEqual(fake.received(), Buffer.concat(sent));
    }
  });
}

test("the server takes recorded tells, a subscription and a cancel", async () => {
  const broker = new ScriptedBroker();
  broker.plan = planSample;
  broker.script.renew = (_request, signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", reject));
  await using raw = await rawClient(broker);
  raw.socket.write(golden("hello.request"));
  await until(() => raw.received().length >= golden("hello.answer-0").length);
  raw.socket.write(Buffer.concat(["applied", "report", "subscribe", "renew.request", "cancel"].map(golden)));
  const expected = Buffer.concat([golden("hello.answer-0"), golden("push-0")]);
  await until(() => raw.received().length >= expected.length);
  assert.deepEqual(raw.received(), expected);
  assert.deepEqual(broker.appliedVersions, [tellSamples.applied.planVersion]);
  assert.deepEqual(broker.reports, [tellSamples.report]);
  assert.equal(broker.asked[1]?.signal.aborted, true);
});

test("the client understands recorded pushes and a recorded fault", async () => {
  const pushes = pushSamples.map((_, index) => golden(`push-${index}`));
  await using fake = await recordedBroker(Buffer.concat([...pushes, golden("fault")]));
  await using uplink = openUplink(fake.path);
  const heard: unknown[] = [];
  uplink.subscribe((push) => heard.push(push), never);
  await uplink.connected(never);
  const answer = await uplink.renew("lease-1", never);
  assert.equal(typeof answer === "object" && "code" in answer && answer.code, "BROKER_UNREACHABLE");
  assert.deepEqual(plain(heard), plain(pushSamples));
});

async function rawClient(broker: ScriptedBroker) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const path = join(folder.path, "port", "broker.sock");
  stack.use(await serve(path, broker));
  const socket = stack.adopt(connect(path), (opened) => void opened.destroy());
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  const open = stack.move();
  return { socket, received: () => Buffer.concat(pieces), [Symbol.asyncDispose]: () => open.disposeAsync() };
}

/** Greets as recorded, then says the recorded bytes once something has been asked. */
async function recordedBroker(answer: Buffer) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  await mkdir(join(folder.path, "port"), { mode: 0o700 });
  const path = join(folder.path, "port", "broker.sock");
  let received = Buffer.alloc(0);
  const sockets: Socket[] = [];
  const greeting = golden("hello.request").length;
  const beforeCall = greeting + golden("subscribe").length;
  const server = createServer((socket) => {
    sockets.push(socket);
    let said = 0;
    socket.on("data", (piece: Buffer) => {
      received = Buffer.concat([received, piece]);
      if (said === 0 && received.length >= greeting)
        said = Number(socket.write(golden("hello.answer-0"))) || 1;
      if (said === 1 && received.length > beforeCall) said = 1 + (Number(socket.write(answer)) || 1);
    });
  });
  server.listen(path);
  await once(server, "listening");
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const open = stack.move();
  return { path, received: () => received, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

/** Peers that do not keep to the contract, against a real server: they lose their connection and nobody else does. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encodeFrame } from "#core/port/frame.ts";
import { callFrame, pushFrame, subscribeFrame } from "#core/port/messages.ts";
import { IN_FLIGHT_MAX } from "#broker/api/peer.ts";
import type { PlanPush } from "#core/port/port.ts";
import { openUplink, serve, temporaryFolder } from "./carriers.ts";
import { golden } from "./golden.ts";
import { callSamples, planSample } from "./samples.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { until } from "./until.ts";

const never = new AbortController().signal;
const hello = golden("hello.request");
const renew = (id: number): Buffer => encodeFrame(callFrame(id, "renew", { lease: "lease-1" }));

const broker = new ScriptedBroker();
const notes: string[] = [];
const open = new AsyncDisposableStack();
let path = "";
before(async () => {
  const folder = open.use(await temporaryFolder());
  path = join(folder.path, "port", "broker.sock");
  open.use(await serve(path, broker, notes));
});
after(() => open.disposeAsync());

const BROKEN: Readonly<Record<string, Buffer>> = {
  "no greeting": renew(0),
  "a second greeting": Buffer.concat([
    hello,
    encodeFrame(callFrame(1, "hello", callSamples().hello.request)),
  ]),
  "an id that was used": Buffer.concat([hello, renew(1), renew(1)]),
  "an id that goes back": Buffer.concat([hello, renew(5), renew(4)]),
  "two subscriptions": Buffer.concat([hello, encodeFrame(subscribeFrame), encodeFrame(subscribeFrame)]),
  "what only a broker says": Buffer.concat([hello, golden("push-0")]),
  "another protocol": Buffer.from("GET / HTTP/1.1\r\nHost: broker\r\n\r\n"),
  "a head that is no JSON": Buffer.concat([hello, Buffer.from("\0\0\0\x08\0\0\0\x04{{{{", "latin1")]),
  "a head longer than its frame": Buffer.concat([hello, Buffer.from("\0\0\0\x08\0\0\0\x05{}{}", "latin1")]),
  "JSON that is nested without end": Buffer.concat([hello, nested(100_000)]),
};

for (const [what, bytes] of Object.entries(BROKEN)) {
  test(`a peer with ${what} is let go; another goes on`, async () => {
    await using uplink = openUplink(path);
    await uplink.connected(never);
    const socket = connect(path);
    const closed = once(socket, "close");
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    socket.write(bytes);
    await closed;
    assert.ok(notes.at(-1)?.startsWith("port.refused"), notes.at(-1));
    assert.deepEqual(await uplink.renew("lease-1", never), callSamples().renew.answers[0]);
  });
}

test("a peer may ask as much at once as the bound, and not one more", async () => {
  broker.script.renew = () => new Promise(() => undefined);
  const socket = await greeted();
  socket.write(Buffer.concat(Array.from({ length: IN_FLIGHT_MAX }, (_, index) => renew(index + 1))));
  await until(() => broker.asked.filter(({ operation }) => operation === "renew").length >= IN_FLIGHT_MAX);
  assert.equal(socket.destroyed, false);
  const closed = once(socket, "close");
  socket.write(renew(IN_FLIGHT_MAX + 1));
  await closed;
  delete broker.script.renew;
});

test("a peer that does not read is sent the newest plan only, and its memory is bounded", async () => {
  const socket = await greeted();
  const before = broker.listeners.size;
  socket.write(encodeFrame(subscribeFrame));
  await until(() => broker.listeners.size === before + 1);
  socket.pause();
  const plan = (version: number): PlanPush => ({
    ...planSample,
    version: String(version),
    policies: Array.from({ length: 4_000 }, () => planSample.policies[0] ?? assert.fail()),
  });
  const planBytes = encodeFrame(pushFrame(plan(10))).length;
  for (let version = 10; version < 60; version++) broker.push(plan(version));
  let receivedBytes = 0;
  let newest = false;
  socket.on("data", (piece: Buffer) => {
    receivedBytes += piece.length;
    newest ||= piece.includes('"version":"59"');
  });
  socket.resume();
  await until(() => newest);
  assert.ok(receivedBytes <= 3 * planBytes, `${receivedBytes} bytes for plans of ${planBytes}`);
  socket.destroy();
});

async function greeted(): Promise<Socket> {
  const socket = connect(path);
  socket.on("error", () => undefined);
  socket.write(hello);
  await once(socket, "data");
  return socket;
}

function nested(depth: number): Buffer {
  const head = Buffer.from("[".repeat(depth) + "]".repeat(depth));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(head.length + 4, 0);
  lengths.writeUInt32BE(head.length, 4);
  return Buffer.concat([lengths, head]);
}

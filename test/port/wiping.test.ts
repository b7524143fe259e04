/** Passwords on the port: each side keeps none once the other has it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Proof } from "#core/port/port.ts";
import { openUplink, serve, temporaryFolder } from "./carriers.ts";
import { plain } from "./contract.ts";
import { ScriptedBroker } from "./scripted-broker.ts";
import { until } from "./until.ts";

const CLEARTEXT = { kind: "cleartext" } as const;

async function connected(broker: ScriptedBroker) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const path = join(folder.path, "port", "broker.sock");
  stack.use(await serve(path, broker));
  const uplink = stack.use(openUplink(path));
  await uplink.connected(new AbortController().signal);
  const open = stack.move();
  return { uplink, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

for (const [what, proof, bytes] of [
  [
    "a password",
    (secret: Buffer): Proof => ({ kind: "cleartext", password: secret }),
    Buffer.from("hunter2"),
  ],
  ["an md5 response", (secret: Buffer): Proof => ({ kind: "md5", response: secret }), Buffer.alloc(35, "a")],
] as const)
  test(`${what} is wiped in the broker once it was sent, and is whole with the receiver`, async () => {
    const secret = Buffer.from(bytes);
    const broker = new ScriptedBroker();
    broker.script.prove = async () => proof(secret);
    await using carried = await connected(broker);
    const got = await carried.uplink.prove("lease-1", CLEARTEXT, new AbortController().signal);
    assert.deepEqual(plain(got), plain(proof(bytes)));
    await until(() => secret.every((byte) => byte === 0));
  });

test("a password that nobody waits for any more is wiped all the same", async () => {
  const secret = Buffer.from("hunter2");
  const broker = new ScriptedBroker();
  const { promise, resolve } = Promise.withResolvers<Proof>();
  broker.script.prove = () => promise;
  await using carried = await connected(broker);
  const stop = new AbortController();
  const asked = carried.uplink.prove("lease-1", CLEARTEXT, stop.signal);
  await until(() => broker.asked.some(({ operation }) => operation === "prove"));
  stop.abort(new Error("the client left"));
  await assert.rejects(asked, /the client left/);
  await until(() => broker.asked.find(({ operation }) => operation === "prove")?.signal.aborted === true);
  resolve({ kind: "cleartext", password: secret });
  await until(() => secret.every((byte) => byte === 0));
});

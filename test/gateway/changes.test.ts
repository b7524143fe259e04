/** What a session that is open notices of what changes around it: policy, time, the broker. */
import assert from "node:assert/strict";
import { type Socket, connect } from "node:net";
import { test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connected, once, refusedWith, rows } from "./support/clients.ts";
import { startRig, until } from "./support/in-process.ts";
import { READER, policy } from "./support/kinds.ts";

const real = { skip: skipWithoutPostgres(18) };
const SERIES = {
  name: "read",
  postgres: { preset: "readOnly", tables: ["public.*"], functions: ["pg_catalog.repeat"] },
};
/** Some 300 MB, which no buffer between here and there holds. */
const LARGE = "select repeat('x', 1000000) from orders a, orders b limit 300";

test("a policy that is taken away ends an idle session", real, async (context) => {
  const rig = await startRig(context);
  const client = await connected(rig);
  await rows(client, "select 1");
  const ended = new Promise<Error>((resolve) => client.on("error", resolve));
  rig.remove("policies.yaml");
  const told = (await ended) as Error & { detail?: string };
  assert.match(told.detail ?? "", /DENY_NO_POLICY/);
  await until(() => rig.plane.gateway.sessionCount === 0);
});

test(
  "a rule that is taken away refuses the next statement, and the session goes on with what is left",
  real,
  async (context) => {
    const rig = await startRig(context);
    const client = await connected(rig);
    assert.deepEqual(await rows(client, "select count(*) from orders"), [{ count: "1000" }]);
    const narrow = { name: "read", postgres: { preset: "readOnly", tables: ["public.customers"] } };
    await rig.applied(() => rig.write("policies.yaml", policy({ allow: [narrow] })));
    await refusedWith(rows(client, "select count(*) from orders"), "DENY_NO_RULE");
    assert.deepEqual(await rows(client, "select 1 as one"), [{ one: 1 }]);
    await client.end();
  },
);

test("a result that is half sent stops when its statement is no longer permitted", real, async (context) => {
  const rig = await startRig(context, { policies: [policy({ allow: [SERIES] })] });
  const slow = await slowReader(rig.port, LARGE);
  await until(() => slow.bytes() > 0);
  slow.socket.pause();
  const before = slow.bytes();
  const narrow = { name: "read", postgres: { preset: "readOnly", tables: ["public.customers"] } };
  await rig.applied(() => rig.write("policies.yaml", policy({ allow: [narrow] })));
  slow.socket.resume();
  const text = await slow.said(/POLICY_CHANGED|DENY_NO_RULE/);
  assert.match(text, /POLICY_CHANGED|DENY_NO_RULE/);
  assert.ok(before < 300_000_000 && slow.bytes() < 300_000_000, "all of it was sent");
  slow.socket.destroy();
});

test("a policy that expires ends what it permitted in that moment", real, async (context) => {
  const rig = await startRig(context);
  const client = await connected(rig);
  await rows(client, "select 1");
  const ended = new Promise<Error & { detail?: string }>((resolve) => client.on("error", resolve));
  const expires = new Date(Date.now() + 3_000).toISOString().replace(/\.\d+Z$/, "Z");
  await rig.applied(() => rig.write("policies.yaml", policy({ expires })));
  assert.match((await ended).detail ?? "", /DENY_NO_POLICY|REVOKED|LEASE_ENDED/);
});

test(
  "what a policy permitted that got its end while it ran stops with it, and the session goes on",
  real,
  async (context) => {
    const narrow = { name: "read", postgres: { preset: "readOnly", tables: ["public.customers"] } };
    const stays = policy({ allow: [narrow] }, "stays");
    const rig = await startRig(context, { policies: [policy({ allow: [SERIES] }), stays] });
    const slow = await slowReader(rig.port, LARGE);
    await until(() => slow.bytes() > 0);
    slow.socket.pause();
    const expiresMs = Math.ceil(Date.now() / 1_000 + 2) * 1_000;
    const expires = new Date(expiresMs).toISOString().replace(".000Z", "Z");
    await rig.applied(() => rig.write("policies.yaml", policy({ allow: [SERIES], expires }), stays));
    await until(() => Date.now() > expiresMs);
    slow.socket.resume();
    assert.match(await slow.said(/POLICY_CHANGED|DENY_NO_RULE/), /POLICY_CHANGED|DENY_NO_RULE/);
    assert.ok(slow.bytes() < 300_000_000, "all of it was sent");
    assert.equal(rig.plane.gateway.sessionCount, 1);
    slow.socket.destroy();
  },
);

test(
  "a broker that is away refuses new sessions, and open ones read on; it comes back and all is as before",
  real,
  async (context) => {
    const rig = await startRig(context);
    const client = await connected(rig);
    await rows(client, "select 1");
    await rig.stopBroker();
    await until(() => !rig.plane.isConnected);
    await refusedWith(once(rig), "BROKER_UNREACHABLE");
    await rig.startBroker();
    assert.deepEqual(await once(rig), { count: "1000" });
    await client.end();
  },
);

test("a session without a broker ends with its lease at the latest", real, async (context) => {
  const rig = await startRig(context, { leaseMs: 1_500 });
  const client = await connected(rig);
  await rows(client, "select 1");
  const ended = new Promise<Error & { detail?: string }>((resolve) => client.on("error", resolve));
  // Hung, not gone: what the journal of a dead broker makes of leases is another matter.
  await rig.stopBroker();
  assert.match((await ended).detail ?? "", /LEASE_ENDED|SHUTTING_DOWN|REVOKED/);
});

test(
  "an edit that is broken leaves what was good in force, and the good one after it is taken",
  real,
  async (context) => {
    const rig = await startRig(context);
    const before = rig.plane.gateway.planVersion;
    rig.write("connection.yaml", { kind: "Connection", nonsense: true });
    await until(() => (rig.control?.missing() ?? []).length > 0);
    assert.equal(rig.plane.gateway.planVersion, before);
    assert.deepEqual(await once(rig), { count: "1000" });
    await rig.applied(() => rig.write("policies.yaml", policy({ allow: [READER], limits: { rows: 5 } })));
    await refusedWith(once(rig, "select * from orders"), "LIMIT_ROWS");
  },
);

/** Reads at its own pace, below any driver. */
async function slowReader(port: number, text: string) {
  const socket: Socket = connect(port, "127.0.0.1");
  let length = 0;
  let tail = "";
  socket.on("data", (piece: Buffer) => {
    length += piece.length;
    tail = (tail + piece.toString("latin1")).slice(-4_096);
  });
  const startup = Buffer.from("user\0agent\0database\0postgres\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + startup.length);
  head.writeInt32BE(196_608, 4);
  socket.write(Buffer.concat([head, startup]));
  await until(() => tail.includes("Z\0\0\0\u0005I"));
  const query = Buffer.from(`${text}\0`);
  const frame = Buffer.alloc(5);
  frame.write("Q");
  frame.writeInt32BE(4 + query.length, 1);
  length = 0;
  socket.write(Buffer.concat([frame, query]));
  return {
    socket,
    bytes: () => length,
    said: async (pattern: RegExp): Promise<string> => {
      await until(() => pattern.test(tail), 20_000);
      return tail;
    },
  };
}

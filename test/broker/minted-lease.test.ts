import assert from "node:assert/strict";
import { test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connectAdministrator } from "#broker/sources/postgres-role/client.ts";
import {
  allowing,
  attach,
  connectionKind,
  exchange,
  exchanged,
  granted,
  identified,
  refusedWith,
  scramOf,
  startRig,
} from "./support/broker.ts";
import { forEver, mintedRoles, startDatabase } from "./support/upstream.ts";

test("minted roles go with the policy, the data plane or the broker that stood behind them", {
  skip: skipWithoutPostgres(18),
}, async (context) => {
  await using database = await startDatabase(18);
  const { root, upstream } = database;
  const rig = await startRig(context);
  const connections = [connectionKind(upstream.spec)];
  const policies = [allowing("agent"), allowing("reporter")];
  rig.broker.update(rig.configure({ connections, policies }));
  const { port, pushes } = await attach(rig.broker);
  const agent = await exchanged(port, rig.token("agent"));
  const reporter = await exchanged(port, rig.token("reporter"));
  assert.deepEqual(await mintedRoles(root), [agent.user, reporter.user].sort());
  const signIn = (lease: string, user: string) =>
    connectAdministrator(
      {
        ...upstream.spec.address,
        tls: { mode: "disable" },
        user,
        database: "orders",
        prove: async (challenge) =>
          scramOf(await port.prove(lease, { kind: "scram-sha-256", ...challenge }, forEver)),
      },
      AbortSignal.timeout(20_000),
    );
  using live = await signIn(agent.lease, agent.user);
  using other = await signIn(reporter.lease, reporter.user);

  rig.broker.update(rig.configure({ connections, policies: [allowing("reporter")] }));
  assert.deepEqual(
    pushes.slice(1).map(({ kind }) => kind),
    ["plan", "revoked"],
  );
  await rig.broker.settled();
  assert.deepEqual(await mintedRoles(root), [reporter.user]);
  await assert.rejects(live.query("SELECT 1"));
  assert.deepEqual(await other.query("SELECT 1 AS one"), [{ one: "1" }]);
  refusedWith(await exchange(port, await identified(port, rig.token("agent"))), "DENY_NO_POLICY");

  port.detach();
  rig.time.ms += 15_000;
  rig.broker.sweep();
  await rig.broker.settled();
  assert.deepEqual(await mintedRoles(root), []);

  const again = await attach(rig.broker, "worker-2");
  await exchanged(again.port, rig.token("reporter"));
  assert.equal((await mintedRoles(root)).length, 1);
  await rig[Symbol.asyncDispose]();
  assert.deepEqual(await mintedRoles(root), []);
});

test("a lease is renewed at the server while it can be, and is good for as long as the server was told", {
  skip: skipWithoutPostgres(18),
}, async (context) => {
  const database = await startDatabase(18);
  const { root, upstream } = database;
  const rig = await startRig(context);
  const source = upstream.spec.credential.source?.postgresRole;
  assert.ok(source);
  const credential = { mode: "minted", source: { postgresRole: { ...source, ttlSeconds: 60 } } } as const;
  const connections = [connectionKind({ ...upstream.spec, credential })];
  rig.broker.update(rig.configure({ connections, policies: [allowing("agent")] }));
  const { port } = await attach(rig.broker);
  const lease = await exchanged(port, rig.token("agent"));
  assert.equal(lease.expiresMs, rig.time.ms + 60_000);
  rig.time.ms += 36_000;
  assert.equal(granted(await port.renew(lease.lease, forEver)).expiresMs, rig.time.ms + 60_000);
  const [row] = await root.query(
    `SELECT rolvaliduntil > now() + interval '50 s' AS later FROM pg_roles WHERE rolname = '${lease.user}'`,
  );
  assert.equal(row?.["later"], true);

  await database[Symbol.asyncDispose]();
  const expiresMs = rig.time.ms + 60_000;
  rig.time.ms += 36_000;
  assert.equal(
    granted(await port.renew(lease.lease, forEver)).expiresMs,
    expiresMs,
    "a server that is away takes nothing back",
  );
  rig.time.ms = expiresMs;
  refusedWith(await port.renew(lease.lease, forEver), "LEASE_ENDED");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LeaseGrant } from "#core/port/port.ts";
import {
  ORDERS,
  allowing,
  attach,
  connectionKind,
  exchange,
  exchanged,
  granted,
  identified,
  refusedWith,
  staticRig,
} from "./support/broker.ts";
import { forEver } from "./support/upstream.ts";

test("asking again gives the same lease; one that nobody waited for is soon given up", async (context) => {
  const rig = await staticRig(context);
  const { port, pushes } = await attach(rig.broker);
  const { session, lease } = await exchanged(port, rig.token("agent"));
  assert.equal(granted<LeaseGrant>(await exchange(port, session)).lease, lease);
  const [a, b] = await Promise.all([exchange(port, session), exchange(port, session)]);
  assert.deepEqual(a, b);
  assert.equal(rig.broker.status().leases, 1);

  const hasty = await identified(port, rig.token("agent"));
  const gone = new AbortController();
  const waiting = port.exchange({ session: hasty, connection: ORDERS }, gone.signal);
  gone.abort(new Error("the carrier broke"));
  await assert.rejects(waiting, /the carrier broke/);
  while (rig.broker.status().leases < 2) await new Promise(setImmediate);
  rig.time.ms += 31_000;
  rig.broker.sweep();
  assert.equal(rig.broker.status().leases, 1);
  assert.deepEqual(pushes.at(-1), {
    kind: "revoked",
    session: hasty,
    refusal: { code: "LEASE_ENDED", publicText: "the credential of this session has ended" },
  });
});

test("a lease ends unless it is renewed, and is renewed only while policy allows", async (context) => {
  const rig = await staticRig(context);
  const { port, pushes } = await attach(rig.broker);
  const kept = await exchanged(port, rig.token("agent"));
  const left = await exchanged(port, rig.token("agent"));
  rig.time.ms += 200_000;
  const renewed = granted(await port.renew(kept.lease, forEver));
  assert.equal(renewed.expiresMs, rig.time.ms + 300_000);
  rig.time.ms += 100_000;
  refusedWith(await port.renew(left.lease, forEver), "LEASE_ENDED");
  rig.broker.sweep();
  assert.deepEqual(
    pushes.filter(({ kind }) => kind === "revoked").map((push) => "session" in push && push.session),
    [left.session],
  );
  granted(await port.renew(kept.lease, forEver));
});

test("a change of policy reaches plans first, then ends what it no longer allows; a broken edit ends nothing", async (context) => {
  const rig = await staticRig(context);
  const connections = [connectionKind(rig.spec)];
  const { port, pushes } = await attach(rig.broker);
  const agent = await exchanged(port, rig.token("agent"));
  const [first] = pushes;
  assert.ok(first?.kind === "plan");
  assert.equal(first.connections[0]?.spec.tls.mode, "disable");
  assert.equal("credential" in (first.connections[0]?.spec ?? {}), false);
  assert.equal(
    rig.broker.update(rig.configure({ connections, policies: [allowing("agent")] })).planVersion,
    first.version,
  );
  assert.equal(pushes.length, 1);

  const broken = {
    state: "broken",
    origin: "/policies/agent.yaml",
    reach: { scope: "cluster" },
    diagnostics: [],
  } as const;
  rig.broker.update(rig.configure({ connections, policies: [broken] }));
  assert.deepEqual(
    pushes.map(({ kind }) => kind),
    ["plan", "plan"],
  );
  granted(await port.renew(agent.lease, forEver));
  granted(await exchange(port, await identified(port, rig.token("agent"))));

  rig.broker.update(rig.configure({ connections, policies: [allowing("reporter")] }));
  assert.deepEqual(
    pushes.slice(2).map(({ kind }) => kind),
    ["plan", "revoked", "revoked"],
  );
  refusedWith(await port.renew(agent.lease, forEver), "DENY_NO_POLICY");
  assert.equal(rig.broker.status().leases, 0);
  await exchanged(port, rig.token("reporter"));
});

test("a Connection that leads elsewhere ends its sessions, and any other edit of it does not", async (context) => {
  const rig = await staticRig(context);
  const { spec } = rig;
  const policies = [allowing("agent")];
  const { port, pushes } = await attach(rig.broker);
  const edited = (changed: Partial<typeof spec>): void => {
    rig.broker.update(rig.configure({ connections: [connectionKind({ ...spec, ...changed })], policies }));
  };
  const others = { reachedAs: [{ host: "orders.old" }], postgres: { whenClientCloses: "cancel" } } as const;
  const elsewhere = {
    "another server": { address: { ...spec.address, host: "203.0.113.7" } },
    "another port": { address: { ...spec.address, port: 6543 } },
    "another database": { postgres: { database: "archive", user: "reader" } },
    "another role": { postgres: { database: "shop", user: "owner" } },
    "another secret": { credential: { mode: "static", source: { file: { path: "/etc/another" } } } },
  } as const;
  for (const [what, changed] of Object.entries(elsewhere)) {
    edited({});
    const { session, lease } = await exchanged(port, rig.token("agent"));
    edited({
      reachedAs: others.reachedAs,
      ...(spec.postgres && { postgres: { ...spec.postgres, ...others.postgres } }),
    });
    granted(await port.renew(lease, forEver));
    edited(changed);
    assert.equal(rig.broker.status().leases, 0, what);
    const [last] = pushes.slice(-1);
    assert.ok(last?.kind === "revoked" && last.session === session, what);
    assert.match(last.refusal.publicText, /leads elsewhere now; connect again/);
    refusedWith(await port.renew(lease, forEver), "LEASE_ENDED");
  }
});

test("a policy that expires ends its sessions without any edit", async (context) => {
  const rig = await staticRig(context);
  const connections = [connectionKind(rig.spec)];
  const expires = new Date(rig.time.ms + 60_000).toISOString();
  rig.broker.update(rig.configure({ connections, policies: [allowing("agent", { expires })] }));
  const { port, pushes } = await attach(rig.broker);
  await exchanged(port, rig.token("agent"));
  rig.time.ms += 58_000;
  rig.broker.sweep();
  assert.equal(rig.broker.status().leases, 1);
  rig.time.ms += 3_000;
  rig.broker.sweep();
  assert.equal(rig.broker.status().leases, 0);
  assert.equal(pushes.at(-1)?.kind, "revoked");
});

test("a data plane that stays away loses its sessions, and their records say so", async (context) => {
  const rig = await staticRig(context);
  const one = await attach(rig.broker, "one");
  const { lease, session } = await exchanged(one.port, rig.token("agent"));
  one.port.applied("one", "v1");
  one.port.detach();
  one.port.detach();
  rig.time.ms += 14_000;
  rig.broker.sweep();
  const back = await attach(rig.broker, "one");
  granted(await back.port.renew(lease, forEver));
  assert.equal(rig.broker.status().workers[0]?.appliedVersion, "v1");
  back.port.detach();
  rig.time.ms += 15_000;
  rig.broker.sweep();
  await rig.broker.settled();
  assert.equal(rig.broker.status().leases, 0);
  assert.deepEqual(rig.broker.status().workers, []);
  assert.deepEqual(rig.notes.at(-1)?.[0], "worker.lost");
  const again = await attach(rig.broker, "one");
  refusedWith(await again.port.renew(lease, forEver), "LEASE_ENDED");
  refusedWith(await exchange(again.port, session), "IDENTITY_MISSING");
});

test("a data plane that was started again has lost its sessions, as soon as it is seen", async (context) => {
  const rig = await staticRig(context);
  const one = await attach(rig.broker, "one", "one/1");
  const two = await attach(rig.broker, "two", "two/1");
  const { lease, session } = await exchanged(one.port, rig.token("agent"));
  const others = await exchanged(two.port, rig.token("agent"));
  one.port.detach();
  const again = await attach(rig.broker, "one", "one/2");
  refusedWith(await again.port.renew(lease, forEver), "LEASE_ENDED");
  refusedWith(await exchange(again.port, session), "IDENTITY_MISSING");
  rig.broker.sweep();
  await rig.broker.settled();
  assert.equal(rig.broker.status().leases, 1);
  assert.deepEqual(rig.notes.at(-1), ["worker.lost", { worker: "one", sessions: 1 }]);
  granted(await two.port.renew(others.lease, forEver));

  // Its old connection may only have been slower to close than the new one to open.
  const third = await attach(rig.broker, "two", "two/2");
  rig.broker.sweep();
  granted(await two.port.renew(others.lease, forEver));
  two.port.detach();
  rig.broker.sweep();
  assert.equal(rig.broker.status().leases, 0);
  refusedWith(
    await third.port.hello({ versions: [1], worker: "one", run: "two/2" }, forEver),
    "NOT_SUPPORTED",
  );
});

test("a broker that stops ends its leases and says so", async (context) => {
  const rig = await staticRig(context);
  const { port, pushes } = await attach(rig.broker);
  const { session } = await exchanged(port, rig.token("agent"));
  await rig[Symbol.asyncDispose]();
  const last = pushes.at(-1);
  assert.ok(last?.kind === "revoked" && last.session === session && last.refusal.code === "SHUTTING_DOWN");
});

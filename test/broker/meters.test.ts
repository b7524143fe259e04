/** What the broker counts, of what it really did. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrokerMeters } from "#broker/process/metrics.ts";
import {
  allowing,
  attach,
  connectionKind,
  exchange,
  exchanged,
  identified,
  refusedWith,
  staticRig,
} from "./support/broker.ts";
import { forEver } from "./support/upstream.ts";

test("exchanges and renewals are counted by what came of them, and timed", async (context) => {
  const { registry, meters } = openBrokerMeters();
  const rig = await staticRig(context, { meters });
  const { port } = await attach(rig.broker);
  const lease = await exchanged(port, rig.token("agent"));
  refusedWith(await exchange(port, await identified(port, rig.token("stranger"))), "DENY_NO_POLICY");
  await port.renew(lease.lease, forEver);
  refusedWith(await port.renew("another", forEver), "LEASE_ENDED");
  const text = await registry.metrics();
  for (const line of [
    'sallyport_exchanges_total{operation="exchange",code="GRANTED"} 1',
    'sallyport_exchanges_total{operation="exchange",code="DENY_NO_POLICY"} 1',
    'sallyport_exchanges_total{operation="renew",code="GRANTED"} 1',
    'sallyport_exchanges_total{operation="renew",code="LEASE_ENDED"} 1',
    'sallyport_exchange_seconds_count{operation="exchange"} 2',
    'sallyport_exchange_seconds_count{operation="renew"} 2',
  ])
    assert.ok(text.includes(`${line}\n`), `${line} is not in\n${text}`);
});

test("the time until another plan is in force is that of changes, not of coming back", async (context) => {
  const lags: number[] = [];
  const meters = { ...openBrokerMeters().meters, applied: (seconds: number) => void lags.push(seconds) };
  const rig = await staticRig(context, { meters });
  const { port, pushes } = await attach(rig.broker);
  const version = (): string => {
    const push = pushes.findLast(({ kind }) => kind === "plan");
    assert.ok(push?.kind === "plan");
    return push.version;
  };
  const first = version();
  port.applied("worker-1", first);
  assert.deepEqual(lags, [], "the first is not a change");
  const connections = [connectionKind(rig.spec)];
  rig.broker.update(rig.configure({ connections, policies: [allowing("agent"), allowing("other")] }));
  assert.notEqual(version(), first);
  port.applied("worker-1", first);
  assert.deepEqual(lags, [], "this one is in force already");
  port.applied("worker-1", version());
  port.applied("worker-1", version());
  assert.equal(lags.length, 1);
  assert.ok((lags[0] ?? -1) >= 0);
  port.detach();
  const again = await attach(rig.broker);
  again.port.applied("worker-1", version());
  assert.equal(lags.length, 1);
});

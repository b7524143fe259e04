import assert from "node:assert/strict";
import { test } from "node:test";
import { openKube, type Kube } from "#operator/kube/client.ts";
import { type EventRecorder, type Happening, openEventRecorder } from "#operator/kube/events.ts";
import { EVENTS, type KubeObject, NAMESPACES } from "#operator/kube/resource.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { keptLog } from "../support/log.ts";
import { manualClock } from "../support/manual-clock.ts";
import { soon } from "./client.ts";

interface Told extends KubeObject {
  readonly note: string;
  readonly series?: { readonly count: number };
}

const HOUR_MS = 3_600_000;

function recorder(kube: Kube): {
  readonly events: EventRecorder;
  readonly clock: ReturnType<typeof manualClock>;
} {
  const clock = manualClock();
  const { signal } = new AbortController();
  const controller = "sallyport.dev/operator";
  return {
    clock,
    events: openEventRecorder({ kube, controller, instance: "one", clock, log: keptLog().log, signal }),
  };
}

function refused(regarding: KubeObject, note: string): Happening {
  return { regarding, type: "Warning", reason: "PodSecurity", action: "Inject", note };
}

function connection(namespace: string): KubeObject {
  const metadata = { namespace, name: "orders", uid: "0b4ed3a0-0000-4000-8000-000000000001" };
  return { apiVersion: "sallyport.dev/v1alpha1", kind: "Connection", metadata };
}

export function eventTests(given: () => { readonly api: ApiTier; readonly kube: Kube }): void {
  const toldIn = async (namespace: string): Promise<readonly Told[]> =>
    (await given().kube.list(EVENTS, { ...soon(), namespace })).items as readonly Told[];

  test("people see them beside the object; the same again is counted and not repeated", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const { events, clock } = recorder(kube);
    events.record(refused(connection(namespace), "no"));
    events.record(refused(connection(namespace), "no"));
    events.record(refused(connection(namespace), "something else"));
    for (let again = 0; again < 50; again += 1) events.record(refused(connection(namespace), "no"));
    await events.settled();
    await clock.advance(2 * 60_000);
    events.record(refused(connection(namespace), "no"));
    await events.settled();
    const told = (await toldIn(namespace)).map(({ note, series }) => [note, series?.count]);
    assert.deepEqual(told.toSorted(), [
      ["no", 53],
      ["something else", undefined],
    ]);
    const seen = await api.kubectl(["get", "events", "--namespace", namespace]);
    assert.match(seen.stdout, /Warning +PodSecurity +connection\/orders +no/);
    assert.equal(events.dropped, 0);
  });

  test("one that the API server has forgotten meanwhile is told anew", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const { events, clock } = recorder(kube);
    events.record(refused(connection(namespace), "no"));
    await events.settled();
    const [first] = await toldIn(namespace);
    assert.ok(await kube.delete(EVENTS, `${namespace}/${first?.metadata.name}`, soon()));
    for (let again = 0; again < 2; again += 1) {
      await clock.advance(60_000);
      events.record(refused(connection(namespace), "no"));
      await events.settled();
    }
    assert.equal((await toldIn(namespace)).length, 1);
    await clock.advance(HOUR_MS);
    events.record(refused(connection(namespace), "no"));
    await events.settled();
    assert.equal((await toldIn(namespace)).length, 2, "an hour later it is news");
  });

  test("those of a cluster-wide object are in `default`, and a long text is cut", async () => {
    const { api, kube } = given();
    const name = await api.namespace();
    const namespace = await kube.get(NAMESPACES, name, soon());
    assert.ok(namespace !== undefined);
    const { events } = recorder(kube);
    events.record(refused(namespace, "über".repeat(1_000)));
    await events.settled();
    const [told] = (await toldIn("default")).filter(({ metadata }) => metadata.name.startsWith(name));
    assert.match(told?.note ?? "", /^(über)+(ü(be?)?)?…$/);
    assert.ok(Buffer.byteLength(told?.note ?? "") > 1_000);
  });

  test("an object that changes all the time does not fill the API server; others are told of meanwhile", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const { events } = recorder(kube);
    for (let change = 0; change < 100; change += 1)
      events.record(refused(connection(namespace), `change ${change}`));
    const quiet = connection(namespace);
    events.record(refused({ ...quiet, metadata: { ...quiet.metadata, uid: "another" } }, "heard"));
    await events.settled();
    const told = await toldIn(namespace);
    assert.equal(told.length, 21);
    assert.ok(told.some(({ note }) => note === "heard"));
    assert.equal(events.dropped, 80);
  });

  test("what cannot be told is counted, and holds nobody up", async () => {
    const { api } = given();
    const namespace = await api.namespace();
    using nobody = openKube(api.as("nobody"));
    const { events } = recorder(nobody);
    events.record(refused(connection(namespace), "no"));
    await events.settled();
    assert.equal(events.dropped, 1);
    assert.deepEqual(await toldIn(namespace), []);
  });
}

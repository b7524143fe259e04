/** The desired state follows the stores: a burst is one reading, and only whom a change concerns is looked at again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#operator/kube/clock.ts";
import type { OwnKind } from "#operator/kube/resource.ts";
import { openStore, type Store } from "#operator/kube/store.ts";
import { type DesiredWatch, type KindInCluster, watchDesired } from "#operator/desired/watch.ts";
import { connectionObject, policyObject } from "./live/objects.ts";

interface Scene extends Disposable {
  readonly stores: Readonly<Record<KindInCluster, Store<OwnKind>>>;
  readonly watch: DesiredWatch;
  readonly told: string[];
  readonly errors: unknown[];
  sleeps: number;
  /** Lets the settling time pass. */
  wake(): Promise<void>;
}

const signal = AbortSignal.timeout(10_000);

async function scene(): Promise<Scene> {
  const open = (name: string): Store<OwnKind> => openStore<OwnKind>({ name, onError: assert.ifError });
  const stores = {
    Connection: open("connections"),
    SecretAccessPolicy: open("policies"),
    ClusterSecretAccessPolicy: open("guardrails"),
    IdentityProvider: open("providers"),
    WorkloadController: open("controllers"),
  };
  const sleeping: (() => void)[] = [];
  const errors: unknown[] = [];
  const made = { sleeps: 0 };
  const clock: Clock = {
    monotonicMs: () => 0,
    wallMs: () => 0,
    sleep: (_ms, ended) =>
      new Promise((resolve, reject) => {
        made.sleeps += 1;
        sleeping.push(resolve);
        ended.addEventListener("abort", () => reject(ended.reason), { once: true });
      }),
  };
  const watch = watchDesired({ stores, clock, onError: (error) => errors.push(error) });
  for (const store of Object.values(stores)) store.retain(new Set());
  await watch.fresh(signal);
  const told: string[] = [];
  for (const kind of Object.keys(stores) as KindInCluster[])
    watch.affected(kind).subscribe((key) => told.push(`${kind} ${key}`));
  return {
    stores,
    watch,
    told,
    errors,
    get sleeps() {
      return made.sleeps;
    },
    async wake() {
      for (const resolve of sleeping.splice(0)) resolve();
      await watch.fresh(signal);
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

function stored(object: OwnKind, version = 1): OwnKind {
  const { namespace = "", name } = object.metadata;
  const uid = `${object.kind}-${namespace}-${name}`;
  return {
    ...object,
    metadata: { ...object.metadata, uid, generation: version, resourceVersion: String(version) },
  };
}

test("a burst of changes is one reading, and whoever asks meanwhile waits for it", async () => {
  using at = await scene();
  for (let index = 0; index < 100; index += 1)
    at.stores.Connection.set(stored(connectionObject("prod", `c-${index}`)));
  const asked = at.watch.fresh(signal);
  assert.equal(at.sleeps, 1);
  await at.wake();
  assert.equal((await asked).loaded.connections.length, 100);
  assert.equal(at.told.length, 100);
});

test("a change is told of to whom it concerns, and to nobody else", async () => {
  using at = await scene();
  at.stores.Connection.set(stored(connectionObject("prod", "orders")));
  at.stores.Connection.set(stored(connectionObject("prod", "invoices")));
  await at.wake();
  at.told.length = 0;
  at.stores.SecretAccessPolicy.set(stored(policyObject("prod", "readers")));
  await at.wake();
  assert.deepEqual(at.told.toSorted(), ["Connection prod/orders", "SecretAccessPolicy prod/readers"]);
  at.told.length = 0;
  at.stores.SecretAccessPolicy.remove("prod/readers");
  await at.wake();
  assert.deepEqual(at.told, ["Connection prod/orders"]);
});

test("a new status of an object says nothing new", async () => {
  using at = await scene();
  const object = stored(connectionObject("prod", "orders"));
  at.stores.Connection.set(object);
  await at.wake();
  at.told.length = 0;
  const metadata = { ...object.metadata, resourceVersion: "2" };
  at.stores.Connection.set({ ...object, metadata, status: { conditions: [] } });
  await at.wake();
  assert.deepEqual(at.told, []);
});

test("who asks before everything is known waits, and an ended wait is an error", async () => {
  const store = openStore<OwnKind>({ name: "all", onError: assert.ifError });
  const stores = {
    Connection: store,
    SecretAccessPolicy: store,
    ClusterSecretAccessPolicy: store,
    IdentityProvider: store,
    WorkloadController: store,
  };
  using watch = watchDesired({ stores, onError: assert.ifError });
  const leaving = new AbortController();
  const asked = watch.fresh(leaving.signal);
  leaving.abort(new Error("gone"));
  await assert.rejects(asked, /gone/);
});

test("a watch that has ended reads no more, and that is no error", async () => {
  const at = await scene();
  at.stores.Connection.set(stored(connectionObject("prod", "orders")));
  at.watch[Symbol.dispose]();
  at.stores.Connection.set(stored(connectionObject("prod", "invoices")));
  await new Promise(setImmediate);
  assert.deepEqual(at.errors, []);
  assert.deepEqual(at.told, []);
});

/** What a store of ten thousand pods weighs, read as a watch brings them. A file of its own: it looks at its whole process. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startReflector, withoutManagedFields } from "#operator/kube/reflector.ts";
import { type Pod, PODS } from "#operator/kube/resource.ts";
import { openStore } from "#operator/kube/store.ts";
import type { Transport } from "#operator/kube/transport.ts";
import { readWatch } from "#operator/kube/watch.ts";
import { keptLog } from "./support/log.ts";

const MIB = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

interface Weight {
  /** What a container's limit counts. It holds on to pages that are empty again, so nothing is asserted of it. */
  readonly residentMib: number;
  readonly heapMib: number;
}

function weigh(): Weight {
  collect();
  collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { residentMib: rss / MIB, heapMib: (heapUsed + external) / MIB };
}

/** As an API server writes a pod of a Deployment: some six kilobytes, a third of them managed fields. */
function podLine(index: number): string {
  const name = `worker-${index}-5d4f8c7b9-x${index.toString(36)}`;
  const owner = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    name: `worker-${index}`,
    uid: `rs-${index}`,
    controller: true,
  };
  const container = (which: string): object => ({
    name: which,
    image: `registry.example/team/${which}@sha256:${"ab".repeat(32)}`,
    command: ["/bin/agent", "--serve", "--config", `/etc/${which}/config.yaml`],
    env: Array.from({ length: 12 }, (_, each) => ({
      name: `SETTING_${each}`,
      value: `value ${index} of ${each}`,
    })),
    resources: { limits: { cpu: "1", memory: "512Mi" }, requests: { cpu: "100m", memory: "128Mi" } },
    volumeMounts: Array.from({ length: 4 }, (_, each) => ({
      name: `volume-${each}`,
      mountPath: `/mnt/${each}`,
    })),
    livenessProbe: { httpGet: { path: "/healthz", port: 8080, scheme: "HTTP" }, periodSeconds: 10 },
  });
  const metadata = {
    name,
    namespace: `team-${index % 50}`,
    uid: `4f9b7f0e-0000-4000-8000-${String(index).padStart(12, "0")}`,
    resourceVersion: String(1_000 + index),
    labels: { app: `worker-${index}`, "pod-template-hash": "5d4f8c7b9" },
    annotations: { "example.com/checksum": "cd".repeat(32) },
    ownerReferences: [owner],
    managedFields: ["kube-controller-manager", "kubelet"].map((manager) => ({
      manager,
      operation: "Update",
      fieldsV1: Object.fromEntries(
        Array.from({ length: 40 }, (_, each) => [`f:field-${each}`, { "f:inner": {} }]),
      ),
    })),
  };
  const status = {
    phase: "Running",
    podIP: `10.244.${index % 250}.${index % 240}`,
    conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
      type,
      status: "True",
    })),
    containerStatuses: ["main", "helper"].map((which) => ({
      name: which,
      ready: true,
      imageID: "ef".repeat(32),
    })),
  };
  const spec = {
    serviceAccountName: "worker",
    nodeName: `node-${index % 100}`,
    containers: ["main", "helper"].map(container),
  };
  return `${JSON.stringify({ type: "ADDED", object: { apiVersion: "v1", kind: "Pod", metadata, spec, status } })}\n`;
}

function* watchText(pods: number): Generator<Buffer> {
  for (let index = 0; index < pods; index += 1) yield Buffer.from(podLine(index));
  const metadata = { resourceVersion: "20000", annotations: { "k8s.io/initial-events-end": "true" } };
  yield Buffer.from(`${JSON.stringify({ type: "BOOKMARK", object: { kind: "Pod", metadata } })}\n`);
}

/** Who it is, whose, as whom and where: what an answer about a live pod needs. */
function identityOnly({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { name, namespace = "", uid = "", resourceVersion = "", ownerReferences = [] } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, uid, resourceVersion, ownerReferences },
    spec: {
      containers: [],
      serviceAccountName: spec?.serviceAccountName ?? "",
      nodeName: spec?.nodeName ?? "",
    },
    status: { phase: status?.phase ?? "" },
  };
}

async function addedBy(pods: number, trim: (pod: Pod) => Pod): Promise<Weight> {
  const before = weigh();
  const stop = new AbortController();
  const transport: Transport = {
    send: async (_, signal) => {
      const body = Readable.from(watchText(pods));
      signal.addEventListener("abort", () => body.destroy(), { once: true });
      return { status: 200, retryAfter: undefined, body, isWhole: () => true };
    },
    [Symbol.dispose]: () => undefined,
  };
  const store = openStore<Pod>({ name: "pods", onError: (error) => assert.fail(String(error)) });
  const reflector = startReflector({
    kube: {
      pages: () => assert.fail("it lists"),
      watch: (resource, options) => readWatch(transport, resource, options),
    },
    resource: PODS,
    store,
    trim,
    log: keptLog().log,
    signal: stop.signal,
  });
  await store.synced(stop.signal);
  stop.abort();
  await reflector.ended;
  const after = weigh();
  assert.equal(store.size, pods);
  return {
    residentMib: after.residentMib - before.residentMib,
    heapMib: after.heapMib - before.heapMib,
  };
}

test("ten thousand pods: what is kept decides what they weigh", async (t) => {
  const lineBytes = Buffer.byteLength(podLine(1));
  const trimmed = await addedBy(10_000, identityOnly);
  const whole = await addedBy(2_000, withoutManagedFields);
  t.diagnostic(`figure kube.pod-wire-bytes=${lineBytes}`);
  t.diagnostic(`figure kube.rss-10000-trimmed-pods-mib=${trimmed.residentMib.toFixed(0)}`);
  t.diagnostic(`figure kube.rss-2000-whole-pods-mib=${whole.residentMib.toFixed(0)}`);
  t.diagnostic(`figure kube.heap-10000-trimmed-pods-mib=${trimmed.heapMib.toFixed(1)}`);
  t.diagnostic(`figure kube.heap-2000-whole-pods-mib=${whole.heapMib.toFixed(1)}`);
  assert.ok(
    trimmed.heapMib / 10_000 < whole.heapMib / 2_000 / 2,
    `${trimmed.heapMib} and ${whole.heapMib} MiB`,
  );
});

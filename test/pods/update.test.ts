import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { checkUpdate } from "#operator/admission/pod/update.ts";
import { exampleOf, FACTS, injected, SETTINGS } from "./surroundings.ts";

const uninjected = exampleOf("metadata: { labels: { app: shop } }").pod;
const pod = injected(uninjected);

const findings = (after: V1Pod, before = pod): readonly string[] =>
  checkUpdate(after, before, FACTS, SETTINGS).map(({ rule, field }) => `${rule} ${field}`);

const withInit = (index: number, change: Partial<V1Container>): V1Pod => {
  const containers = pod.spec?.initContainers ?? [];
  const changed = { ...(containers[index] as V1Container), ...change };
  return { ...pod, spec: { containers: [], ...pod.spec, initContainers: containers.with(index, changed) } };
};

const annotated = (annotations: Record<string, string>): V1Pod => ({
  ...pod,
  metadata: { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...annotations } },
});

describe("a living pod may", () => {
  test("stay as it is", () => assert.deepEqual(findings(pod), []));
  test("get labels, annotations and finalizers of others", () => {
    const metadata = { ...annotated({ "example.com/seen": "yes" }).metadata, finalizers: ["example.com/x"] };
    assert.deepEqual(findings({ ...pod, metadata }), []);
  });
  test("get another image for a container of its own", () => {
    const containers = pod.spec?.containers.map((container) => ({ ...container, image: "app:2" })) ?? [];
    assert.deepEqual(findings({ ...pod, spec: { ...pod.spec, containers } }), []);
  });
});

describe("it may not", () => {
  const attacks: readonly (readonly [string, V1Pod, string])[] = [
    ["swap the gateway's image", withInit(1, { image: "evil" }), "spec.initContainers[1].image"],
    ["swap that of gw-init", withInit(0, { image: "evil" }), "spec.initContainers[0].image"],
    [
      "starve the gateway",
      withInit(1, { resources: { limits: { memory: "1Mi" }, requests: { memory: "1Mi" } } }),
      "spec.initContainers[1].resources.limits.memory",
    ],
    [
      "change who made it",
      annotated({ "sallyport.dev/origin-user": "alice" }),
      "metadata.annotations.sallyport.dev/origin-user",
    ],
    [
      "say that it was never injected",
      annotated({ "sallyport.dev/injected": "" }),
      "metadata.annotations.sallyport.dev/injected",
    ],
    [
      "get a label of ours",
      { ...pod, metadata: { ...pod.metadata, labels: { "sallyport.dev/enforce": "no" } } },
      "metadata.labels.sallyport.dev/enforce",
    ],
  ];
  for (const [name, after, field] of attacks) {
    test(name, () => assert.ok(findings(after).includes(`reserved-change ${field}`), findings(after).join()));
  }

  test("become one that is not trusted", () => {
    const after = { ...pod, spec: { containers: [], ...pod.spec, hostNetwork: true } };
    assert.deepEqual(findings(after), ["host-network spec.hostNetwork"]);
  });

  test("lose a volume of ours", () => {
    const after = {
      ...pod,
      spec: { containers: [], ...pod.spec, volumes: pod.spec?.volumes?.slice(1) ?? [] },
    };
    assert.deepEqual(findings(after), ["reserved-change spec.volumes.gw-token"]);
  });
});

describe("a pod from before its namespace was labelled", () => {
  test("may change, so that its controller can end it", () => {
    const after = { ...uninjected, metadata: { ...uninjected.metadata, labels: {}, finalizers: [] } };
    assert.deepEqual(findings(after, uninjected), []);
  });
  test("is not made ours by what it says of itself", () => {
    const after = {
      ...uninjected,
      metadata: { ...uninjected.metadata, annotations: { "sallyport.dev/injected": "{}" } },
    };
    assert.deepEqual(findings(after, uninjected), [
      "reserved-change metadata.annotations.sallyport.dev/injected",
    ]);
  });
});

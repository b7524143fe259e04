/**
 * Pods as a webhook sees them: before the API server has measured or read anything of them. None may keep the operator busy, since all
 * the cluster's pods wait for it. What runs away is stopped by a deadline far beyond anything that does not.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runInThisContext } from "node:vm";
import type { V1Pod } from "@kubernetes/client-node";
import { check } from "#operator/admission/pod/check.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { jsonPatch } from "#operator/admission/pod/json-patch.ts";
import { FACTS, GATEWAY_UID, SETTINGS } from "./surroundings.ts";

const RUNAWAY_MS = 20_000;
const APP = { name: "app", image: "app" };

/** Ends even what never gives the event loop back, as a regular expression does not. */
function ending<T>(act: () => T): T {
  const results: T[] = [];
  Object.assign(globalThis, { actUnderTest: () => results.push(act()) });
  runInThisContext("actUnderTest()", { timeout: RUNAWAY_MS });
  assert.ok(results.length === 1);
  return results[0] as T;
}

const many = <T>(count: number, each: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => each(index));

function judged(pod: V1Pod): { readonly outcome: string; readonly fields: readonly string[] } {
  return ending(() => {
    const result = inject(pod, FACTS, SETTINGS, GATEWAY_UID);
    if (result.outcome === "injected") jsonPatch(pod, result.pod);
    check(pod, FACTS, SETTINGS);
    const findings = result.outcome === "refused" ? result.findings : [];
    return { outcome: result.outcome, fields: findings.map(({ field }) => field) };
  });
}

describe("a pod that is made to keep the operator busy", () => {
  test("an annotation whose key is nothing but slashes", () => {
    const annotations = { ["/".repeat(260_000)]: "x" };
    assert.equal(judged({ metadata: { annotations }, spec: { containers: [APP] } }).outcome, "injected");
  });

  test("more annotations than Kubernetes takes", () => {
    const annotations = { ["/".repeat(1_500_000)]: "x" };
    assert.deepEqual(judged({ metadata: { annotations }, spec: { containers: [APP] } }).fields, [
      "metadata.annotations",
    ]);
  });

  test("more containers than a node runs", () => {
    const containers = many(40_000, (index) => ({ ...APP, name: `app-${index}` }));
    assert.deepEqual(judged({ spec: { containers } }).fields, ["spec.containers"]);
    assert.equal(judged({ spec: { containers: containers.slice(0, 200) } }).outcome, "injected");
  });

  test("containers in another list, and volumes", () => {
    const initContainers = many(40_000, (index) => ({ ...APP, name: `app-${index}` }));
    assert.deepEqual(judged({ spec: { initContainers, containers: [APP] } }).fields, ["spec.containers"]);
    const volumes = many(40_000, (index) => ({ name: `v-${index}`, emptyDir: {} }));
    assert.deepEqual(judged({ spec: { volumes, containers: [APP] } }).fields, ["spec.volumes"]);
  });

  test("resources that do not exist, for the pod and as many containers", () => {
    const requests = Object.fromEntries(many(20_000, (index) => [`r-${index}`, "1"]));
    const containers = many(500, (index) => ({ ...APP, name: `app-${index}` }));
    // The API server knows none of these names, and refuses it.
    assert.equal(judged({ spec: { resources: { requests }, containers } }).outcome, "injected");
  });

  test("a path that goes up and down again", () => {
    const mountPath = `${"/a".repeat(200_000)}${"/..".repeat(200_000)}/var/run/sallyport`;
    const volumes = [{ name: "work", emptyDir: {} }];
    const containers = [{ ...APP, volumeMounts: [{ name: "work", mountPath }] }];
    assert.deepEqual(judged({ spec: { volumes, containers } }).fields, [
      "spec.containers[0].volumeMounts[0].mountPath",
    ]);
  });
});

describe("names that mean something to JavaScript", () => {
  const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];

  test("are labels, annotations and resources like others", () => {
    for (const name of NAMES) {
      const text = JSON.stringify({ labels: { KEY: "x" }, annotations: { KEY: "x" } }).replaceAll(
        "KEY",
        name,
      );
      const pod: V1Pod = {
        metadata: JSON.parse(text) as NonNullable<V1Pod["metadata"]>,
        spec: { containers: [{ ...APP, resources: { limits: JSON.parse(`{"${name}":"1"}`) } }] },
      };
      const result = inject(pod, FACTS, SETTINGS, GATEWAY_UID);
      assert.equal(result.outcome, "injected", name);
      if (result.outcome !== "injected") continue;
      assert.deepEqual(check(result.pod, FACTS, SETTINGS), [], name);
      assert.equal(Object.hasOwn(result.pod.metadata?.annotations ?? {}, name), true, name);
      const paths = jsonPatch(pod, result.pod).map(({ path }) => path);
      assert.ok(
        !paths.some((path) => path.endsWith(`/${name}`)),
        `${name} is left alone: ${paths.join(" ")}`,
      );
    }
    assert.equal(Object.hasOwn(Object.prototype, "x"), false);
  });

  test("make no field of the gateway look right", () => {
    const result = inject({ spec: { containers: [APP] } }, FACTS, SETTINGS, GATEWAY_UID);
    assert.ok(result.outcome === "injected");
    for (const name of NAMES) {
      const pod = JSON.parse(JSON.stringify(result.pod)) as V1Pod;
      const gateway = pod.spec?.initContainers?.[1];
      assert.ok(gateway !== undefined);
      Object.defineProperty(gateway, name, { value: "x", enumerable: true });
      assert.notDeepEqual(check(pod, FACTS, SETTINGS), [], name);
    }
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { V1Pod } from "@kubernetes/client-node";
import { check } from "#operator/admission/pod/check.ts";
import { type Mutation, mutationsOf } from "./mutations.ts";
import { exampleOf, FACTS, injected, SETTINGS } from "./surroundings.ts";

const { pod: plain } = exampleOf(`
  spec:
    initContainers: [{ name: prepare, image: app }]
    containers: [{ name: app, image: app, volumeMounts: [{ name: work, mountPath: /work }] }]
    volumes: [{ name: work, emptyDir: {} }]
`);
const pod = injected(plain);
const mutations = mutationsOf(pod);

const survivors = (judge: (mutated: V1Pod) => boolean): readonly Mutation[] =>
  mutations.filter((mutation) => judge(mutation.pod));
const isTrusted = (mutated: V1Pod): boolean => check(mutated, FACTS, SETTINGS).length === 0;

test("the pod that they start from is trusted, and each of them is another", () => {
  assert.ok(isTrusted(pod));
  assert.deepEqual(
    mutations.filter((mutation) => {
      try {
        assert.deepEqual(mutation.pod, pod);
        return true;
      } catch {
        return false;
      }
    }),
    [],
  );
  assert.equal(new Set(mutations.map(({ name }) => name)).size, mutations.length);
});

test("no pod that was weakened is trusted", (t) => {
  t.diagnostic(`figure pods.mutations=${mutations.length}`);
  assert.ok(mutations.length > 250, `${mutations.length}`);
  assert.deepEqual(
    survivors(isTrusted).map(({ name }) => name),
    [],
  );
});

test("each field of what is put in has its mutation", () => {
  const names = mutations.map(({ name }) => name).join("\n");
  for (const field of leavesOf({ initContainers: pod.spec?.initContainers?.slice(0, 2) }, "spec")) {
    assert.ok(names.includes(`${field} changed`), field);
  }
});

test("the table tells a check that looks away", () => {
  const blind = (mutated: V1Pod): boolean =>
    isTrusted({
      ...mutated,
      spec: { ...mutated.spec, initContainers: pod.spec?.initContainers ?? [] },
    } as V1Pod);
  assert.ok(survivors(blind).length > 100);
});

function leavesOf(value: unknown, field: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [field];
  return Object.entries(value).flatMap(([key, inner]) =>
    leavesOf(inner, Array.isArray(value) ? `${field}[${key}]` : `${field}.${key}`),
  );
}

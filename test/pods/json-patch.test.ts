import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { inject } from "#operator/admission/pod/inject.ts";
import { jsonPatch } from "#operator/admission/pod/json-patch.ts";
import { TRUST_VARIABLES } from "#operator/admission/pod/trust.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";
import { applyPatch } from "./apply-patch.ts";
import { podArbitrary } from "./arbitraries.ts";
import { exampleOf, FACTS, GATEWAY_UID, injected, SETTINGS } from "./surroundings.ts";

const parameters = { numRuns: fuzzRuns(500), ...fuzzSeed() };

/** Lists of named items, renamed, moved and doubled, with keys that a pointer has to escape. */
const tree = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, 0, "a", "b"),
    fc.array(fc.record({ name: fc.constantFrom("a", "b", "c", "d"), inner: tie("value") }), { maxLength: 5 }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("a", "b", "a/b", "~", "~1", "", "__proto__", "0"), tie("value"), {
      maxKeys: 4,
    }),
  ),
})).value;

const json = tree.map((value) => JSON.parse(JSON.stringify(value)) as unknown);

test("a patch turns the one value into the other", () => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      assert.deepEqual(applyPatch(before, jsonPatch(before, after)), after);
    }),
    parameters,
  );
});

test("and is empty between equals", () => {
  fc.assert(
    fc.property(json, (value) => {
      assert.deepEqual(jsonPatch(value, structuredClone(value)), []);
    }),
    parameters,
  );
});

test("what injecting does to any pod survives being sent as a patch", () => {
  fc.assert(
    fc.property(podArbitrary, (pod) => {
      const result = inject(pod, FACTS, SETTINGS, GATEWAY_UID);
      if (result.outcome === "refused") return;
      assert.deepEqual(applyPatch(pod, jsonPatch(pod, result.pod)), result.pod);
    }),
    parameters,
  );
});

test("injecting into a small pod sends what is new, not the pod again", () => {
  const { pod } = exampleOf(`
    spec:
      containers: [{ name: app, image: app, env: [{ name: LONG, value: ${"x".repeat(1000)} }] }]
      initContainers: [{ name: first, image: app }]
  `);
  const patch = jsonPatch(pod, injected(pod));
  assert.deepEqual(patch.map(({ op, path }) => `${op} ${path}`).toSorted(), [
    "add /metadata/annotations",
    "add /spec/automountServiceAccountToken",
    ...TRUST_VARIABLES.map((_, at) => `add /spec/containers/0/env/${at + 1}`).toSorted(),
    "add /spec/containers/0/securityContext",
    "add /spec/containers/0/volumeMounts",
    "add /spec/initContainers/0",
    "add /spec/initContainers/1",
    "add /spec/initContainers/2/env",
    "add /spec/initContainers/2/securityContext",
    "add /spec/initContainers/2/volumeMounts",
    "add /spec/shareProcessNamespace",
    "add /spec/volumes",
  ]);
});

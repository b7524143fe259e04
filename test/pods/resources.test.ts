/** A pod that says how much it takes as a whole gets room for the gateway: 50m and 96Mi here, up to 256Mi. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { quantityOf, amountOf } from "#operator/admission/pod/quantity.ts";
import { exampleOf, FACTS, injected } from "./surroundings.ts";

const resourcesOf = (spec: string): unknown =>
  injected(exampleOf(`spec: ${spec}`).pod, { ...FACTS }).spec?.resources;

const app = (resources: string): string => `containers: [{ name: app, image: app, resources: ${resources} }]`;

test("a pod that says nothing keeps saying nothing", () => {
  assert.equal(resourcesOf(`{ ${app("{ requests: { cpu: 1 } }")} }`), undefined);
});

test("what is enough stays as it is written", () => {
  assert.deepEqual(
    resourcesOf(
      `{ resources: { requests: { cpu: "2" }, limits: { memory: 1024Mi } }, ${app("{ requests: { cpu: 500m } }")} }`,
    ),
    { requests: { cpu: "2" }, limits: { memory: "1024Mi" } },
  );
});

test("what is too little is raised to what all ask for together, and the limit with it", () => {
  assert.deepEqual(
    resourcesOf(
      `{ resources: { requests: { cpu: 200m }, limits: { cpu: 200m } }, ${app("{ requests: { cpu: 200m } }")} }`,
    ),
    { requests: { cpu: "250m" }, limits: { cpu: "250m" } },
  );
});

test("a limit is never below that of the gateway", () => {
  assert.deepEqual(resourcesOf(`{ resources: { limits: { memory: 128Mi } }, ${app("{}")} }`), {
    limits: { memory: String(256 * 1024 * 1024) },
  });
});

test("an init container asks together with the sidecars before it, and who only has a limit asks for that", () => {
  assert.deepEqual(
    resourcesOf(`{
      resources: { requests: { cpu: 100m } },
      initContainers: [
        { name: side, image: app, restartPolicy: Always, resources: { limits: { cpu: 300m } } },
        { name: heavy, image: app, resources: { requests: { cpu: 1 } } },
      ],
      ${app("{ requests: { cpu: 100m } }")}
    }`),
    { requests: { cpu: "1350m" } },
  );
});

test("amounts are written so that they are read as the same, or a little more", () => {
  for (const quantity of ["1", "250m", "96Mi", "1.5", "0", "1e3"]) {
    const amount = amountOf(quantity);
    assert.ok(amount !== undefined);
    assert.equal(amountOf(quantityOf(amount)), amount);
  }
  assert.equal(quantityOf(amountOf("1u") ?? 0n), "1m");
});

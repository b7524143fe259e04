import assert from "node:assert/strict";
import { test } from "node:test";
import * as models from "@kubernetes/client-node";
import { POD_FIELDS, type Shape, unknownFields } from "#operator/admission/pod/fields.ts";

interface Model {
  getAttributeTypeMap(): readonly { readonly baseName: string; readonly type: string }[];
}

/** The client's model of `type`, where it is an object of its own. */
function modelOf(type: string): Model | undefined {
  const found = (models as unknown as Readonly<Record<string, unknown>>)[type.replace(/^Array<(.*)>$/, "$1")];
  return typeof found === "function" && "getAttributeTypeMap" in found
    ? (found as unknown as Model)
    : undefined;
}

/** Fields of `shape` and of the client's model that the other does not have. */
function unlike(shape: Shape, type: string, field: string): readonly string[] {
  if (shape === "open") return [];
  const inner = "each" in shape ? shape.each : shape;
  const attributes = modelOf(type)?.getAttributeTypeMap() ?? [];
  const types = new Map(attributes.map(({ baseName, type: of }) => [baseName, of]));
  const names = new Set([...types.keys(), ...Object.keys(inner as object)]);
  return [...names].flatMap((name) => {
    const below = (inner as Readonly<Record<string, Shape>>)[name];
    const of = types.get(name);
    return below === undefined || of === undefined
      ? [`${field}.${name}`]
      : unlike(below, of, `${field}.${name}`);
  });
}

test("the fields that are known are those of the client's models, by the names that they have in JSON", () => {
  assert.deepEqual(unlike(POD_FIELDS, "V1PodSpec", "spec"), []);
});

test("a field that nobody knows is found wherever it is", () => {
  const spec = {
    hostTime: true,
    containers: [
      { name: "app", securityContext: { runAsDevil: true }, lifecycle: { preStop: { grpc: {} } } },
    ],
    volumes: [{ name: "v", teleport: {}, projected: { sources: [{ podKey: {} }] } }],
  };
  assert.deepEqual(unknownFields(spec, POD_FIELDS, "spec"), [
    "spec.hostTime",
    "spec.containers[0].securityContext.runAsDevil",
    "spec.containers[0].lifecycle.preStop.grpc",
    "spec.volumes[0].teleport",
    "spec.volumes[0].projected.sources[0].podKey",
  ]);
});

test("a field named as what every object inherits is not known by it", () => {
  const spec = JSON.parse('{ "constructor": {}, "__proto__": { "x": 1 } }') as object;
  assert.deepEqual(unknownFields(spec, POD_FIELDS, "spec"), ["spec.constructor", "spec.__proto__"]);
});

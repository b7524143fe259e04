/** Pods from the wild, and what is to become of each. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { V1Pod } from "@kubernetes/client-node";
import { dump, loadAll } from "js-yaml";
import type { PodFacts, Rootless } from "#operator/admission/pod/contract.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { jsonPatch } from "#operator/admission/pod/json-patch.ts";
import { CA_MOUNT, SERVICE_ACCOUNT_MOUNT, renderGateway } from "#operator/admission/pod/render.ts";
import { withTrust } from "#operator/admission/pod/trust.ts";
import { GATEWAY_UID, SETTINGS } from "./surroundings.ts";

const FOLDER = join(import.meta.dirname, "shapes");

/** Namespaces of the shapes, by what their label says. */
export const NAMESPACES: Readonly<Record<string, Rootless>> = {
  shop: "force",
  "shop-root": "rootNoCaps",
  "shop-strict": "deny",
  "shop-writers": "force",
};

export interface Shape {
  readonly name: string;
  readonly pod: V1Pod;
  readonly facts: PodFacts;
}

export interface ShapeFile {
  readonly path: string;
  readonly outcomePath: string;
  readonly shapes: readonly Shape[];
}

export function shapeFiles(): readonly ShapeFile[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".yaml"))
    .toSorted()
    .map((file) => {
      const path = join(FOLDER, file);
      return {
        path,
        outcomePath: join(FOLDER, "outcomes", file),
        shapes: loadAll(readFileSync(path, "utf8")).map((document) => shapeOf(document as V1Pod)),
      };
    });
}

function shapeOf(pod: V1Pod): Shape {
  const { name, namespace } = pod.metadata ?? {};
  const rootless = NAMESPACES[namespace ?? ""];
  if (name === undefined || namespace === undefined || rootless === undefined) {
    throw new Error(`a shape has a name and one of the namespaces: ${name}`);
  }
  return { name, pod, facts: { namespace, rootless, mayWriteOurKinds: namespace === "shop-writers" } };
}

/** What becomes of the shapes of a file, as reviewers read it: the patch, with our own parts by name. */
export function outcomesOf({ shapes }: ShapeFile): string {
  const outcomes = shapes.map(({ name, pod, facts }) => {
    const result = inject(pod, facts, SETTINGS, GATEWAY_UID);
    const outcome =
      result.outcome === "refused"
        ? { refused: result.findings.map(({ field, rule, message }) => `${rule}: ${field} ${message}`) }
        : { injected: jsonPatch(pod, result.pod).map((operation) => abbreviated(operation)) };
    return [name, outcome];
  });
  return dump(Object.fromEntries(outcomes), { lineWidth: 160, flowLevel: 3 });
}

const parts = renderGateway(SETTINGS, GATEWAY_UID);
const NAMED: readonly (readonly [string, unknown])[] = [
  ["(gw-init)", parts.init],
  ["(gw)", parts.gateway],
  ["(bundle)", CA_MOUNT],
  ["(service account)", SERVICE_ACCOUNT_MOUNT],
  ["(trust)", withTrust([])],
  ...withTrust([]).map((variable) => [`(trust ${variable.name})`, variable] as const),
  ...parts.volumes.map((volume) => [`(${volume.name})`, volume] as const),
];

function abbreviated(value: unknown): unknown {
  const known = NAMED.find(([, part]) => isDeepStrictEqual(part, value));
  if (known !== undefined) return known[0];
  if (Array.isArray(value)) return value.map(abbreviated);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, abbreviated(inner)]));
}

/** The whole of what is put in, once. */
export const renderedText = (): string => dump(parts, { lineWidth: 160, noRefs: true });
export const RENDERED_PATH = join(FOLDER, "outcomes", "rendered", "gateway.yaml");

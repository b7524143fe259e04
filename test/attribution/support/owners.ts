/** A cluster that holds the owners which a test puts into it. */
import type { OwnerFacts } from "#operator/admission/facts/owners.ts";
import type { AttributionOptions } from "#operator/admission/origin/attribution.ts";
import { type Controller, registryOf } from "#operator/admission/origin/registry.ts";
import type { KubeObject } from "#operator/kube/resource.ts";

export interface ModelOwners extends OwnerFacts {
  put(plural: string, object: KubeObject): void;
  /** How often one was asked for. */
  readonly asked: () => number;
}

export function modelOwners(): ModelOwners {
  const objects = new Map<string, KubeObject>();
  let asked = 0;
  return {
    put: (plural, object) =>
      void objects.set(`${plural}/${object.metadata.namespace ?? ""}/${object.metadata.name}`, object),
    asked: () => asked,
    find: async ({ plural }, namespace, name) => {
      asked += 1;
      return objects.get(`${plural}/${namespace}/${name}`);
    },
  };
}

export function attributionWith(
  owners: OwnerFacts,
  { registered = [], nowMs = () => 0 }: { registered?: readonly Controller[]; nowMs?: () => number } = {},
): AttributionOptions {
  const registry = registryOf(registered);
  return { registry: () => registry, owners, nowMs };
}

/** Where nothing has an owner. */
export const ALONE: AttributionOptions = attributionWith(modelOwners());

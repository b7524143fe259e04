/** Which controllers are registered, from the store of WorkloadControllers. */
import type { WorkloadController } from "#core/api/kinds.gen.ts";
import type { OwnKind } from "../../kube/resource.ts";
import type { StoreView } from "../../kube/store.ts";
import { judgeKind } from "../kinds/judge.ts";
import { accountName, type Controller, type Registry, registryOf } from "../origin/registry.ts";
import { ClusterUnavailable } from "../server/webhook.ts";

export interface RegistryFacts {
  /** Throws `ClusterUnavailable` before they have been read. */
  registry(): Registry;
}

export interface RegistryFactsOptions {
  readonly controllers: Pick<StoreView<OwnKind>, "list" | "hasSynced">;
  /** Pods of such a namespace are agents, and no agent says whose something is. */
  readonly isEnforced: (namespace: string) => boolean;
}

export function registryFacts({ controllers, isEnforced }: RegistryFactsOptions): RegistryFacts {
  const read = new WeakMap<OwnKind, WorkloadController | "broken">();
  let last: { readonly believed: readonly WorkloadController[]; readonly registry: Registry } | undefined;

  /** One that is not as its schema says registers nobody. */
  function readOnce(object: OwnKind): readonly WorkloadController[] {
    const found = read.get(object) ?? readController(object);
    read.set(object, found);
    return found === "broken" ? [] : [found];
  }

  return {
    registry() {
      if (!controllers.hasSynced) throw new ClusterUnavailable("WorkloadControllers have not been read yet");
      const believed = controllers
        .list()
        .flatMap(readOnce)
        .filter(({ spec }) => !isEnforced(spec.serviceAccount.namespace));
      if (last === undefined || !isSame(last.believed, believed))
        last = { believed, registry: registryOf(believed.map(controllerOf)) };
      return last.registry;
    },
  };
}

function readController(object: OwnKind): WorkloadController | "broken" {
  const judgement = judgeKind(object, object.metadata.uid ?? "");
  return (judgement.kind === "workloadController" ? judgement.controller : undefined) ?? "broken";
}

export function controllerOf({ spec }: WorkloadController): Controller {
  const { serviceAccount, owns = [], pods = "AtCreation" } = spec;
  return {
    user: accountName(serviceAccount.namespace, serviceAccount.name),
    owns: owns.map(({ group, version, resource, kind, templatePaths = ["spec"], pool = false }) => ({
      group,
      version,
      plural: resource,
      kind,
      determining: templatePaths.map((path) => path.split(".")),
      isPool: pool,
    })),
    pods,
    keepsAuthors: spec.changes === "Keep",
    mayBeUnbound: spec.unboundTokens === "Accepted",
  };
}

function isSame<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

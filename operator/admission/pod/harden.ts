/** Forces on the author's own containers what needs no consent: less right than a container has by default, and a stated user. */
import type { V1Pod, V1PodSpec } from "@kubernetes/client-node";
import { FORCED_UID } from "../../names.ts";
import type { PodFacts, Rootless } from "./contract.ts";
import { CA_MOUNT, SERVICE_ACCOUNT_MOUNT } from "./render.ts";
import { isCaMount, isServiceAccountMount } from "./strip.ts";
import { withTrust } from "./trust.ts";
import { type AnyContainer, specOf } from "./view.ts";

export function harden(pod: V1Pod, facts: PodFacts): V1Pod {
  const spec = specOf(pod);
  const each = <C extends AnyContainer>(container: C): C => hardenContainer(container, spec, facts.rootless);
  return {
    ...pod,
    spec: {
      ...spec,
      automountServiceAccountToken: false,
      // What is true stays, to be refused: whoever asks for one process namespace needs to hear that there is none.
      shareProcessNamespace: spec.shareProcessNamespace ?? false,
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(each) }),
      containers: spec.containers.map(each),
    },
  };
}

export function hardenContainer<C extends AnyContainer>(
  container: C,
  spec: V1PodSpec,
  rootless: Rootless,
): C {
  const given = container.securityContext ?? {};
  const user = given.runAsUser ?? spec.securityContext?.runAsUser ?? userFor(container, spec, rootless);
  const added = given.capabilities?.add ?? [];
  const mounts = container.volumeMounts ?? [];
  return {
    ...container,
    securityContext: {
      ...given,
      ...(user === undefined ? {} : { runAsUser: user }),
      allowPrivilegeEscalation: false,
      capabilities: { ...(added.length === 0 ? {} : { add: added }), drop: ["ALL"] },
      seccompProfile: given.seccompProfile ??
        spec.securityContext?.seccompProfile ?? { type: "RuntimeDefault" },
    },
    env: withTrust(container.env ?? []),
    volumeMounts: [
      ...mounts,
      ...(mounts.some(isCaMount) ? [] : [CA_MOUNT]),
      ...(mounts.some(isServiceAccountMount) ? [] : [SERVICE_ACCOUNT_MOUNT]),
    ],
  };
}

/** For a container that says nothing. The image's own USER is not asked: admission cannot see it, and it may be the gateway's. */
function userFor(container: AnyContainer, spec: V1PodSpec, rootless: Rootless): number | undefined {
  const notRoot = container.securityContext?.runAsNonRoot ?? spec.securityContext?.runAsNonRoot ?? false;
  const users = {
    deny: undefined,
    force: FORCED_UID,
    rootNoCaps: notRoot ? FORCED_UID : 0,
  } satisfies Record<Rootless, number | undefined>;
  return users[rootless];
}

/** Pods that have everything but what an example takes from them. */
import type { V1Pod } from "@kubernetes/client-node";
import { hardenContainer } from "#operator/admission/pod/harden.ts";
import { renderGateway } from "#operator/admission/pod/render.ts";
import type { RuleName } from "#operator/admission/pod/rules/index.ts";
import { exampleOf } from "#test/pods/surroundings.ts";
import { GATEWAY_UID, stamped } from "./agents.ts";
import type { Guarded } from "./cluster.ts";

/** Hardened and with its gateway, but what the example says stays as it says it. */
export function whole({ injection, origin }: Guarded, example: string, broken?: RuleName): V1Pod {
  const { pod, facts } = exampleOf(example);
  const spec = pod.spec ?? { containers: [] };
  const { init, gateway, volumes } = renderGateway(injection, GATEWAY_UID);
  const placed = {
    ...pod,
    metadata: { ...pod.metadata, namespace: "" },
    spec: {
      automountServiceAccountToken: false,
      ...spec,
      initContainers:
        broken === "gateway" ? (spec.initContainers ?? []) : [init, gateway, ...(spec.initContainers ?? [])],
      containers: spec.containers.map((container) => {
        const hardened = hardenContainer(container, spec, facts.rootless);
        const capabilities = {
          ...hardened.securityContext?.capabilities,
          ...container.securityContext?.capabilities,
        };
        const securityContext = { ...hardened.securityContext, ...container.securityContext, capabilities };
        return {
          ...hardened,
          securityContext,
          ...(broken === "trust-bundle" ? { volumeMounts: [] } : {}),
        };
      }),
      volumes: [...(spec.volumes ?? []), ...volumes],
    },
  };
  return stamped(placed, origin);
}

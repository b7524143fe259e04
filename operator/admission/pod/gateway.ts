/** Whether the gateway of a pod is what would be put in. */
import type { V1Pod } from "@kubernetes/client-node";
import type { InjectionSettings, Rendering } from "./contract.ts";
import { containerDifferences, differences } from "./differences.ts";
import { renderGateway } from "./render.ts";
import { isGatewayUid } from "./uid.ts";
import { gatewayOf, specOf } from "./view.ts";

/** Fields at which the gateway of `pod` is not that of `rendering`, for the user it claims to run as. */
export function gatewayDifferences(pod: V1Pod, rendering: Rendering, uid: number): readonly string[] {
  const expected = renderGateway(rendering, uid);
  const { init, gateway } = gatewayOf(pod);
  const volumes = (specOf(pod).volumes ?? []).map((volume, index) => ({
    volume,
    field: `spec.volumes[${index}]`,
  }));
  return [
    ...(init === undefined
      ? ["spec.initContainers[0]"]
      : containerDifferences(expected.init, init, "spec.initContainers[0]")),
    ...(gateway === undefined
      ? ["spec.initContainers[1]"]
      : containerDifferences(expected.gateway, gateway, "spec.initContainers[1]")),
    ...expected.volumes.flatMap((wanted) => {
      const found = volumes.filter(({ volume }) => volume.name === wanted.name);
      const [first] = found;
      if (first === undefined || found.length > 1) return [`spec.volumes[${wanted.name}]`];
      return differences(wanted, first.volume, first.field);
    }),
  ];
}

/** The same against everything that a pod may have been injected with; the differences named are those to the present shape. */
export function gatewayFaults(pod: V1Pod, settings: InjectionSettings): readonly string[] {
  const { init, gateway } = gatewayOf(pod);
  const uid = gateway?.securityContext?.runAsUser;
  if (init === undefined || gateway === undefined) {
    return [`spec.initContainers[${init === undefined ? 0 : 1}]`];
  }
  if (!isGatewayUid(uid)) return ["spec.initContainers[1].securityContext.runAsUser"];
  const present = gatewayDifferences(pod, settings, uid);
  const former = settings.former ?? [];
  if (present.length === 0 || former.some((one) => gatewayDifferences(pod, one, uid).length === 0)) return [];
  return present;
}

import type { V1Pod } from "@kubernetes/client-node";
import { ANNOTATIONS } from "../../names.ts";
import type { Inject, InjectionSettings } from "./contract.ts";
import { gatewayDifferences } from "./gateway.ts";
import { harden } from "./harden.ts";
import { judge } from "./judge.ts";
import { type GatewayParts, renderGateway } from "./render.ts";
import { withRoom } from "./resources.ts";
import { oversize } from "./size.ts";
import { strip } from "./strip.ts";
import { freeUid, isGatewayUid } from "./uid.ts";
import { bareView, gatewayOf, specOf } from "./view.ts";

export const inject: Inject = (pod, facts, settings, gatewayUid) => {
  const large = oversize(pod);
  if (large.length > 0) return { outcome: "refused", findings: large };
  const earlier = earlierRound(pod, settings);
  const bare = strip(pod);
  const uid = freeUid(earlier?.uid ?? gatewayUid, bare);
  const hardened = harden(bare, facts);
  const findings = judge(bareView(hardened, facts, settings, uid));
  if (findings.length > 0) return { outcome: "refused", findings };
  const parts = earlier?.uid === uid ? earlier.parts : renderGateway(settings, uid);
  return { outcome: "injected", pod: place(hardened, parts, uid) };
};

interface EarlierRound {
  readonly uid: number;
  readonly parts: GatewayParts;
}

/**
 * Other webhooks may make the API server ask us twice; the answer must not change for that, and what LimitRange has added to the
 * gateway since must stay. What is not our own rendering is done anew, so that a shape that somebody made up says nothing.
 */
function earlierRound(pod: V1Pod, settings: InjectionSettings): EarlierRound | undefined {
  const { init, gateway } = gatewayOf(pod);
  const uid = gateway?.securityContext?.runAsUser;
  if (init === undefined || gateway === undefined || !isGatewayUid(uid)) return undefined;
  if (gatewayDifferences(pod, settings, uid).length > 0) return undefined;
  return { uid, parts: { init, gateway, volumes: renderGateway(settings, uid).volumes } };
}

function place(pod: V1Pod, { init, gateway, volumes }: GatewayParts, uid: number): V1Pod {
  const spec = specOf(pod);
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata?.annotations, [ANNOTATIONS.injected]: JSON.stringify({ v: 1, uid }) },
    },
    spec: withRoom({
      ...spec,
      initContainers: [init, gateway, ...(spec.initContainers ?? [])],
      volumes: [...(spec.volumes ?? []), ...volumes],
    }),
  };
}

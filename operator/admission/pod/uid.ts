/** As whom the gateway of a pod runs: nobody else in it may. */
import type { V1Pod } from "@kubernetes/client-node";
import { GATEWAY_UIDS } from "../../names.ts";
import { containersOf, specOf } from "./view.ts";

/** `wanted`, or the next number that no user and no group of the pod has. */
export function freeUid(wanted: number, pod: V1Pod): number {
  const taken = idsOf(pod);
  const span = GATEWAY_UIDS.last - GATEWAY_UIDS.first + 1;
  let uid = wanted;
  for (let tries = 0; taken.has(uid) && tries < span; tries++) {
    uid = GATEWAY_UIDS.first + ((uid + 1 - GATEWAY_UIDS.first) % span);
  }
  return uid;
}

export const isGatewayUid = (uid: number | undefined): uid is number =>
  uid !== undefined && Number.isInteger(uid) && uid >= GATEWAY_UIDS.first && uid <= GATEWAY_UIDS.last;

function idsOf(pod: V1Pod): ReadonlySet<number | undefined> {
  const spec = specOf(pod);
  const { runAsUser, runAsGroup, fsGroup, supplementalGroups = [] } = spec.securityContext ?? {};
  const containers = containersOf(spec).flatMap(({ container: { securityContext } }) => [
    securityContext?.runAsUser,
    securityContext?.runAsGroup,
  ]);
  return new Set([runAsUser, runAsGroup, fsGroup, ...supplementalGroups, ...containers]);
}
